package redis_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/servertest"
	"github.com/pawlauth/pawl/store/redis"
	"github.com/pawlauth/pawl/store/storetest"
	"github.com/pawlauth/pawl/token"
)

// pair is a primary and a replica of it.
func pair(t *testing.T) (primary, replica *servertest.Redis) {
	t.Helper()
	primary, replica = servertest.StartRedis(t, "--repl-diskless-sync-delay", "0"), servertest.StartRedis(t, "--repl-diskless-sync-delay", "0")
	servertest.Follow(replica, primary)
	return primary, replica
}

// expecting is the address with the number of replicas that an end waits for.
func expecting(t *testing.T, address string, n int) string {
	t.Helper()
	sign := "?"
	if strings.Contains(address, "?") {
		sign = "&"
	}
	return fresh(t, address+sign+"replicas="+strconv.Itoa(n))
}

// SECURITY 86: with replicas=1 every end is an error while no replica has it. It stands, and the
// next try waits again, also where it finds the end made already.
func TestEndsNeedTheReplicasThatAreExpected(t *testing.T) {
	t.Parallel()
	primary, replica := pair(t)
	s := openAt(t, expecting(t, primary.URL, 1))
	again := func(kind, id, user string, at time.Time) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := s.EndAgain(ctx, pawl.LoggedEnd{Revocation: token.Revocation{
				Kind: kind, ID: id, Reason: api.ReasonSignedOut, NotBefore: at.Truncate(time.Second), At: at,
			}, User: user}, false)
			return err
		}
	}
	rec, third, other := create(t, s, "u"), create(t, s, "u"), create(t, s, "w")
	for _, test := range []struct {
		name string
		end  func(context.Context) error
	}{
		{"End", func(ctx context.Context) error {
			_, err := s.End(ctx, rec.SessionKey, api.ReasonSignedOut, noon)
			return err
		}},
		{"a session that another one takes the place of", func(ctx context.Context) error {
			_, err := s.Create(ctx, storetest.NewSession("w", noon), pawl.Mark{}, 1)
			return err
		}},
		{"EndEach", func(ctx context.Context) error {
			_, err := s.EndEach(ctx, "u", []string{third.ID}, api.ReasonSignedOutElsewhere, noon)
			return err
		}},
		{"EndEach of none", func(ctx context.Context) error {
			_, err := s.EndEach(ctx, "u", nil, api.ReasonSignedOutElsewhere, noon)
			return err
		}},
		{"EndUser", func(ctx context.Context) error {
			_, _, err := s.EndUser(ctx, "u", "", api.ReasonDisabled, noon)
			return err
		}},
		{"the session's EndAgain", again(token.KindSession, other.ID, other.User, noon)},
		{"the user's EndAgain", again(token.KindUser, "u", "", noon.Add(time.Hour))},
		{"everyone's EndAgain", again(token.KindAll, "", "", noon.Add(2*time.Hour))},
		{"EndAll", func(ctx context.Context) error { _, err := s.EndAll(ctx, api.ReasonEndedByAdmin, noon); return err }},
	} {
		replica.Signal(syscall.SIGSTOP)
		for range 2 {
			if err := test.end(t.Context()); err == nil || !strings.Contains(err.Error(), "repeat the end") {
				t.Errorf("%s, while no replica has it: %v", test.name, err)
			}
			if test.name == "EndAll" {
				break // eight at a time, and each waits
			}
		}
		replica.Signal(syscall.SIGCONT)
		if err := test.end(t.Context()); err != nil {
			t.Errorf("%s, when one has it: %v", test.name, err)
		}
	}
	if s.Unacknowledged() == 0 {
		t.Error("they are not counted")
	}
}

// A replica that is not connected is one that does not have the end.
func TestNoReplicaIsFewerThanExpected(t *testing.T) {
	server := servertest.StartRedis(t)
	s := openAt(t, expecting(t, server.URL, 1))
	rec := create(t, s, "u")
	if ok, err := s.End(t.Context(), rec.SessionKey, api.ReasonSignedOut, noon); ok || err == nil {
		t.Errorf("an end that no replica has: %v, %v", ok, err)
	}
	if got, mark, err := s.Get(t.Context(), rec.SessionKey); err != nil || got.Live(mark, noon) {
		t.Errorf("it does not stand: %+v, %v", got, err)
	}
	o := redis.Options{Replicas: 1, ReplicaWait: 10 * time.Millisecond, Log: slog.New(slog.DiscardHandler)}
	none, err := redis.Open(t.Context(), expecting(t, server.URL, 0), o)
	if err != nil {
		t.Fatal(err)
	}
	defer none.Close()
	if ok, err := none.End(t.Context(), create(t, none, "u").SessionKey, api.ReasonSignedOut, noon); !ok || err != nil {
		t.Errorf("the URL says that there is none: %v, %v", ok, err)
	}
}

// Sessions that a new one takes the place of are ended like others.
func TestEvictionsOfSessionsWait(t *testing.T) {
	t.Parallel()
	primary, replica := pair(t)
	s := openAt(t, fresh(t, primary.URL))
	create(t, s, "u")
	replica.Signal(syscall.SIGSTOP)
	defer replica.Signal(syscall.SIGCONT)
	if _, err := s.Create(t.Context(), storetest.NewSession("u", noon), pawl.Mark{}, 2); err != nil || s.Unacknowledged() != 0 {
		t.Errorf("a sign-in that ends nothing waits: %v", err)
	}
	if _, err := s.Create(t.Context(), storetest.NewSession("u", noon), pawl.Mark{}, 2); err != nil || s.Unacknowledged() != 1 {
		t.Errorf("one that ends another session: %v, %d unacknowledged", err, s.Unacknowledged())
	}
}

// A network that swallows everything while an end waits for its replica: it is an
// error after a while, and not a call that never returns.
func TestAnEndWhoseWaitIsNeverAnswered(t *testing.T) {
	t.Parallel()
	primary, replica := pair(t)
	proxy := servertest.StartProxy(t, primary.Addr)
	s := openAt(t, expecting(t, "redis://"+proxy.Addr, 1))
	rec := create(t, s, "u")
	replica.Signal(syscall.SIGSTOP)
	defer replica.Signal(syscall.SIGCONT)
	done := make(chan error, 1)
	go func() {
		_, err := s.End(context.Background(), rec.SessionKey, api.ReasonSignedOut, noon)
		done <- err
	}()
	servertest.Await(t, func() error {
		if !strings.Contains(primary.Do("INFO", "clients"), "blocked_clients:1") {
			return errors.New("nothing waits for the replica")
		}
		return nil
	})
	proxy.Set(servertest.Hold)
	select {
	case err := <-done:
		if err == nil {
			t.Error("it is answered")
		}
	case <-time.After(time.Minute):
		t.Error("it does not return")
	}
	proxy.Set(servertest.Pass)
}

// SECURITY 86: a primary that is cut off from its replicas is not believed for long: another one may
// have taken its place.
func TestAPrimaryThatIsCutOff(t *testing.T) {
	t.Parallel()
	primary, replica := pair(t)
	for name, fault := range map[string]struct{ begin, over func() }{
		"the replica hangs": {func() { replica.Signal(syscall.SIGSTOP) }, func() { replica.Signal(syscall.SIGCONT) }},
		"the replica is not connected": {
			func() { replica.Do("REPLICAOF", "127.0.0.1", "1") },
			func() { servertest.Follow(replica, primary) },
		},
	} {
		s, careless := openAt(t, expecting(t, primary.URL, 1)), openAt(t, expecting(t, primary.URL, 0))
		create(t, s, "u")
		page, err := s.Revocations(t.Context(), "", 10)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second) // all is well for long
		if _, err = s.Revocations(t.Context(), page.Cursor, 10); err != nil {
			t.Errorf("%s: before: %v", name, err)
		}
		fault.begin()
		for began := time.Now(); err == nil && time.Since(began) < 6*time.Second; time.Sleep(50 * time.Millisecond) {
			_, err = s.Revocations(t.Context(), page.Cursor, 10)
		}
		if err == nil || !strings.Contains(err.Error(), "cut off") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := careless.Revocations(t.Context(), "", 10); err != nil {
			t.Errorf("%s: where none is expected: %v", name, err)
		}
		fault.over()
		servertest.Await(t, func() error { _, err := s.Revocations(t.Context(), page.Cursor, 10); return err })
	}
}

// A demoted primary may not reach the new one: its log stands still.
func TestTheLogOfADemotedPrimary(t *testing.T) {
	old := servertest.StartRedis(t)
	s := openAt(t, old.URL)
	end(t, s, create(t, s, "v").SessionKey)
	page, err := s.Revocations(t.Context(), "", 10)
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(servertest.FreeAddr(t))
	old.Do("REPLICAOF", host, port)
	for _, cursor := range []string{"", page.Cursor} {
		if next, err := s.Revocations(t.Context(), cursor, 10); err == nil || next.Cursor != "" {
			t.Errorf("it answers: %+v", next)
		}
	}
}

// A managed Redis behind one name: the primary is demoted, the name leads to the new
// one, and the connections that are open stay open.
func TestANameThatLeadsToANewPrimary(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	name := servertest.StartProxy(t, a.Addr)
	s := openAt(t, "redis://"+name.Addr)
	rec := create(t, s, "u")
	servertest.Await(t, func() error { // the replica has it
		if b.Do("DBSIZE") != a.Do("DBSIZE") {
			return errors.New("not yet")
		}
		return nil
	})
	b.Do("REPLICAOF", "NO", "ONE")
	servertest.Follow(a, b)
	name.Target(b.Addr)
	began := time.Now()
	again(t, func(ctx context.Context) error { _, _, err := s.Get(ctx, rec.SessionKey); return err })
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	end(t, s, rec.SessionKey)
}
