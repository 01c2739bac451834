package pawl_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/guard"
	"github.com/pawlauth/pawl/store/memory"
)

// SECURITY 17: a copy of the keys is never believed for so long that it misses
// one before it signs.
func TestKeyMaxAge(t *testing.T) {
	for _, c := range []struct{ publish, reload, want time.Duration }{
		{0, 0, time.Minute},
		{30 * time.Second, 5 * time.Second, 25 * time.Second},
		{time.Hour, 10 * time.Second, time.Minute},
	} {
		f := newFixture(t, func(cfg *pawl.Config) {
			cfg.KeyPolicy = pawl.KeyPolicy{Publish: c.publish, Reload: c.reload}
		})
		if got := f.KeyMaxAge(); got != c.want {
			t.Errorf("published %v ahead, read every %v: %v, want %v", c.publish, c.reload, got, c.want)
		}
	}
}

// SECURITY 18: a wrong master key adds no key and drops none, though both are
// due: else the right one would not open the database afterwards.
func TestAWrongMasterKeyChangesNothing(t *testing.T) {
	store, now := memory.New(), time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)
	cfg := pawl.Config{
		Issuer: "https://app.example", Audience: []string{"https://app.example"},
		Sessions: store, Keys: store, Users: store, MasterKey: pawl.NewMasterKey(),
		Now: func() time.Time { return now },
	}
	start := func(key pawl.MasterKey) error {
		c := cfg
		c.MasterKey = key
		svc, err := pawl.New(t.Context(), c)
		if err == nil {
			svc.Close()
		}
		return err
	}
	if err := start(cfg.MasterKey); err != nil {
		t.Fatal(err)
	}
	now = now.Add(40 * 24 * time.Hour)
	before, _ := store.Keys(t.Context())
	if err := start(pawl.NewMasterKey()); !errors.Is(err, pawl.ErrMasterKey) {
		t.Errorf("started with another master key: %v", err)
	}
	if after, _ := store.Keys(t.Context()); len(after) != len(before) {
		t.Errorf("%d keys became %d", len(before), len(after))
	}
	if err := start(cfg.MasterKey); err != nil {
		t.Errorf("with the right master key again: %v", err)
	}
}

// house is a store with several services on it.
type house struct {
	t     *testing.T
	store *memory.Store
	keys  pawl.KeyStore // as services see them
	key   pawl.MasterKey

	mu  sync.Mutex
	now time.Time
}

// node is one of them, with a guard and its log.
type node struct {
	*pawl.Service
	guard *guard.Guard
	log   *safeBuffer
	audit *memory.Store
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, store: memory.New(), key: pawl.NewMasterKey(), now: time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)}
	h.keys = h.store
	if err := h.store.CreateUser(t.Context(), pawl.User{ID: "id-ann", Login: "ann", PasswordHash: goodHash()}); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) advance(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// open starts a service that reads the keys so often.
func (h *house) open(reload time.Duration) *node {
	h.t.Helper()
	n := &node{log: &safeBuffer{}, audit: memory.New()}
	cfg := pawl.Config{
		Issuer: "https://id.example", Audience: []string{"https://api.example"},
		Sessions: h.store, Users: h.store, Keys: h.keys, Audit: n.audit, MasterKey: h.key,
		KeyPolicy: pawl.KeyPolicy{Publish: 2 * time.Hour, Every: 24 * time.Hour, Reload: reload},
		Hasher:    hasher, Now: h.clock, Log: slog.New(slog.NewTextHandler(n.log, nil)),
	}
	svc, err := pawl.New(h.t.Context(), cfg)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(svc.Close)
	n.Service = svc
	if n.guard, err = guard.New(svc, guard.Options{Issuer: cfg.Issuer, Audience: cfg.Audience, Now: h.clock}); err != nil {
		h.t.Fatal(err)
	}
	return n
}

// admin is a command with the house's master key.
func (h *house) admin() pawl.KeyAdmin {
	return pawl.KeyAdmin{Store: h.store, MasterKey: h.key, Now: h.clock, Policy: pawl.KeyPolicy{Publish: 2 * time.Hour, Every: 24 * time.Hour}}
}

// signing is the key of the use that signs.
func (h *house) signing(use string) pawl.KeyInfo {
	h.t.Helper()
	keys, err := h.admin().List(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	for _, k := range keys {
		if k.Use == use && k.State == pawl.KeySigns {
			return k
		}
	}
	h.t.Fatalf("no %s key signs", use)
	return pawl.KeyInfo{}
}

func (h *house) remove(use string) {
	h.t.Helper()
	if _, err := h.admin().Remove(h.t.Context(), h.signing(use).ID); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) login(n *node) api.Tokens {
	h.t.Helper()
	tokens, err := n.Login(h.t.Context(), pawl.SignIn{Login: "ann", Password: goodPassword, Client: home})
	if err != nil {
		h.t.Fatal(err)
	}
	return tokens
}

// await waits until something is so.
func (h *house) await(what string, is func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Fatalf("it does not come to pass that %s", what)
		}
	}
}

func (n *node) refuses(access string) bool {
	_, err := n.guard.Check(access)
	return errors.Is(err, api.ErrInvalidToken)
}

// SECURITY 18: a removed access key is refused at once by the service that
// removed it, at the next reload by the others, though their guards had the
// token in memory. Nobody is signed out by it.
func TestARemovedAccessKeyIsRefused(t *testing.T) {
	h := newHouse(t)
	here, there := h.open(time.Hour), h.open(10*time.Millisecond)
	tokens := h.login(there)
	for _, n := range []*node{here, there} {
		for range 2 { // the second time from the guard's memory
			if _, err := n.guard.Check(tokens.AccessToken); err != nil {
				t.Fatal(err)
			}
		}
	}
	stolen := h.signing(pawl.UseAccess)
	actor := pawl.WithActor(t.Context(), pawl.Actor{By: "root", Why: "stolen"})
	if _, err := here.RemoveKeys(actor, stolen.ID); err != nil {
		t.Fatal(err)
	}
	if !here.refuses(tokens.AccessToken) {
		t.Error("accepted after its key was removed")
	}
	h.await("the other node refuses it", func() bool { return there.refuses(tokens.AccessToken) })
	again, err := there.Reissue(t.Context(), api.ReissueRequest{RefreshToken: tokens.RefreshToken})
	if wantError(t, "reissue", err, nil); here.refuses(again.AccessToken) || there.refuses(again.AccessToken) {
		t.Error("the token of the new key is refused")
	}
	if here.KeySet().Has(stolen.ID) || there.KeySet().Has(stolen.ID) || strings.Contains(string(there.KeySet().JWKS()), stolen.ID) {
		t.Error("the key is published still")
	}
	page, err := here.audit.Audit(t.Context(), pawl.AuditQuery{Kind: pawl.EventKeyRemoved, Limit: 10})
	if err != nil || len(page.Entries) != 1 || page.Entries[0].Key != stolen.ID || page.Entries[0].By != "root" || page.Entries[0].Why != "stolen" {
		t.Errorf("audit: %+v, %v", page.Entries, err)
	}
}

// Row 0: who holds what a removed refresh key signed is told invalid_token, by
// every node, and signs in again, past the cookie that is worth nothing now.
func TestARemovedRefreshKeySignsOut(t *testing.T) {
	h := newHouse(t)
	here, there := h.open(time.Hour), h.open(10*time.Millisecond)
	old := h.login(there)
	h.remove(pawl.UseRefresh)
	reissue := func(n *node, refresh string) error {
		_, err := n.Reissue(t.Context(), api.ReissueRequest{RefreshToken: refresh})
		return err
	}
	h.await("the node refuses it", func() bool { return errors.Is(reissue(there, old.RefreshToken), api.ErrInvalidToken) })
	wantError(t, "again", reissue(there, old.RefreshToken), api.ErrInvalidToken)
	wantError(t, "sign-out by it", there.Logout(t.Context(), api.ReissueRequest{RefreshToken: old.RefreshToken}), api.ErrInvalidToken)
	next, err := there.Login(t.Context(), pawl.SignIn{Login: "ann", Password: goodPassword, Replaces: old.RefreshToken})
	wantError(t, "sign in with the old cookie", err, nil)
	h.advance(2 * time.Minute)
	wantError(t, "the new key, on a node that has not read it yet", reissue(here, next.RefreshToken), nil)
	wantError(t, "the old one there, now that it has", reissue(here, old.RefreshToken), api.ErrInvalidToken)
}

// A rotation by command on one node is taken up by the others, and its tokens
// are good everywhere.
func TestRotateKeysAcrossNodes(t *testing.T) {
	h := newHouse(t)
	here, there := h.open(10*time.Millisecond), h.open(10*time.Millisecond)
	old := h.login(there)
	k, added, err := here.RotateKeys(t.Context(), pawl.UseAccess)
	if err != nil || !added || !here.KeySet().Has(k.ID) {
		t.Fatalf("added %v, %v", added, err)
	}
	h.await("the other publishes it", func() bool { return there.KeySet().Has(k.ID) })
	if there.KeySet().Signing().ID() == k.ID {
		t.Error("it signs before its time")
	}
	_, added, err = there.RotateKeys(t.Context(), pawl.UseAccess)
	if err != nil || added {
		t.Errorf("the other node added one, too: %v, %v", added, err)
	}
	h.advance(2 * time.Hour)
	h.await("both sign with it", func() bool { return here.KeySet().Signing().ID() == k.ID && there.KeySet().Signing().ID() == k.ID })
	next, err := there.Reissue(t.Context(), api.ReissueRequest{RefreshToken: old.RefreshToken})
	if wantError(t, "reissue", err, nil); here.refuses(next.AccessToken) {
		t.Error("refused on the other node")
	}
	if _, _, err := here.RotateKeys(t.Context(), "none"); !errors.Is(err, api.ErrInvalidRequest) {
		t.Errorf("a use that is none: %v", err)
	}
	if _, err := here.RemoveKeys(t.Context(), "none"); !errors.Is(err, api.ErrNotFound) {
		t.Errorf("a key that is none: %v", err)
	}
}

// SECURITY 18, 20: a server that runs on with the old master key signs with what
// it holds, says once that it has to be restarted, makes no key, and refuses
// what is removed. What it cannot open it calls unavailable, not invalid.
func TestAServerWithTheOldMasterKey(t *testing.T) {
	h := newHouse(t)
	old := h.open(10 * time.Millisecond)
	tokens := h.login(old)
	set := old.KeySet()
	oldKey := h.key
	next := pawl.NewMasterKey()
	if _, err := h.admin().Reseal(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	h.key = next
	complaint := func() bool { return strings.Contains(old.log.String(), "the master key does not open the keys") }
	h.await("it complains", complaint)
	if old.KeySet() != set {
		t.Error("the guards have to check anew what they have checked, though the keys are the same")
	}
	if _, err := old.Reissue(t.Context(), api.ReissueRequest{RefreshToken: tokens.RefreshToken}); err != nil {
		t.Errorf("it does not go on: %v", err)
	}
	wantError(t, "ready", old.Ready(t.Context()), nil)

	// A node with the new one beside it; a key is due, and the old one adds none.
	h.advance(23 * time.Hour)
	if _, _, err := old.RotateKeys(t.Context(), pawl.UseRefresh); !errors.Is(err, api.ErrUnavailable) || !errors.Is(err, pawl.ErrMasterKey) {
		t.Errorf("it made a key: %v", err)
	}
	other := h.open(10 * time.Millisecond)
	admin := h.admin()
	if n, err := admin.Reseal(t.Context(), next); err != nil || n != 0 {
		t.Errorf("not every key is under the new master key: %d, %v", n, err)
	}
	if errors.Is(old.Ready(t.Context()), api.ErrUnavailable) {
		t.Error("it is not ready, though it can sign")
	}

	// Its key is removed, and the one in its place is none of its own.
	h.remove(pawl.UseAccess)
	h.remove(pawl.UseRefresh)
	h.await("it refuses the removed key", func() bool { return old.refuses(tokens.AccessToken) })
	h.await("it has nothing to sign with", func() bool { return errors.Is(old.Ready(t.Context()), api.ErrUnavailable) })
	h.await("the other signs with the new one", func() bool { return other.KeySet().Signing().ID() == h.signing(pawl.UseAccess).ID })
	fresh := h.login(other)
	_, err := old.Reissue(t.Context(), api.ReissueRequest{RefreshToken: fresh.RefreshToken})
	wantError(t, "a token of a key that it cannot open", err, api.ErrUnavailable)
	_, err = old.Login(t.Context(), pawl.SignIn{Login: "ann", Password: goodPassword})
	wantError(t, "sign-in", err, api.ErrUnavailable)
	if n := strings.Count(old.log.String(), "cannot reload the keys"); n != 1 {
		t.Errorf("it complained %d times:\n%s", n, old.log)
	}
	for _, secret := range []string{oldKey.Text(), next.Text()} {
		if strings.Contains(old.log.String()+other.log.String(), secret) {
			t.Error("SECURITY 56: a master key is in the log")
		}
	}
}

// What another clock left behind is in the log, with the command that mends it.
func TestAKeyOfAClockThatWasAheadIsWarnedOf(t *testing.T) {
	h := newHouse(t)
	n := h.open(10 * time.Millisecond)
	ahead := h.admin()
	ahead.Now = func() time.Time { return h.clock().Add(5 * 365 * 24 * time.Hour) }
	k, _, err := ahead.Rotate(t.Context(), pawl.UseAccess)
	wantError(t, "rotate", err, nil)
	h.await("it warns", func() bool { return strings.Contains(n.log.String(), "pawl key remove "+k.ID) })
}

// fullKeys can be read, but not written while full.
type fullKeys struct {
	pawl.KeyStore
	full atomic.Bool
}

func (k *fullKeys) ReplaceKeys(ctx context.Context, from, to []pawl.KeyRecord) error {
	if k.full.Load() {
		return errStoreDown
	}
	return k.KeyStore.ReplaceKeys(ctx, from, to)
}

// A key that is due and cannot be stored is no reason to go on with removed ones.
func TestARemovedKeyIsRefusedThoughTheScheduleFails(t *testing.T) {
	h := newHouse(t)
	keys := &fullKeys{KeyStore: h.store}
	h.keys = keys
	n := h.open(10 * time.Millisecond)
	keys.full.Store(true)
	h.advance(23 * time.Hour) // of each use a key is due
	h.await("it complains", func() bool { return strings.Contains(n.log.String(), "cannot reload the keys") })
	stolen := h.signing(pawl.UseAccess)
	h.remove(pawl.UseAccess)
	h.await("the key is gone", func() bool { return !n.KeySet().Has(stolen.ID) })
	keys.full.Store(false)
	h.await("it can again", func() bool { return strings.Contains(n.log.String(), "can reload the keys again") })
}
