package redis

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/servertest"
)

// While a slot is in two places, calls that need keys of both wait until it has
// moved.
func TestCallsWaitForASlotThatMoves(t *testing.T) {
	MovesTakeTheirTime(t)
	servers := servertest.StartCluster(t)
	s := openTest(t, servers.URL)
	rec, ending := newIdle(t, s, "u"), newIdle(t, s, "u")
	at := int(slot(s.layout.tags[partition("u")]))
	from := servers.Nodes[at*3/slots]
	to := servers.Nodes[(at*3/slots+1)%3]
	servers.BeginMove(strconv.Itoa(at), from, to)
	host, port, _ := net.SplitHostPort(to.Addr)
	from.Do("MIGRATE", host, port, s.layout.user("u"), "0", "5000")

	refused := make(chan error, 3)
	var waiting sync.WaitGroup
	for _, call := range []func(context.Context) error{
		func(ctx context.Context) error { _, _, err := s.Get(ctx, rec.SessionKey); return err },
		func(ctx context.Context) error {
			ok, err := s.End(ctx, ending.SessionKey, api.ReasonSignedOut, noon)
			if !ok {
				err = errors.Join(err, errors.New("it has not ended"))
			}
			return err
		},
		func(ctx context.Context) error { _, err := s.Scan(ctx, "", 10); return err },
	} {
		waiting.Go(func() { refused <- call(t.Context()) })
	}
	servertest.Await(t, func() error {
		if !strings.Contains(from.Do("INFO", "errorstats"), "TRYAGAIN") {
			return errors.New("nobody has asked yet")
		}
		return nil
	})
	servers.MoveSlot(strconv.Itoa(at), from, to)
	waiting.Wait()
	for range 3 {
		if err := <-refused; err != nil {
			t.Error(err)
		}
	}
	if log := logOf(t, s); len(log) != 1 || log[0].ID != ending.ID {
		t.Errorf("the log: %+v", log)
	}
}

// SECURITY 86: ends whose slot is moving wait for the replica of the node that made them.
func TestEndsWaitWhereTheirSlotMoves(t *testing.T) {
	servers := servertest.StartCluster(t)
	user := on(openTest(t, servers.URL), 0, 0)
	at := int(slot(newLayout(defaultPrefix).tags[partition(user)]))
	from, to, replica := servers.Nodes[0], servers.Nodes[1], servers.Nodes[4]
	s := openTest(t, servers.URL+"&replicas=1")
	var all []pawl.Session
	for range 6 {
		all = append(all, newIdle(t, s, user))
	}
	try := func(state string, rec pawl.Session, want bool) {
		t.Helper()
		_, err := s.End(t.Context(), rec.SessionKey, api.ReasonSignedOut, noon)
		if (err == nil) != want {
			t.Errorf("%s: acknowledged %v: %v", state, err == nil, err)
		}
	}
	try("before it moves", all[5], true) // all keys of the partition are there
	servers.BeginMove(strconv.Itoa(at), from, to)
	host, port, _ := net.SplitHostPort(to.Addr)
	keys := strings.Fields(from.Do("CLUSTER", "GETKEYSINSLOT", strconv.Itoa(at), "10"))
	from.Do(append([]string{"MIGRATE", host, port, "", "0", "5000", "KEYS"}, keys...)...)
	try("asked", all[0], true)
	replica.Signal(syscall.SIGSTOP)
	try("asked, and the replica hangs", all[1], false)
	try("once more", all[1], false)
	replica.Signal(syscall.SIGCONT)
	try("asked again", all[1], true)
	servers.MoveSlot(strconv.Itoa(at), from, to)
	replica.Signal(syscall.SIGSTOP)
	try("moved, and the replica hangs", all[2], false)
	replica.Signal(syscall.SIGCONT)
	try("moved", all[3], true)
}
