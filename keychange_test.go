package pawl_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/store/memory"
	"github.com/pawlauth/pawl/token"
)

// keyFixture is a key store as commands see it, with a clock to move.
type keyFixture struct {
	pawl.KeyAdmin
	t   *testing.T
	now time.Time
}

func newKeyFixture(t *testing.T) *keyFixture {
	f := &keyFixture{t: t, now: time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)}
	f.KeyAdmin = pawl.KeyAdmin{Store: memory.New(), MasterKey: pawl.NewMasterKey(), Now: func() time.Time { return f.now }}
	for _, use := range []string{pawl.UseAccess, pawl.UseRefresh} {
		f.rotate(use)
	}
	return f
}

func (f *keyFixture) rotate(use string) pawl.KeyInfo {
	f.t.Helper()
	k, added, err := f.Rotate(f.t.Context(), use)
	if err != nil || !added {
		f.t.Fatalf("rotate %s: added %v, %v", use, added, err)
	}
	return k
}

func (f *keyFixture) remove(ids ...string) pawl.KeyChange {
	f.t.Helper()
	done, err := f.Remove(f.t.Context(), ids...)
	if err != nil {
		f.t.Fatal(err)
	}
	return done
}

// of gives the keys of a use, oldest first.
func (f *keyFixture) of(use string) []pawl.KeyInfo {
	f.t.Helper()
	all, err := f.List(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(k pawl.KeyInfo) bool { return k.Use != use })
}

// states is what the access keys do, oldest first.
func (f *keyFixture) states() string {
	f.t.Helper()
	var words []string
	for _, k := range f.of(pawl.UseAccess) {
		words = append(words, k.State)
	}
	return strings.Join(words, " ")
}

func (f *keyFixture) wants(what, states string) {
	f.t.Helper()
	if got := f.states(); got != states {
		f.t.Errorf("%s: %s, want %s", what, got, states)
	}
}

// SECURITY 17: a key by command is published before it signs, like any other.
func TestRotateByCommand(t *testing.T) {
	f := newKeyFixture(t)
	f.wants("the first signs at once", "signs")
	k := f.rotate(pawl.UseAccess)
	f.wants("the next is published", "signs waits")
	if want := f.now.Add(10 * time.Minute); !k.SignsFrom.Equal(want) {
		t.Errorf("signs from %v, want %v", k.SignsFrom, want)
	}
	again, added, err := f.Rotate(t.Context(), pawl.UseAccess)
	if err != nil || added || again.ID != k.ID {
		t.Errorf("asked again: %+v, added %v, %v; want the one that waits", again, added, err)
	}
	f.now = k.SignsFrom
	f.wants("its turn", "retired signs")
	old := f.of(pawl.UseAccess)[0]
	if want := k.SignsFrom.Add(pawl.DefaultAccessTTL + time.Minute + 500*time.Millisecond); !old.Dies.Equal(want) {
		t.Errorf("the one before goes at %v, want %v", old.Dies, want)
	}
	if n := len(f.of(pawl.UseRefresh)); n != 1 {
		t.Errorf("%d refresh keys: the other use is apart", n)
	}
	_, _, err = f.Rotate(t.Context(), "both")
	wantError(t, "another use", err, api.ErrInvalidRequest)
}

func TestRotateOnManyNodesAtOnceAddsOneKey(t *testing.T) {
	f := newKeyFixture(t)
	var wg sync.WaitGroup
	var added atomic.Int64
	for range 16 {
		wg.Go(func() {
			if _, ok, err := f.Rotate(t.Context(), pawl.UseAccess); err != nil {
				t.Error(err)
			} else if ok {
				added.Add(1)
			}
		})
	}
	wg.Wait()
	if f.wants("after 16 rotations at once", "signs waits"); added.Load() != 1 {
		t.Errorf("%d say that they added one", added.Load())
	}
}

// Commands never bring a use past the limit of a key set, at which no server
// could load its keys any more; the schedule beside them neither.
func TestCommandsKeepTheLimitOfAKeySet(t *testing.T) {
	f := newKeyFixture(t)
	var err error
	for n := 1; err == nil; n++ {
		if n > 40 {
			t.Fatal("no limit")
		}
		f.now = f.now.Add(11 * time.Minute)
		_, _, err = f.Rotate(t.Context(), pawl.UseRefresh)
	}
	wantError(t, "too many", err, api.ErrConflict)
	if n := len(f.of(pawl.UseRefresh)); n != 32 {
		t.Errorf("%d keys, want 32", n)
	}
	f.remove(f.of(pawl.UseRefresh)[0].ID)
	f.rotate(pawl.UseRefresh)
}

// A clock that was far ahead once leaves a key that waits for years, for which
// every rotation waits: it is shown, and removing it mends the schedule.
func TestAKeyOfAClockThatWasAhead(t *testing.T) {
	f := newKeyFixture(t)
	f.now = f.now.Add(5 * 365 * 24 * time.Hour)
	stray := f.rotate(pawl.UseAccess)
	f.now = f.now.Add(-5 * 365 * 24 * time.Hour)
	if keys := f.of(pawl.UseAccess); keys[0].Strayed || !keys[1].Strayed || keys[1].State != pawl.KeyWaits {
		t.Errorf("it does not show: %+v", keys)
	}
	_, added, err := f.Rotate(t.Context(), pawl.UseAccess)
	if wantError(t, "rotate", err, api.ErrConflict); added || !strings.Contains(words(err), stray.ID) {
		t.Errorf("added %v; the message does not name the key: %v", added, err)
	}
	if done := f.remove(stray.ID); len(done.Added) != 0 {
		t.Errorf("removing a key that waits added %v", done.Added)
	}
	f.rotate(pawl.UseAccess)
	f.wants("mended", "signs waits")
}

// The same where it was the first key: it signs, for want of another, and a
// rotation brings one that has its turn.
func TestTheFirstKeyOfAClockThatWasAhead(t *testing.T) {
	f := newKeyFixture(t)
	f.now = f.now.Add(-5 * 365 * 24 * time.Hour)
	f.wants("alone", "signs")
	next := f.rotate(pawl.UseAccess)
	f.wants("rotated", "signs waits")
	f.now = next.SignsFrom
	f.wants("its turn", "retired signs")
}

func words(err error) string { return api.AsError(err).Detail }

// SECURITY 18: what is removed, and what takes its place.
func TestRemove(t *testing.T) {
	for _, c := range []struct {
		name   string
		remove []int // of "retired signs waits"
		left   string
		added  int
	}{
		{"the key that signs: a new one signs at once, past the one that waits", []int{1}, "retired retired signs", 1},
		{"a retired one", []int{0}, "signs waits", 0},
		{"one that waits", []int{2}, "retired signs", 0},
		{"several in one step", []int{0, 1, 2}, "signs", 1},
		{"one twice", []int{0, 0}, "signs waits", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newKeyFixture(t)
			f.now = f.rotate(pawl.UseAccess).SignsFrom
			f.rotate(pawl.UseAccess)
			f.wants("before", "retired signs waits")
			keys, refresh := f.of(pawl.UseAccess), f.of(pawl.UseRefresh)
			var ids []string
			for _, i := range c.remove {
				ids = append(ids, keys[i].ID)
			}
			done := f.remove(ids...)
			f.wants("after", c.left)
			if len(done.Added) != c.added || len(done.Removed) != 3+c.added-len(f.of(pawl.UseAccess)) {
				t.Errorf("says %+v", done)
			}
			for _, k := range f.of(pawl.UseAccess) {
				if slices.Contains(ids, k.ID) {
					t.Errorf("%s is there still", k.ID)
				}
			}
			if diff := cmp.Diff(refresh, f.of(pawl.UseRefresh)); diff != "" {
				t.Errorf("refresh keys changed: %s", diff)
			}
			_, err := f.Remove(t.Context(), ids...)
			wantError(t, "again", err, api.ErrNotFound)
		})
	}
	t.Run("a key that is not there: none is removed", func(t *testing.T) {
		f := newKeyFixture(t)
		_, err := f.Remove(t.Context(), f.of(pawl.UseAccess)[0].ID, "none")
		wantError(t, "remove", err, api.ErrNotFound)
		f.wants("after", "signs")
	})
	t.Run("the key that signs, with another master key: nothing happens", func(t *testing.T) {
		f := newKeyFixture(t)
		f.rotate(pawl.UseAccess)
		f.MasterKey = pawl.NewMasterKey()
		if _, err := f.Remove(t.Context(), f.of(pawl.UseAccess)[0].ID); !errors.Is(err, pawl.ErrMasterKey) {
			t.Errorf("%v, want ErrMasterKey", err)
		}
		f.wants("after", "signs waits")
	})
}

// brokenKeys fails at a write: before it is done, or after.
type brokenKeys struct {
	pawl.KeyStore
	after bool
}

func (k brokenKeys) ReplaceKeys(ctx context.Context, from, to []pawl.KeyRecord) error {
	if k.after {
		_ = k.KeyStore.ReplaceKeys(ctx, from, to) // and the answer is lost
	}
	return errStoreDown
}

// SECURITY 20: under another master key, all at once; whatever fails, one of the
// two opens everything, and the command can be run again.
func TestReseal(t *testing.T) {
	for _, c := range []struct {
		name   string
		broken func(pawl.KeyStore) pawl.KeyStore // nil: nothing fails
		sealed int                               // by the run after a failure
	}{
		{"whole", nil, 0},
		{"it fails before the write", func(s pawl.KeyStore) pawl.KeyStore { return brokenKeys{s, false} }, 3},
		{"it fails after the write", func(s pawl.KeyStore) pawl.KeyStore { return brokenKeys{s, true} }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newKeyFixture(t)
			f.rotate(pawl.UseAccess)
			before, _ := f.List(t.Context())
			next := pawl.NewMasterKey()
			run := f.KeyAdmin
			if c.broken != nil {
				run.Store = c.broken(f.Store)
			}
			if n, err := run.Reseal(t.Context(), next); (err != nil) != (c.broken != nil) || err == nil && n != 3 {
				t.Fatalf("sealed %d, %v", n, err)
			}
			oldOpens, newOpens := opens(f.KeyAdmin, f.MasterKey), opens(f.KeyAdmin, next)
			if oldOpens == newOpens {
				t.Errorf("the old one opens everything: %v, the new one: %v", oldOpens, newOpens)
			}
			if n, err := f.Reseal(t.Context(), next); err != nil || n != c.sealed || !opens(f.KeyAdmin, next) {
				t.Errorf("run again: sealed %d, %v; want %d", n, err, c.sealed)
			}
			after, _ := f.List(t.Context())
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("the keys are others:\n%s", diff)
			}
			if _, _, err := f.Rotate(t.Context(), pawl.UseRefresh); !errors.Is(err, pawl.ErrMasterKey) {
				t.Errorf("a key under the old master key: %v, want ErrMasterKey", err)
			}
			if _, err := f.Reseal(t.Context(), pawl.NewMasterKey()); !errors.Is(err, pawl.ErrMasterKey) {
				t.Errorf("from the old master key: %v, want ErrMasterKey", err)
			}
		})
	}
}

// opens reports whether the master key opens every key: under the same one,
// Reseal only looks.
func opens(a pawl.KeyAdmin, master pawl.MasterKey) bool {
	a.MasterKey = master
	n, err := a.Reseal(context.Background(), master)
	return err == nil && n == 0
}

// lateKeys lets something happen between a reading and the write after it.
type lateKeys struct {
	pawl.KeyStore
	once sync.Once
	do   func()
}

func (k *lateKeys) ReplaceKeys(ctx context.Context, from, to []pawl.KeyRecord) error {
	k.once.Do(k.do)
	return k.KeyStore.ReplaceKeys(ctx, from, to)
}

// A command, or a server, that has the old master key and made a key before the
// keys were sealed anew must not put it beside them: no master key would open
// all of them any more.
func TestNoKeyOfTheOldMasterKeyGetsAmongTheNew(t *testing.T) {
	f := newKeyFixture(t)
	next := pawl.NewMasterKey()
	slow := f.KeyAdmin
	slow.Store = &lateKeys{KeyStore: f.Store, do: func() {
		if _, err := f.Reseal(t.Context(), next); err != nil {
			t.Error(err)
		}
	}}
	if _, _, err := slow.Rotate(t.Context(), pawl.UseAccess); !errors.Is(err, pawl.ErrMasterKey) {
		t.Errorf("%v, want ErrMasterKey", err)
	}
	if !opens(f.KeyAdmin, next) {
		t.Error("the new master key does not open every key")
	}
}

// No secret is in what is shown of keys.
func TestKeyInfoHoldsNoSecret(t *testing.T) {
	f := newKeyFixture(t)
	recs, _ := f.Store.Keys(t.Context())
	if diff := cmp.Diff(pawl.KeyInfo{
		ID: recs[0].ID, Use: pawl.UseAccess, Algorithm: token.ES256, Created: f.now, SignsFrom: f.now, State: pawl.KeySigns,
	}, f.of(pawl.UseAccess)[0]); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
