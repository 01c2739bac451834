package servertest

import (
	"net"
	"sync"
	"testing"
	"time"
)

// A Fault is what a proxy does to what passes through it.
type Fault int

// What can be wrong with a network.
const (
	Pass Fault = iota // nothing
	// Refuse closes every connection, and each new one at once.
	Refuse
	// Hold keeps everything back, in both directions, and so new connections too.
	// What was held back goes on its way when the fault is over, if both ends are
	// still there.
	Hold
	// DropReplies lets requests through, and closes a connection when the first
	// byte of an answer comes back on it: what was asked for is done, and whoever
	// asked does not learn of it.
	DropReplies
)

func (f Fault) String() string {
	return [...]string{"pass", "refuse", "hold", "drop replies"}[f]
}

// Proxy passes TCP connections on to a server, and is the fault in between. Its
// methods are safe for concurrent use.
type Proxy struct {
	Addr string // where it listens, host:port; stays the same

	mu      sync.Mutex
	target  string
	fault   Fault
	changed chan struct{} // closed when fault changes
	delay   time.Duration
	conns   map[net.Conn]bool
	dropped int
	closed  bool
}

// StartProxy starts a proxy to a server, until the test ends. The server need
// not be there yet.
func StartProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: l.Addr().String(), target: target, changed: make(chan struct{}), conns: map[net.Conn]bool{}}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.close()
		all.Wait()
	})
	return p
}

// Set has the proxy behave as f says from now on, for the connections that it
// has too.
func (p *Proxy) Set(f Fault) {
	p.mu.Lock()
	p.fault = f
	close(p.changed)
	p.changed = make(chan struct{})
	p.mu.Unlock()
	if f == Refuse {
		p.Cut()
	}
}

// Delay has each piece of data wait for d from now on, in both directions; 0: not
// at all.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// Target names another server for the connections to come.
func (p *Proxy) Target(addr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = addr
}

// Cut closes the connections that there are, and says how many there were.
func (p *Proxy) Cut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
	return len(p.conns) / 2
}

// Dropped is how many answers were dropped so far.
func (p *Proxy) Dropped() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dropped
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.Set(Refuse)
}

// serve passes one connection on, and returns when it is over.
func (p *Proxy) serve(client net.Conn) {
	defer client.Close()
	if !p.keep(client) || p.wait() == Refuse {
		p.forget(client)
		return
	}
	defer p.forget(client)
	server, err := net.DialTimeout("tcp", p.to(), patience)
	if err != nil {
		return
	}
	defer server.Close()
	if !p.keep(server) {
		return
	}
	defer p.forget(server)
	var both sync.WaitGroup
	both.Go(func() { p.copy(server, client, false) })
	both.Go(func() { p.copy(client, server, true) })
	both.Wait()
}

// copy moves data one way until either end closes. Both ends are closed then: a
// connection that is half open is no use to a test.
func (p *Proxy) copy(dst, src net.Conn, replies bool) {
	defer src.Close()
	defer dst.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			if fault := p.wait(); fault == Refuse || fault == DropReplies && replies {
				p.count(fault)
				return
			}
			if _, err := dst.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// wait gives the fault once there is anything to do but to wait.
func (p *Proxy) wait() Fault {
	p.mu.Lock()
	delay := p.delay
	p.mu.Unlock()
	if delay > 0 {
		time.Sleep(delay)
	}
	for {
		p.mu.Lock()
		fault, changed := p.fault, p.changed
		p.mu.Unlock()
		if fault != Hold {
			return fault
		}
		<-changed
	}
}

func (p *Proxy) count(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f == DropReplies {
		p.dropped++
	}
}

func (p *Proxy) to() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.target
}

// keep remembers a connection, so that it can be cut; false when the proxy is
// closed.
func (p *Proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.conns[c] = true
	}
	return !p.closed
}

func (p *Proxy) forget(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}
