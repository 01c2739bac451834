package servertest_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl/internal/servertest"
)

// echo is a server that answers each line with its own name and the line, and
// counts the lines.
func echo(t *testing.T, name string) (addr string, lines *atomic.Int64) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	lines = &atomic.Int64{}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				for r := bufio.NewScanner(c); r.Scan(); {
					lines.Add(1)
					fmt.Fprintf(c, "%s %s\n", name, r.Text())
				}
			})
		}
	})
	t.Cleanup(func() { // after the proxy's, which closes the connections
		l.Close()
		all.Wait()
	})
	return l.Addr().String(), lines
}

type line struct {
	net.Conn
	*bufio.Reader
}

func dial(t *testing.T, p *servertest.Proxy) line {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return line{c, bufio.NewReader(c)}
}

// say sends a line and gives the answer.
func (l line) say(what string) (string, error) {
	if _, err := fmt.Fprintln(l.Conn, what); err != nil {
		return "", err
	}
	_ = l.SetReadDeadline(time.Now().Add(30 * time.Second))
	return l.ReadString('\n')
}

func (l line) want(t *testing.T, what, answer string) {
	t.Helper()
	if got, err := l.say(what); err != nil || got != answer+"\n" {
		t.Errorf("%q is answered %q, %v, want %q", what, got, err, answer)
	}
}

// broken: the answer does not come, and not for want of patience.
func (l line) broken(t *testing.T, what string) {
	t.Helper()
	if got, err := l.say(what); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%q is answered %q, %v, want a closed connection", what, got, err)
	}
}

func TestProxy(t *testing.T) {
	addr, lines := echo(t, "a")
	p := servertest.StartProxy(t, addr)
	c := dial(t, p)
	c.want(t, "1", "a 1")

	if n := p.Cut(); n != 1 {
		t.Errorf("%d connections were cut, want 1", n)
	}
	c.broken(t, "2")
	c = dial(t, p)
	c.want(t, "3", "a 3")

	p.Set(servertest.Refuse)
	c.broken(t, "4")
	dial(t, p).broken(t, "5")
	p.Set(servertest.Pass)
	c = dial(t, p)
	c.want(t, "6", "a 6")

	before := lines.Load()
	p.Set(servertest.DropReplies)
	c.broken(t, "7")
	if got := lines.Load() - before; got != 1 || p.Dropped() != 1 {
		t.Errorf("%d lines reached the server and %d answers were dropped, want 1 and 1", got, p.Dropped())
	}
	p.Set(servertest.Pass)

	p.Delay(50 * time.Millisecond)
	c = dial(t, p)
	began := time.Now()
	c.want(t, "8", "a 8")
	if took := time.Since(began); took < 100*time.Millisecond {
		t.Errorf("there and back took %v, want 50 ms each", took)
	}
	p.Delay(0)

	other, _ := echo(t, "b")
	p.Target(other)
	c.want(t, "9", "a 9")
	dial(t, p).want(t, "10", "b 10")
}

// TestProxyHolds: nothing gets through, and then all of it does.
func TestProxyHolds(t *testing.T) {
	addr, lines := echo(t, "a")
	p := servertest.StartProxy(t, addr)
	c := dial(t, p)
	c.want(t, "1", "a 1")
	p.Set(servertest.Hold)
	answered := make(chan error, 2)
	for _, l := range []line{c, dial(t, p)} {
		go func() {
			_, err := l.say("2")
			answered <- err
		}()
	}
	select {
	case err := <-answered:
		t.Errorf("there is an answer, %v, while everything is held", err)
	case <-time.After(100 * time.Millisecond):
	}
	if n := lines.Load(); n != 1 {
		t.Errorf("the server has seen %d lines, want 1", n)
	}
	p.Set(servertest.Pass)
	for range 2 {
		if err := <-answered; err != nil {
			t.Error(err)
		}
	}
}
