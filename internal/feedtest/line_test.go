package feedtest

import (
	"net"
	"sync"
	"testing"
)

// A line is a network between a guard and its issuer, which can be cut (ends
// everything, refuses anew) and held (nothing comes through, nothing ends).
type line struct {
	l      net.Listener
	target string

	mu    sync.Mutex
	down  bool
	gate  chan struct{} // closed: open
	conns map[net.Conn]bool
}

func newLine(t *testing.T, target string) *line {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &line{l: l, target: target, gate: make(chan struct{}), conns: map[net.Conn]bool{}}
	close(n.gate)
	var done sync.WaitGroup
	done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			done.Go(func() { n.carry(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		n.cut()
		n.release()
		done.Wait()
	})
	return n
}

func (n *line) address() string { return n.l.Addr().String() }

func (n *line) carry(c net.Conn) {
	defer c.Close()
	n.mu.Lock()
	down := n.down
	n.mu.Unlock()
	if down {
		return
	}
	s, err := net.Dial("tcp", n.target)
	if err != nil {
		return
	}
	defer s.Close()
	n.mu.Lock()
	n.conns[c], n.conns[s] = true, true
	n.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { n.copy(s, c) })
	both.Go(func() { n.copy(c, s) })
	both.Wait()
	n.mu.Lock()
	delete(n.conns, c)
	delete(n.conns, s)
	n.mu.Unlock()
}

func (n *line) copy(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	b := make([]byte, 32<<10)
	for {
		k, err := from.Read(b)
		n.mu.Lock()
		gate := n.gate
		n.mu.Unlock()
		<-gate
		if err != nil {
			return
		}
		if _, err := to.Write(b[:k]); err != nil {
			return
		}
	}
}

func (n *line) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = true
	for c := range n.conns {
		c.Close()
	}
}

func (n *line) join() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = false
}

func (n *line) hold() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.gate = make(chan struct{})
}

func (n *line) release() {
	n.mu.Lock()
	defer n.mu.Unlock()
	select {
	case <-n.gate:
	default:
		close(n.gate)
	}
}
