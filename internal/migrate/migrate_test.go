package migrate_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/migrate"
	"github.com/pawlauth/pawl/internal/servertest"
	"github.com/pawlauth/pawl/internal/stores"
	"github.com/pawlauth/pawl/password"
	"github.com/pawlauth/pawl/store/memory"
	"github.com/pawlauth/pawl/store/postgres"
	"github.com/pawlauth/pawl/store/redis"
	"github.com/pawlauth/pawl/store/sqlite"
	"github.com/pawlauth/pawl/token"
)

// clock is one that tests set. Safe for concurrent use.
type clock struct{ ms atomic.Int64 }

func (c *clock) Now() time.Time       { return time.UnixMilli(c.ms.Load()).UTC() }
func (c *clock) pass(d time.Duration) { c.ms.Add(d.Milliseconds()) }

// place is a set of stores and a service on them.
type place struct {
	db       stores.Database
	sessions pawl.SessionStore
}

// house is a Pawl with people in all kinds of standing.
type house struct {
	t      *testing.T
	clock  *clock
	master pawl.MasterKey
	hasher *password.Hasher
}

const secret = "seven purple herons"

func newHouse(t *testing.T) *house {
	t.Helper()
	hasher, err := password.New(password.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t, new(clock), pawl.NewMasterKey(), hasher}
	h.clock.ms.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMilli())
	return h
}

// on gives a service on a place, with windows of 10 s.
func (h *house) on(p place) *pawl.Service {
	h.t.Helper()
	svc, err := pawl.New(h.t.Context(), pawl.Config{
		Issuer: "https://id.example", Audience: []string{"https://id.example"},
		Sessions: p.sessions, Users: p.db, Keys: p.db, Clients: p.db, Audit: p.db, MasterKey: h.master,
		Policy: pawl.Policy{ReuseWindow: 10 * time.Second}, Hasher: h.hasher, Now: h.clock.Now,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(svc.Close)
	return svc
}

func openSQLite(t *testing.T) place {
	t.Helper()
	set, err := stores.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "pawl.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = set.Close() })
	return place{set.Database, set.SessionStore}
}

// client is somebody signed in: what they hold, and how often it has turned.
type client struct {
	api.Tokens
	key string // of the Idempotency-Key that made the last advance
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) signIn(svc *pawl.Service, login string) client {
	h.t.Helper()
	tok, err := svc.Login(h.t.Context(), pawl.SignIn{Login: login, Password: secret, Client: pawl.Client{Address: "203.0.113.7", Agent: "Firefox", Label: "laptop"}})
	h.must(err)
	return client{Tokens: tok}
}

func (h *house) reissue(svc *pawl.Service, c client, key string) (client, error) {
	tok, err := svc.Reissue(h.t.Context(), api.ReissueRequest{RefreshToken: c.RefreshToken, IdempotencyKey: key, Address: "203.0.113.7", Agent: "Firefox"})
	return client{tok, key}, err
}

// crowd is who is there before the move.
type crowd struct {
	in, kept              client // go on
	lost                  client // whose last answer was lost: it holds the token of before, and the key
	old                   client // a used-up token of in: a thief's
	out, ended, everybody client // are out
}

const lostKey = "a-key-of-twenty-two-characters-at-least"

// fill makes people, clients and sessions.
func (h *house) fill(svc *pawl.Service) (c crowd) {
	h.t.Helper()
	ctx := h.t.Context()
	for _, login := range []string{"ann", "bob", "cay", "dan", "eve"} {
		_, err := svc.CreateUser(ctx, pawl.NewUser{Login: login, Password: secret, Roles: []string{"editor"}, Claims: map[string]any{"plan": "gold"}})
		h.must(err)
	}
	_, _, err := svc.AddClient(ctx, "shop", []string{pawl.ScopeFeed})
	h.must(err)
	c.everybody = h.signIn(svc, "eve")
	h.must(svc.EndAll(ctx, api.ReasonEndedByAdmin))
	h.clock.pass(time.Minute)

	first := h.signIn(svc, "ann")
	h.clock.pass(time.Minute)
	second, err := h.reissue(svc, first, "")
	h.must(err)
	h.clock.pass(time.Minute)
	c.in, err = h.reissue(svc, second, "")
	h.must(err)
	c.old = first

	c.lost = h.signIn(svc, "bob")
	h.clock.pass(time.Minute)
	_, err = h.reissue(svc, c.lost, lostKey)
	h.must(err)

	c.out = h.signIn(svc, "ann")
	h.must(svc.Logout(ctx, api.ReissueRequest{RefreshToken: c.out.RefreshToken}))
	c.kept, c.ended = h.signIn(svc, "cay"), h.signIn(svc, "cay")
	h.clock.pass(time.Minute)
	h.changePassword(svc, c.kept)
	for range 30 {
		h.signIn(svc, "dan")
	}
	h.clock.pass(time.Minute)
	return c
}

// changePassword changes it and back, which keeps the session that asks.
func (h *house) changePassword(svc *pawl.Service, c client) {
	h.t.Helper()
	v := token.AccessVerifier{Issuer: "https://id.example", Audience: []string{"https://id.example"}}
	who, err := v.Verify(svc.KeySet(), c.AccessToken, h.clock.Now())
	h.must(err)
	_, err = svc.ChangePassword(h.t.Context(), &who, secret, "nine orange otters")
	h.must(err)
}

// goesOn sees that after the move everything is as it was.
func (h *house) goesOn(svc *pawl.Service, c crowd) {
	h.t.Helper()
	for name, in := range map[string]client{"signed in": c.in, "kept by a change of password": c.kept} {
		if _, err := h.reissue(svc, in, ""); err != nil {
			h.t.Errorf("%s: %v", name, err)
		}
	}
	if again, err := h.reissue(svc, c.lost, lostKey); err != nil || again.RefreshToken == c.lost.RefreshToken {
		h.t.Errorf("whose answer was lost: %v", err)
	}
	for name, out := range map[string]client{"signed out": c.out, "ended by the change of password": c.ended, "ended with everybody": c.everybody} {
		if _, err := h.reissue(svc, out, ""); !errors.Is(err, api.ErrLoginRequired) {
			h.t.Errorf("%s: %v", name, err)
		}
		a := token.Access{SessionID: out.SessionID}
		if _, revoked := svc.Revoked().Covers(&a); !revoked && out.SessionID == c.out.SessionID {
			h.t.Errorf("%s: the access token is good again", name)
		}
	}
	if _, err := h.reissue(svc, c.old, ""); !errors.Is(err, api.LoginRequired(api.ReasonReused)) {
		h.t.Errorf("a thief's token: %v", err)
	}
	if _, err := svc.Login(h.t.Context(), pawl.SignIn{Login: "ann", Password: secret}); err != nil {
		h.t.Error("a new sign-in:", err)
	}
}

// moves runs a test for each pair of stores.
func moves(t *testing.T, test func(t *testing.T, from, to place)) {
	db := servertest.StartPostgres(t, servertest.PostgresOptions{})
	red := servertest.StartRedis(t)
	made := 0
	pg := func(t *testing.T) place {
		made++
		name := fmt.Sprint("m", made)
		db.Exec("postgres", "CREATE DATABASE "+name)
		s, err := postgres.Open(t.Context(), db.URL(name), postgres.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return place{s, s}
	}
	rd := func(t *testing.T) pawl.SessionStore {
		red.Do("FLUSHALL")
		s, err := redis.Open(t.Context(), red.URL, redis.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	t.Run("SQLite to PostgreSQL", func(t *testing.T) { test(t, openSQLite(t), pg(t)) })
	t.Run("SQLite to PostgreSQL and Redis", func(t *testing.T) { test(t, openSQLite(t), place{pg(t).db, rd(t)}) })
	t.Run("sessions of PostgreSQL to Redis", func(t *testing.T) { from := pg(t); test(t, from, place{from.db, rd(t)}) })
}

func copyOf(h *house, from, to place) migrate.Copy {
	return migrate.Copy{From: from.db, To: to.db, FromSessions: from.sessions.(migrate.Sessions), ToSessions: to.sessions, Began: h.clock.Now()}
}

// whole sees that nothing differs.
func (h *house) whole(c migrate.Copy) {
	h.t.Helper()
	if d, err := c.Verify(h.t.Context()); err != nil || d.Differ != 0 || d.Sessions == 0 {
		h.t.Fatalf("the copy differs: %+v, %v", d, err)
	}
}

// Nobody is signed out, nobody who is out comes in, and a retry whose answer was
// lost before the move is answered after it.
func TestAMove(t *testing.T) {
	moves(t, func(t *testing.T, from, to place) {
		h := newHouse(t)
		svc := h.on(from)
		c := h.fill(svc)
		svc.Close()
		copy := copyOf(h, from, to)
		n, err := copy.Run(t.Context())
		h.must(err)
		h.whole(copy)
		again, err := copy.Run(t.Context())
		h.must(err)
		if again.Written != 0 {
			t.Errorf("once more, %d were written again: %+v after %+v", again.Written, again, n)
		}
		h.goesOn(h.on(to), c)
	})
}

// failing is a session store, or a database, that fails after some writes: as if
// the copy were killed there.
type failing struct {
	pawl.SessionStore
	left *atomic.Int64
}

var errKilled = errors.New("killed")

func (f failing) step() error {
	if f.left.Add(-1) < 0 {
		return errKilled
	}
	return nil
}

func (f failing) Create(ctx context.Context, s pawl.Session, seen pawl.Mark, limit int) ([]pawl.Session, error) {
	if err := f.step(); err != nil {
		return nil, err
	}
	return f.SessionStore.Create(ctx, s, seen, limit)
}

func (f failing) End(ctx context.Context, k pawl.SessionKey, reason string, at time.Time) (bool, error) {
	if err := f.step(); err != nil {
		return false, err
	}
	return f.SessionStore.End(ctx, k, reason, at)
}

func (f failing) EndUser(ctx context.Context, user, keep, reason string, at time.Time) (pawl.Mark, int, error) {
	if err := f.step(); err != nil {
		return pawl.Mark{}, 0, err
	}
	return f.SessionStore.EndUser(ctx, user, keep, reason, at)
}

type failingDatabase struct {
	migrate.Database
	failing
}

func (f failingDatabase) CreateUsers(ctx context.Context, us []pawl.User) ([]bool, error) {
	if err := f.step(); err != nil {
		return nil, err
	}
	return f.Database.CreateUsers(ctx, us)
}

func (f failingDatabase) Append(ctx context.Context, e ...pawl.Event) error {
	if err := f.step(); err != nil {
		return err
	}
	return f.Database.Append(ctx, e...)
}

// Wherever it stops, the next run finishes: nothing is missing and nothing there
// twice.
func TestAMoveThatIsStopped(t *testing.T) {
	h := newHouse(t)
	from, to := openSQLite(t), place{}
	svc := h.on(from)
	c := h.fill(svc)
	svc.Close()
	store := memory.New()
	to.sessions = store
	stops := 0
	for left := 0; ; left++ {
		var steps atomic.Int64
		steps.Store(int64(left % 4)) // a little further each time
		f := failing{store, &steps}
		copy := copyOf(h, from, place{nil, f})
		copy.From, copy.To = from.db, failingDatabase{store, f}
		_, err := copy.Run(t.Context())
		if err == nil {
			break
		}
		if stops++; !errors.Is(err, errKilled) || stops > 1000 {
			t.Fatal(err)
		}
	}
	if stops < 5 {
		t.Errorf("it was stopped %d times only", stops)
	}
	copy := copyOf(h, from, to)
	copy.To = store
	h.whole(copy)
	count := func(s pawl.AuditStore) int {
		page, err := s.Audit(t.Context(), pawl.AuditQuery{Limit: 10_000})
		h.must(err)
		return len(page.Entries)
	}
	if a, b := count(from.db), count(store); a != b || a == 0 {
		t.Errorf("the audit log has %d entries, the new one %d", a, b)
	}
	svc, err := pawl.New(t.Context(), pawl.Config{
		Issuer: "https://id.example", Audience: []string{"https://id.example"}, Sessions: store, Users: store, Keys: store, MasterKey: h.master,
		Policy: pawl.Policy{ReuseWindow: 10 * time.Second}, Hasher: h.hasher, Now: h.clock.Now,
	})
	h.must(err)
	t.Cleanup(svc.Close)
	h.goesOn(svc, c)
}

// What changes while a server goes on is brought in by another run.
func TestAMoveBesideARunningServer(t *testing.T) {
	h := newHouse(t)
	from, store := openSQLite(t), memory.New()
	svc := h.on(from)
	c := h.fill(svc)
	copy := copyOf(h, from, place{})
	copy.To, copy.ToSessions = store, store
	_, err := copy.Run(t.Context())
	h.must(err)
	ctx := t.Context()

	// Rotations, an end, a change of password that keeps a session, everybody else's business.
	h.clock.pass(time.Minute)
	in, err := h.reissue(svc, c.in, "")
	h.must(err)
	c.in = in
	late := h.signIn(svc, "dan")
	u, err := from.db.ByLogin(ctx, "dan")
	h.must(err)
	h.must(svc.Logout(ctx, api.ReissueRequest{RefreshToken: late.RefreshToken}))
	login := "daniel"
	_, err = svc.UpdateUser(ctx, u.ID, pawl.UserChange{Login: &login})
	h.must(err)
	_, err = svc.CreateUser(ctx, pawl.NewUser{Login: "dan", Password: secret})
	h.must(err)
	eve, err := from.db.ByLogin(ctx, "eve")
	h.must(err)
	h.must(svc.DeleteUser(ctx, eve.ID))
	mine, other := h.signIn(svc, "bob"), h.signIn(svc, "bob")
	h.clock.pass(time.Minute)
	copy.Began = h.clock.Now()
	_, err = copy.Run(ctx)
	h.must(err)
	h.changePassword(svc, mine)
	h.clock.pass(time.Minute)
	h.signIn(svc, "daniel") // after the run has begun: left to the next
	if d, err := copy.Verify(ctx); err != nil || d.Differ == 0 {
		t.Errorf("a server goes on, and nothing differs: %+v, %v", d, err)
	}
	svc.Close()
	if n, err := copy.Run(ctx); err != nil || n.Left < 2 {
		t.Errorf("%d left, %v", n.Left, err)
	}
	copy.Began = h.clock.Now()
	n, err := copy.Run(ctx)
	h.must(err)
	if n.Left != 0 {
		t.Errorf("%d left", n.Left)
	}
	h.whole(copy)
	svc2, err := pawl.New(ctx, pawl.Config{
		Issuer: "https://id.example", Audience: []string{"https://id.example"}, Sessions: store, Users: store, Keys: store, MasterKey: h.master,
		Policy: pawl.Policy{ReuseWindow: 10 * time.Second}, Hasher: h.hasher, Now: h.clock.Now,
	})
	h.must(err)
	t.Cleanup(svc2.Close)
	for name, in := range map[string]client{"went on": c.in, "kept": mine} {
		if _, err := h.reissue(svc2, in, ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, out := range map[string]client{"signed out": late, "ended by the change of password": other} {
		if _, err := h.reissue(svc2, out, ""); !errors.Is(err, api.ErrLoginRequired) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The comparison names what differs, each once.
func TestWhatDiffers(t *testing.T) {
	h := newHouse(t)
	from, store := openSQLite(t), memory.New()
	svc := h.on(from)
	h.fill(svc)
	svc.Close()
	copy := copyOf(h, from, place{})
	copy.To, copy.ToSessions = store, store
	_, err := copy.Run(t.Context())
	h.must(err)
	ctx := t.Context()
	user := func(login string) pawl.User {
		u, err := store.ByLogin(ctx, login)
		h.must(err)
		return u
	}
	for what, change := range map[string]func(){
		"one more": func() { h.must(store.CreateUser(ctx, pawl.User{ID: "x", Login: "bill"})) },
		"one less": func() { h.must(store.DeleteUser(ctx, user("ann").ID)) },
		"other roles": func() {
			_, _, err := store.UpdateUser(ctx, user("cay").ID, pawl.UserChange{Roles: &[]string{}})
			h.must(err)
		},
		"other password": func() { u := user("dan"); h.must(store.SetPasswordHash(ctx, u.ID, u.PasswordHash, "y")) },
		"no client":      func() { h.must(store.RemoveClient(ctx, "shop")) },
		"an end": func() {
			list, _, err := store.List(ctx, user("bob").ID, pawl.ListPlace{}, 0)
			h.must(err)
			_, err = store.End(ctx, list[0].SessionKey, api.ReasonSignedOut, h.clock.Now())
			h.must(err)
		},
	} {
		before, err := copy.Verify(ctx)
		h.must(err)
		change()
		if after, err := copy.Verify(ctx); err != nil || after.Differ != before.Differ+1 {
			t.Errorf("%s: %d differ after %d: %v, %v", what, after.Differ, before.Differ, after.First, err)
		}
	}
}

// Who became an administrator between two runs has the password that they have by
// now, though a promotion takes the one of before.
func TestAMoveOfANewAdministrator(t *testing.T) {
	h := newHouse(t)
	from, store := openSQLite(t), memory.New()
	svc := h.on(from)
	h.fill(svc)
	svc.Close()
	copy := copyOf(h, from, place{})
	copy.To, copy.ToSessions = store, store
	run := func() {
		_, err := copy.Run(t.Context())
		h.must(err)
	}
	run()
	u, err := store.ByLogin(t.Context(), "ann")
	h.must(err)
	_, _, err = from.db.UpdateUser(t.Context(), u.ID, pawl.UserChange{Roles: &[]string{pawl.RoleAdmin}})
	h.must(err)
	h.must(from.db.SetPasswordHash(t.Context(), u.ID, "", "chosen since"))
	run()
	u, err = store.ByLogin(t.Context(), "ann")
	h.must(err)
	if !u.IsAdmin() || u.PasswordHash != "chosen since" {
		t.Errorf("moved as %+v", u)
	}
}

// Another Pawl's data is not touched, and a new place that has gone on by itself
// does not go back.
func TestWhatAMoveRefuses(t *testing.T) {
	h := newHouse(t)
	from := openSQLite(t)
	c := h.fill(h.on(from))
	t.Run("another's stores", func(t *testing.T) {
		h := newHouse(t)
		other := openSQLite(t)
		h.fill(h.on(other))
		before, err := other.db.Keys(t.Context())
		h.must(err)
		copy := copyOf(h, from, other)
		if _, err := copy.Run(t.Context()); !errors.Is(err, migrate.ErrOthersData) {
			t.Error(err)
		}
		after, err := other.db.Keys(t.Context())
		if h.must(err); sha256.Sum256(fmt.Append(nil, before)) != sha256.Sum256(fmt.Append(nil, after)) {
			t.Error("the keys were changed")
		}
	})
	t.Run("people without keys", func(t *testing.T) {
		store := memory.New()
		h.must(store.CreateUser(t.Context(), pawl.User{ID: "x", Login: "x"}))
		copy := copyOf(h, from, place{})
		copy.To, copy.ToSessions = store, store
		if _, err := copy.Run(t.Context()); !errors.Is(err, migrate.ErrOthersData) {
			t.Error(err)
		}
	})
	t.Run("another's sessions", func(t *testing.T) {
		store := memory.New()
		_, err := store.Create(t.Context(), pawl.Session{SessionKey: pawl.SessionKey{User: "x", ID: token.SessionID(token.NewSecret())}, Ends: h.clock.Now().Add(time.Hour), IdleExpires: h.clock.Now().Add(time.Hour)}, pawl.Mark{}, 0)
		h.must(err)
		copy := copyOf(h, from, place{from.db, store})
		if _, err := copy.Run(t.Context()); !errors.Is(err, migrate.ErrOthersData) {
			t.Error(err)
		}
	})
	t.Run("it went on there", func(t *testing.T) {
		store := memory.New()
		copy := copyOf(h, from, place{})
		copy.To, copy.ToSessions = store, store
		_, err := copy.Run(t.Context())
		h.must(err)
		svc, err := pawl.New(t.Context(), pawl.Config{
			Issuer: "https://id.example", Audience: []string{"https://id.example"}, Sessions: store, Users: store, Keys: store, MasterKey: h.master,
			Policy: pawl.Policy{ReuseWindow: time.Second}, Hasher: h.hasher, Now: h.clock.Now,
		})
		h.must(err)
		t.Cleanup(svc.Close)
		_, err = h.reissue(svc, c.in, "")
		h.must(err)
		if _, err := copy.Run(t.Context()); !errors.Is(err, migrate.ErrAhead) {
			t.Error(err)
		}
	})
	t.Run("nothing there", func(t *testing.T) {
		if _, err := copyOf(h, openSQLite(t), openSQLite(t)).Run(t.Context()); err == nil {
			t.Error("copied")
		}
	})
}
