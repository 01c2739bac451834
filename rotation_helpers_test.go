package pawl_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/password"
	"github.com/pawlauth/pawl/store/memory"
	"github.com/pawlauth/pawl/store/sqlite"
	"github.com/pawlauth/pawl/token"
)

// rotStore is what the rotation tests need of a store.
type rotStore interface {
	pawl.SessionStore
	pawl.KeyStore
}

// eachRotStore runs a test on every embedded store.
func eachRotStore(t *testing.T, test func(t *testing.T, store rotStore)) {
	t.Run("memory", func(t *testing.T) { test(t, memory.New()) })
	t.Run("sqlite", func(t *testing.T) { test(t, openRotSQLite(t)) })
}

func openRotSQLite(t *testing.T) rotStore {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.Open(t.Context(), filepath.Join(dir, "pawl.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// rotScale is how much of something is done: less on a developer's machine.
func rotScale(here, ci int) int {
	if os.Getenv("CI") == "true" && !testing.Short() {
		return ci
	}
	return here
}

// rotClock is a clock that tests set. Safe for concurrent use.
type rotClock struct{ ms atomic.Int64 }

func newRotClock() *rotClock {
	c := new(rotClock)
	c.set(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	return c
}

func (c *rotClock) now() time.Time       { return time.UnixMilli(c.ms.Load()).UTC() }
func (c *rotClock) set(t time.Time)      { c.ms.Store(t.UnixMilli()) }
func (c *rotClock) step(d time.Duration) { c.ms.Add(d.Milliseconds()) }

const rotPassword = "the pawl drops into the wheel"

// rotHash is made once: a hash is dear.
var rotHash = sync.OnceValue(func() string {
	hasher, err := password.New(password.Options{})
	if err != nil {
		panic(err)
	}
	phc, err := hasher.Hash(context.Background(), rotPassword)
	if err != nil {
		panic(err)
	}
	return phc
})

// rotUsers is a user table of one's own: the two methods, and passwords.
type rotUsers struct {
	mu sync.Mutex
	m  map[string]pawl.User
}

func newRotUsers(ids ...string) *rotUsers {
	u := &rotUsers{m: map[string]pawl.User{}}
	for _, id := range ids {
		u.add(id)
	}
	return u
}

func (u *rotUsers) add(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.m[id] = pawl.User{ID: id, Login: id, PasswordHash: rotHash()}
}

func (u *rotUsers) disable(id string) { u.setDisabled(id, true) }

func (u *rotUsers) setDisabled(id string, disabled bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	user := u.m[id]
	user.Disabled = disabled
	u.m[id] = user
}

func (u *rotUsers) ByID(_ context.Context, id string) (pawl.User, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	user, ok := u.m[id]
	if !ok {
		return pawl.User{}, pawl.ErrNotFound
	}
	return user, nil
}

func (u *rotUsers) ByLogin(ctx context.Context, login string) (pawl.User, error) {
	return u.ByID(ctx, login)
}

func (u *rotUsers) SetPasswordHash(_ context.Context, id, old, next string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	user, ok := u.m[id]
	if !ok {
		return pawl.ErrNotFound
	}
	if user.PasswordHash != old {
		return pawl.ErrConflict
	}
	user.PasswordHash = next
	u.m[id] = user
	return nil
}

// newRotService makes a service that asks the user table every time, and whose
// signing keys outlast the test's clock.
func newRotService(t testing.TB, store rotStore, clock *rotClock, users pawl.Users, change func(*pawl.Config)) *pawl.Service {
	t.Helper()
	cfg := pawl.Config{
		Issuer: "https://pawl.test", Audience: []string{"https://api.test"},
		Sessions: store, Users: users, Keys: store, MasterKey: pawl.NewMasterKey(),
		KeyPolicy: pawl.KeyPolicy{Algorithm: "HS256", Every: 100 * 365 * 24 * time.Hour},
		UserCache: -1, Now: clock.now,
	}
	if change != nil {
		change(&cfg)
	}
	svc, err := pawl.New(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(svc.Close)
	return svc
}

// rotClaim is what the tests read of a refresh token.
type rotClaim struct {
	Gen uint64 `json:"gen"`
	Iat int64  `json:"iat"`
	Exp int64  `json:"exp"`
	End int64  `json:"end"`
}

func rotClaims(t testing.TB, refresh string) (c rotClaim) {
	t.Helper()
	rotPayload(t, refresh, &c)
	return c
}

func rotPayload(t testing.TB, refresh string, into any) {
	t.Helper()
	parts := strings.Split(refresh, ".")
	if len(parts) != 3 {
		t.Fatalf("a refresh token of %d segments, want 3", len(parts))
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(payload, into)
	}
	if err != nil {
		t.Fatalf("cannot read the refresh token's payload: %v", err)
	}
}

// rotSessionID reads whose session a refresh token is.
func rotSessionID(t testing.TB, refresh string) string {
	t.Helper()
	var c struct {
		Sec string `json:"sec"`
	}
	rotPayload(t, refresh, &c)
	var secret [16]byte
	raw, err := base64.RawURLEncoding.DecodeString(c.Sec)
	if err != nil || copy(secret[:], raw) != len(secret) {
		t.Fatalf("the refresh token's secret is not 128 bits: %v", err)
	}
	return token.SessionID(secret)
}
