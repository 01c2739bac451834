package chaostest

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/servertest"
)

// patience bounds every wait for something that must happen.
const patience = time.Minute

// house is a store with its nodes, and what they said.
type house struct {
	t      *testing.T
	engine engine
	nodes  []*node
	http   *http.Client
	secret string // of the registered client "backend", which signs people in
	sum    *tally
	bound  time.Duration // by when every guard must refuse what was ended

	changes atomic.Int64 // users whose password was changed

	mu   sync.Mutex
	rows map[string]int // "5-reissue" → how often nodes said so
}

// node is one process. Clients reach it, and it reaches the store, by proxies.
type node struct {
	h     *house
	role  role
	url   string
	front *servertest.Proxy
	back  []*servertest.Proxy

	mu   sync.Mutex
	cmd  *exec.Cmd
	in   io.Writer
	said sync.WaitGroup

	stopped chan said // where the node has stopped
}

// newHouse starts n nodes. With more than one their clocks are ten seconds apart.
func newHouse(t *testing.T, e engine, n int, change func(*role)) *house {
	t.Helper()
	h := &house{
		t: t, engine: e, rows: map[string]int{}, sum: newTally(), bound: patience,
		http: &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 100}},
	}
	master := pawl.NewMasterKey().Text()
	direct := e.role(e.addrs)
	direct.MasterKey = master
	h.furnish(direct)
	for i := range n {
		nd := &node{h: h, stopped: make(chan said, 100)}
		nd.reach(t, e)
		nd.role.MasterKey, nd.role.Serve = master, servertest.FreeAddr(t)
		if n > 1 && e.clock {
			nd.role.Skew = time.Duration(i)*10*time.Second/time.Duration(n-1) - 5*time.Second
		}
		if change != nil {
			change(&nd.role)
		}
		nd.front = servertest.StartProxy(t, nd.role.Serve)
		nd.url = "http://" + nd.front.Addr
		h.nodes = append(h.nodes, nd)
		nd.start()
		t.Cleanup(nd.kill)
	}
	t.Cleanup(h.http.CloseIdleConnections)
	return h
}

// reach puts a proxy between the node and each server of the store.
func (n *node) reach(t *testing.T, e engine) {
	t.Helper()
	addrs := append([]string(nil), e.addrs...)
	by := map[string]string{}
	for i, a := range e.addrs {
		n.back = append(n.back, servertest.StartProxy(t, a))
		if by[a] = n.back[i].Addr; !e.mapped {
			addrs[i] = by[a]
		}
	}
	if n.role = e.role(addrs); e.mapped {
		n.role.Proxies = by
	}
}

// any returns a node at random.
func (h *house) any() *node { return h.nodes[rand.N(len(h.nodes))] }

// count is how often nodes said that they took a row.
func (h *house) count(row string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rows[row]
}

// start runs the node until it answers. Where the store is away it ends at once,
// and is started again, as any supervisor would.
func (n *node) start() {
	n.h.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		gone := n.run()
		for running := true; running; {
			if ready("http://"+n.role.Serve) == nil {
				return
			}
			select {
			case <-gone:
				running = false
			case <-time.After(10 * time.Millisecond):
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	n.h.t.Errorf("node %s does not get ready", n.role.Serve)
}

// run starts the process; the channel is closed when it is gone.
func (n *node) run() <-chan struct{} {
	told, _ := json.Marshal(n.role)
	exe, err := os.Executable()
	if err != nil {
		n.h.t.Error(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), roleVariable+"="+string(told), "GORACE=atexit_sleep_ms=0 halt_on_error=1", "GOMAXPROCS=2")
	log := &logTail{}
	cmd.Stderr = log
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil || cmd.Start() != nil {
		n.h.t.Error("cannot start a node", err1, err2)
	}
	n.mu.Lock()
	n.cmd, n.in = cmd, in
	n.mu.Unlock()
	gone := make(chan struct{})
	n.said.Go(func() {
		n.listen(out)
		_ = cmd.Wait()
		_ = in.Close()
		log.check(n.h.t)
		close(gone)
	})
	return gone
}

// kill is kill -9: nothing gets to say goodbye.
func (n *node) kill() {
	n.mu.Lock()
	_ = n.cmd.Process.Kill()
	n.mu.Unlock()
	n.said.Wait()
}

// listen keeps what the node says.
func (n *node) listen(r io.Reader) {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		var s said
		if json.Unmarshal(lines.Bytes(), &s) != nil {
			continue // it was killed in the middle of the line
		}
		n.h.mu.Lock()
		n.h.rows[s.name()]++
		n.h.mu.Unlock()
		if s.Kind == stopsBefore || s.Kind == stopsAfter {
			n.stopped <- s
		}
	}
}

// eventually waits until f gives nil.
func eventually(ctx context.Context, t testing.TB, what string, f func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
		if err = f(); err == nil {
			return
		}
	}
	t.Fatalf("it does not come to pass that %s: %v", what, err)
}
