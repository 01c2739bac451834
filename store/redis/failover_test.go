package redis_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/servertest"
	"github.com/pawlauth/pawl/store/redis"
	"github.com/pawlauth/pawl/store/storetest"
	"github.com/pawlauth/pawl/token"
)

// again asks until there is an answer. Whatever is wrong with the servers, it must
// not look like one.
func again(t *testing.T, f func(context.Context) error) {
	t.Helper()
	servertest.Await(t, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		err := f(ctx)
		for _, answer := range []error{pawl.ErrNotFound, pawl.ErrConflict, pawl.ErrEnded} {
			if errors.Is(err, answer) {
				t.Fatalf("a server that cannot answer answered: %v", err)
			}
		}
		return err
	})
}

func create(t *testing.T, s *redis.Store, user string) pawl.Session {
	t.Helper()
	rec := storetest.NewSession(user, noon)
	if _, err := s.Create(t.Context(), rec, pawl.Mark{}, 0); err != nil {
		t.Fatal(err)
	}
	return rec
}

func rotate(t *testing.T, s *redis.Store, from pawl.Session, at time.Time) pawl.Session {
	t.Helper()
	next := storetest.Advanced(from, at)
	if ok, err := s.Rotate(t.Context(), from, next); err != nil || !ok {
		t.Fatal(ok, err)
	}
	return next
}

func end(t *testing.T, s *redis.Store, k pawl.SessionKey) {
	t.Helper()
	if ok, err := s.End(t.Context(), k, api.ReasonSignedOut, noon); err != nil || !ok {
		t.Fatal(ok, err)
	}
}

// SECURITY 29: a fail-over that loses writes: a rotation that was lost is restored by the rule,
// an end that was lost can be made again, and a follower of the log is told.
func TestAFailOverThatLosesWrites(t *testing.T) {
	t.Parallel()
	servers := servertest.StartSentinel(t, 1)
	servers.DownAfter(2 * time.Second)
	s := openAt(t, fresh(t, servers.URL))
	turning, ending := create(t, s, "turning"), create(t, s, "ending")
	kept := create(t, s, "ending") // so that both are in one log
	end(t, s, kept.SessionKey)     // waits for the replica, which has all of this then
	before := follow(t, s, "", "kept")

	servers.Master().CutReplicas()
	lost := rotate(t, s, turning, noon.Add(time.Hour))
	end(t, s, ending.SessionKey)
	cursor := follow(t, s, before, "ending").Cursor
	servers.KillMaster()

	var page pawl.RevocationPage
	again(t, func(ctx context.Context) (err error) {
		page, err = s.Revocations(ctx, cursor, 10)
		return err
	})
	if !page.Reset || len(page.Entries) != 1 || page.Entries[0].ID != kept.ID {
		t.Errorf("a follower of the log that was lost: %+v", page)
	}
	var rec pawl.Session
	again(t, func(ctx context.Context) (err error) {
		rec, _, err = s.Get(ctx, turning.SessionKey)
		return err
	})
	if rec != turning {
		t.Fatalf("the replica has %+v", rec)
	}
	d := pawl.Decide(&rec, pawl.Standing{}, pawl.Presented{Refresh: token.Refresh{
		Generation: lost.Generation, Issued: lost.Rotated, Expires: lost.IdleExpires,
	}}, noon.Add(time.Hour), pawl.Policy{ReuseWindow: time.Minute})
	if d.Row != 2 {
		t.Fatalf("row %d", d.Row)
	}
	if ok, err := s.Rotate(t.Context(), rec, d.Next); err != nil || !ok {
		t.Errorf("the lost rotation is not restored: %v, %v", ok, err)
	}
	end(t, s, ending.SessionKey)
	follow(t, s, page.Cursor, "ending")
}

// follow reads the one new entry of the log, which is about that user's session.
func follow(t *testing.T, s *redis.Store, after any, what string) pawl.RevocationPage {
	t.Helper()
	cursor := ""
	switch a := after.(type) {
	case string:
		cursor = a
	case pawl.RevocationPage:
		cursor = a.Cursor
	}
	page, err := s.Revocations(t.Context(), cursor, 10)
	if err != nil || len(page.Entries) != 1 || page.Reset != (cursor == "") || page.More {
		t.Fatalf("%s: %+v, %v", what, page, err)
	}
	return page
}

// load turns sessions on, each by one client that reads, rotates and reads again,
// until stop. It counts the calls that got no answer.
type load struct {
	t       *testing.T
	s       *redis.Store
	stop    chan struct{}
	running sync.WaitGroup
	turned  atomic.Int64
	failed  atomic.Int64
	last    sync.Map // the error by its text
	gone    sync.Once
}

func startLoad(t *testing.T, s *redis.Store, sessions []pawl.Session) *load {
	l := &load{t: t, s: s, stop: make(chan struct{})}
	for _, rec := range sessions {
		l.running.Go(func() { l.turn(rec.SessionKey) })
	}
	return l
}

func (l *load) turn(k pawl.SessionKey) {
	for {
		select {
		case <-l.stop:
			return
		default:
		}
		pause := time.Millisecond // leaves the servers time to watch each other
		if err := l.once(k); err != nil {
			l.failed.Add(1)
			l.last.Store(err.Error(), true)
			pause = 10 * time.Millisecond
		}
		time.Sleep(pause)
	}
}

func (l *load) once(k pawl.SessionKey) error {
	ctx, cancel := context.WithTimeout(l.t.Context(), 10*time.Second)
	defer cancel()
	rec, mark, err := l.s.Get(ctx, k)
	if errors.Is(err, pawl.ErrNotFound) || err == nil && !rec.Live(mark, noon) {
		l.gone.Do(func() { l.t.Errorf("%v is gone: %+v, %v", k, rec, err) })
	}
	if err != nil {
		return err
	}
	ok, err := l.s.Rotate(ctx, rec, storetest.Advanced(rec, rec.Opened.Add(time.Millisecond)))
	if err == nil && ok {
		l.turned.Add(1)
	}
	return err
}

// more waits until so many more rotations have been made.
func (l *load) more(n int64) {
	l.t.Helper()
	want := l.turned.Load() + n
	servertest.Await(l.t, func() error {
		if have := l.turned.Load(); have < want {
			return fmt.Errorf("%d rotations, not %d", have, want)
		}
		return nil
	})
}

// end gives how many calls got no answer.
func (l *load) end() (failed int64) {
	l.t.Helper()
	close(l.stop)
	l.running.Wait()
	var said []string
	l.last.Range(func(text, _ any) bool { said = append(said, text.(string)); return true })
	l.t.Logf("%d rotations, %d calls without an answer: %s", l.turned.Load(), l.failed.Load(), strings.Join(said, "; "))
	return l.failed.Load()
}

func many(t *testing.T, s *redis.Store, n int) (all []pawl.Session) {
	t.Helper()
	for i := range n {
		all = append(all, create(t, s, fmt.Sprint("user ", i)))
	}
	end(t, s, create(t, s, "waits for the replica").SessionKey)
	return all
}

func TestSentinelFailOverUnderLoad(t *testing.T) {
	t.Parallel()
	servers := servertest.StartSentinel(t, 2)
	s := openAt(t, fresh(t, servers.URL))
	l := startLoad(t, s, many(t, s, 8))
	l.more(50)
	servers.FailOver() // the old primary lives on and refuses writes
	l.more(50)
	servers.Settle()
	killed, _ := servers.KillMaster()
	l.more(50)
	killed.Restart()
	l.more(50)
	l.end()
}

func TestClusterFailOverUnderLoad(t *testing.T) {
	t.Parallel()
	servers := servertest.StartCluster(t)
	s := openAt(t, fresh(t, servers.URL))
	all := many(t, s, 30) // on all primaries
	l := startLoad(t, s, all)
	l.more(100)
	servers.KillMaster(0)
	l.more(100)
	l.end()
	for _, rec := range all {
		again(t, func(ctx context.Context) error {
			_, _, err := s.Get(ctx, rec.SessionKey)
			return err
		})
	}
	again(t, func(ctx context.Context) error { // in all partitions
		_, err := s.EndAll(ctx, api.ReasonEndedByAdmin, noon)
		return err
	})
	for _, rec := range all {
		if now, mark, err := s.Get(t.Context(), rec.SessionKey); err != nil || now.Live(mark, noon) {
			t.Errorf("%v lives after everyone's end: %v", rec.SessionKey, err)
		}
	}
}

// Slots that move to another primary, with their keys, lose nothing and refuse
// nobody; what ends meanwhile has ended, with its entry.
func TestSlotsMoveUnderLoad(t *testing.T) {
	redis.MovesTakeTheirTime(t)
	servers := servertest.StartCluster(t)
	from, to := servers.Nodes[0], servers.Nodes[1]
	s := openAt(t, fresh(t, limited(servers.URL, servers.Nodes...)))
	all := many(t, s, 200)
	l := startLoad(t, s, all[:16])
	l.more(50)
	slots := map[string]bool{}
	for _, key := range strings.Fields(from.Do("KEYS", "*everyone")) {
		slots[from.Do("CLUSTER", "KEYSLOT", key)] = true
	}
	moved := 0
	for slot := range slots {
		servers.MoveSlot(slot, from, to)
		if moved++; moved%2 == 0 {
			servers.MoveSlot(slot, to, from)
		}
		if moved == 10 {
			break
		}
		end(t, s, all[len(all)-moved].SessionKey)
	}
	l.more(50)
	if n := l.end(); n != 0 {
		t.Errorf("%d calls got no answer", n)
	}
	page, err := s.Revocations(t.Context(), "", 100)
	if err != nil || len(page.Entries) != moved {
		t.Errorf("%d entries of %d ends: %v", len(page.Entries), moved, err)
	}
	if n, err := s.CountLive(t.Context(), noon); err != nil || n != len(all)-moved+1 {
		t.Errorf("%d live, %v", n, err)
	}
}
