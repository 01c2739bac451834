package redis_test

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/servertest"
	"github.com/pawlauth/pawl/store/redis"
	"github.com/pawlauth/pawl/store/storetest"
)

// calls are those of the store that need an answer. have is a session that lives.
func calls(s *redis.Store, have pawl.Session) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"Mark":   func(ctx context.Context) error { _, err := s.Mark(ctx, have.User); return err },
		"Get":    func(ctx context.Context) error { _, _, err := s.Get(ctx, have.SessionKey); return err },
		"List":   func(ctx context.Context) error { _, _, err := s.List(ctx, have.User, pawl.ListPlace{}, 0); return err },
		"Rotate": func(ctx context.Context) error { _, err := s.Rotate(ctx, have, have); return err },
		"End": func(ctx context.Context) error {
			_, err := s.End(ctx, have.SessionKey, api.ReasonSignedOut, noon)
			return err
		},
		"EndUser": func(ctx context.Context) error {
			_, _, err := s.EndUser(ctx, have.User, "", api.ReasonDisabled, noon)
			return err
		},
		"EndAll": func(ctx context.Context) error { _, err := s.EndAll(ctx, api.ReasonEndedByAdmin, noon); return err },
		"Create": func(ctx context.Context) error {
			_, err := s.Create(ctx, storetest.NewSession("new", noon), pawl.Mark{}, 0)
			return err
		},
		"Scan":        func(ctx context.Context) error { _, err := s.Scan(ctx, "", 1); return err },
		"CountLive":   func(ctx context.Context) error { _, err := s.CountLive(ctx, noon); return err },
		"Revocations": func(ctx context.Context) error { _, err := s.Revocations(ctx, "", 1); return err },
		"Sweep":       func(ctx context.Context) error { _, err := s.Sweep(ctx, noon, noon, 1); return err },
		"Now":         func(ctx context.Context) error { _, err := s.Now(ctx); return err },
		"Take": func(ctx context.Context) error {
			_, err := s.Take(ctx, noon, pawl.Try{Rate: pawl.Rate{Burst: 1, Period: time.Second}})
			return err
		},
	}
}

// A server that cannot answer gives an error, never one that says something of the
// session.
func TestAServerThatCannotAnswer(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t, "--busy-reply-threshold", "10")
	s := openAt(t, server.URL)
	have := create(t, s, "u")
	for _, test := range []struct {
		name        string
		begin, over func()
		but         []string // these are answered all the same
	}{
		{
			"its memory is full, and nobody is signed out for it",
			func() { server.Do("CONFIG", "SET", "maxmemory", "1") },
			func() { server.Do("CONFIG", "SET", "maxmemory", "0") },
			[]string{"Mark", "Get", "List", "Rotate", "Scan", "CountLive", "Revocations", "Now"}, // and ends: the next test
		},
		{
			"it is a replica: a demoted primary, say",
			func() { server.Do("REPLICAOF", "127.0.0.1", "1") },
			func() { server.Do("REPLICAOF", "NO", "ONE") },
			nil,
		},
		{
			"it lacks replicas",
			func() { server.Do("CONFIG", "SET", "min-replicas-to-write", "1") },
			func() { server.Do("CONFIG", "SET", "min-replicas-to-write", "0") },
			nil,
		},
		{
			"somebody's script keeps it busy",
			func() {
				go server.Try("EVAL", "while true do end", "0")
				servertest.Await(t, func() error {
					if server.Try("GET", "x") == nil {
						return errors.New("it is not busy yet")
					}
					return nil
				})
			},
			func() { servertest.Await(t, func() error { return server.Try("SCRIPT", "KILL") }) },
			nil,
		},
		{
			"it hangs",
			func() { server.Signal(syscall.SIGSTOP) },
			func() { server.Signal(syscall.SIGCONT) },
			nil,
		},
		{"it is gone", func() { server.Kill() }, func() { server.Restart() }, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.begin()
			answered := map[string]bool{}
			for _, name := range test.but {
				answered[name] = true
			}
			for name, call := range calls(s, have) {
				if answered["Rotate"] && strings.HasPrefix(name, "End") {
					continue
				}
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				err := call(ctx)
				cancel()
				if errors.Is(err, pawl.ErrNotFound) || errors.Is(err, pawl.ErrConflict) || errors.Is(err, pawl.ErrEnded) || (err == nil) != answered[name] {
					t.Errorf("%s: %v", name, err)
				}
			}
			test.over()
			again(t, func(ctx context.Context) error {
				rec, mark, err := s.Get(ctx, have.SessionKey)
				if err == nil && !rec.Live(mark, noon) {
					t.Errorf("it was ended: %+v, %+v", rec, mark)
				}
				return err
			})
		})
	}
}

func TestEndsGoOnWhereMemoryIsFull(t *testing.T) {
	server := servertest.StartRedis(t)
	s := openAt(t, server.URL)
	have, others := create(t, s, "u"), create(t, s, "v")
	server.Do("CONFIG", "SET", "maxmemory", "1")
	end(t, s, have.SessionKey)
	if _, n, err := s.EndUser(t.Context(), others.User, "", api.ReasonDisabled, noon); n != 1 || err != nil {
		t.Error(n, err)
	}
	page, err := s.Revocations(t.Context(), "", 10)
	if err != nil || len(page.Entries) != 2 {
		t.Errorf("%+v, %v", page, err)
	}
}

// A server that forgot the scripts, as one does that was started again, is sent
// them.
func TestScriptsAreSentAgain(t *testing.T) {
	server := servertest.StartRedis(t)
	s := openAt(t, server.URL)
	have := create(t, s, "u")
	for name, call := range calls(s, have) {
		server.Do("SCRIPT", "FLUSH")
		if err := call(t.Context()); err != nil && !errors.Is(err, pawl.ErrEnded) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A call without a deadline does not wait for ever.
func TestAServerThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t)
	s := openAt(t, server.URL)
	server.Signal(syscall.SIGSTOP)
	defer server.Signal(syscall.SIGCONT)
	if _, err := s.Mark(t.Context(), "u"); err == nil {
		t.Errorf("a server that hangs: %v", err)
	}
}

func TestAClosedStoreDoesNothing(t *testing.T) {
	server := servertest.StartRedis(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent()) // and leaves nothing behind
	s, err := redis.Open(t.Context(), server.URL, redis.Options{})
	if err != nil {
		t.Fatal(err)
	}
	have := create(t, s, "u")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, call := range calls(s, have) {
		if err := call(t.Context()); err == nil || errors.Is(err, pawl.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
