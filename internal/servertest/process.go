// Package servertest starts real servers for tests: each on a free loopback
// port, in a temporary folder, as a user without privileges where the server
// asks for that, stopped when the test ends.
package servertest

import (
	"bytes"
	"crypto/rand"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a server may take to start. It bounds a hang, and says
// nothing of speed.
const patience = time.Minute

// Process is a server that a test started.
type Process struct {
	Addr string // host:port

	t    testing.TB
	cmd  *exec.Cmd
	said *output
	gone chan struct{} // closed when the process is gone
}

// Options of a process.
type Options struct {
	Env   []string // besides the test's own
	Dir   string   // the working directory; empty: the test's
	As    *syscall.Credential
	Ready func() error // asked until it gives nil; nil: until something listens at the address
}

// Program gives the path of a server's program, looked for on the PATH and where
// Debian keeps servers. Without it the test is skipped, loudly: pkg says what
// to install. With -short no server is started.
func Program(t testing.TB, name, pkg string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("a real server is started without -short only")
	}
	for _, place := range []string{name, "/usr/sbin/" + name, "/usr/lib/postgresql/*/bin/" + name} {
		found, err := filepath.Glob(place)
		if err == nil && len(found) > 0 {
			place = found[len(found)-1]
		}
		if path, err := exec.LookPath(place); err == nil {
			return path
		}
	}
	t.Skipf("SKIPPED: %s is not installed (Debian: apt-get install %s): nothing was tested against a real one", name, pkg)
	return ""
}

// FreeAddr gives a loopback address whose port nobody listens at. It is below
// those that the system gives to outgoing connections: one of them could have it
// while the server at it is restarted.
func FreeAddr(t testing.TB) string {
	t.Helper()
	const lowest, ports = 10_000, 22_000
	for range 100 {
		n, _ := rand.Int(rand.Reader, big.NewInt(ports)) // it never fails
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.FormatInt(lowest+n.Int64(), 10)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

// Start runs the program until the test ends, and waits until it is ready. What
// it wrote is shown if the test fails.
func Start(t testing.TB, addr string, o Options, program string, args ...string) *Process {
	t.Helper()
	p := &Process{Addr: addr, t: t, said: &output{}, gone: make(chan struct{})}
	p.cmd = exec.Command(program, args...)
	p.cmd.Env = append(os.Environ(), o.Env...)
	p.cmd.Dir = o.Dir
	p.cmd.Stdout, p.cmd.Stderr = p.said, p.said
	p.cmd.SysProcAttr = detached(o.As)
	if err := p.launch(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("%s wrote:\n%s", filepath.Base(program), p.Said())
		}
	})
	p.await(o.Ready)
	return p
}

// launch starts the program, and waits for its end in the background, on a thread
// that lives as long: the system tells a child of the end of the thread that
// started it.
func (p *Process) launch() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait()
			close(p.gone)
		}
	}()
	return <-started
}

func (p *Process) await(ready func() error) {
	p.t.Helper()
	if ready == nil {
		ready = p.listens
	}
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if err = ready(); err == nil {
			return
		}
		select {
		case <-p.gone:
			p.t.Fatalf("%s ended:\n%s", p.cmd.Path, p.Said())
		case <-time.After(10 * time.Millisecond):
		}
	}
	p.t.Fatalf("%s is not ready: %v\n%s", p.cmd.Path, err, p.Said())
}

func (p *Process) listens() error {
	c, err := net.DialTimeout("tcp", p.Addr, time.Second)
	if err == nil {
		err = c.Close()
	}
	return err
}

// Signal sends the process a signal: SIGSTOP makes a server that hangs.
func (p *Process) Signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// Stop asks the server to end, and waits until it is gone.
func (p *Process) Stop(s syscall.Signal) {
	p.Signal(s)
	<-p.gone
}

// Kill ends the server as a power cut does, children included, and waits until it
// is gone. More than once is fine.
func (p *Process) Kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.gone
}

// runs reports whether the server has not ended.
func (p *Process) runs() bool {
	select {
	case <-p.gone:
		return false
	default:
		return true
	}
}

// Said is what the server has written so far.
func (p *Process) Said() string { return p.said.String() }

// output is a buffer that is written and read at the same time.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}
