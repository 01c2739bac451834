package postgres_test

import (
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/store/postgres"
	"github.com/pawlauth/pawl/store/storetest"
)

// cutter stands between a store and its server. Once armed, it lets one more
// request through and breaks the connection instead of giving the reply.
type cutter struct {
	l     net.Listener
	to    string
	armed atomic.Bool
	cut   atomic.Int64
}

func newCutter(t *testing.T, to string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	c := &cutter{l: l, to: to}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go c.serve(client)
		}
	}()
	return c
}

func (c *cutter) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", c.to)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	reply := make([]byte, 1<<16)
	for {
		n, err := server.Read(reply)
		if err != nil {
			return
		}
		if c.armed.CompareAndSwap(true, false) {
			c.cut.Add(1)
			return
		}
		if _, err := client.Write(reply[:n]); err != nil {
			return
		}
	}
}

// A write whose reply is lost is an error, and is not done again: the second time
// it would find its own work, and call it somebody else's. A read is done again.
func TestReplyIsLost(t *testing.T) {
	t.Parallel()
	srv := start(t)
	name := srv.database(t)
	direct := openAt(t, srv.URL(name), postgres.Options{})
	c := newCutter(t, srv.Addr)
	s := openAt(t, strings.Replace(srv.URL(name), srv.Addr, c.l.Addr().String(), 1), postgres.Options{Conns: 1})
	rec := storetest.NewSession("u", noon)
	if _, err := s.Create(t.Context(), rec, pawl.Mark{}, 0); err != nil {
		t.Fatal(err)
	}
	turn := func() bool {
		next := storetest.Advanced(rec, rec.Opened.Add(time.Millisecond))
		applied, err := s.Rotate(t.Context(), rec, next)
		if err == nil && applied {
			rec = next
		}
		return err == nil && applied
	}
	for range 2 { // the statement is prepared after these
		if !turn() {
			t.Fatal("not rotated")
		}
	}

	next := storetest.Advanced(rec, rec.Opened.Add(time.Millisecond))
	c.armed.Store(true)
	if applied, err := s.Rotate(t.Context(), rec, next); err == nil || answered(err) != nil || applied {
		t.Errorf("a rotation whose reply was lost: %v, %v", applied, err)
	}
	await(t, func() bool { got, _, err := direct.Get(t.Context(), rec.SessionKey); return err == nil && got == next })

	if _, _, err := s.Get(t.Context(), rec.SessionKey); err != nil {
		t.Fatal(err)
	}
	before := c.cut.Load()
	c.armed.Store(true)
	if got, _, err := s.Get(t.Context(), rec.SessionKey); err != nil || got != next || c.cut.Load() != before+1 {
		t.Errorf("a read whose reply was lost: %v, %v", got, err)
	}

	for rec = next; rec.Generation < next.Generation+2; {
		if !turn() {
			t.Fatal("not rotated")
		}
	}
	if _, err := s.End(t.Context(), storetest.NewSession("u", noon).SessionKey, "x", noon); err != nil { // prepares the statement
		t.Fatal(err)
	}
	c.armed.Store(true)
	if ended, err := s.End(t.Context(), rec.SessionKey, api.ReasonSignedOut, noon); err == nil || ended {
		t.Errorf("an end whose reply was lost: %v, %v", ended, err)
	}
	await(t, func() bool {
		page, err := direct.Revocations(t.Context(), "", 10)
		return err == nil && len(page.Entries) == 1
	})
}
