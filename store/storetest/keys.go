package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlauth/pawl"
)

// Keys checks a [pawl.KeyStore].
func Keys(t *testing.T, open Open) {
	for _, test := range []struct {
		name string
		run  func(*fixture)
	}{
		{"keys are read as stored, oldest first", keyRoundTrip},
		{"of nodes that add a key at once, one is first", keyConflict},
		{"a key is removed once", keyRemove},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(newFixture(t, open))
		})
	}
}

func newKey(id, use string, i int) pawl.KeyRecord {
	return pawl.KeyRecord{
		ID: id, Use: use, Algorithm: "ES256", Sealed: []byte{0, 1, 255, byte(i)},
		Created: second(i), SignsFrom: second(i).Add(10*time.Minute + ms), Life: time.Duration(i)*time.Hour + ms,
	}
}

func keyRoundTrip(f *fixture) {
	if keys, err := f.Keys.Keys(f.ctx); err != nil || len(keys) != 0 {
		f.Fatalf("a new store has keys: %v, %v", keys, err)
	}
	var want []pawl.KeyRecord
	latest := map[string]string{}
	for i, use := range []string{pawl.UseAccess, pawl.UseRefresh, pawl.UseRefresh, pawl.UseAccess} {
		k := newKey(fmt.Sprint("z-", 9-i), use, i)
		f.must(f.Keys.AddKey(f.ctx, k, latest[use]))
		want, latest[use] = append(want, k), k.ID
	}
	for _, node := range []Node{f.Node, f.Second} {
		got, err := node.Keys.Keys(f.ctx)
		f.must(err)
		if diff := cmp.Diff(want, got); diff != "" {
			f.Errorf("keys (-want +got):\n%s", diff)
		}
		got[0].Sealed[0] = 99 // the reader's own copy
	}
}

func keyConflict(f *fixture) {
	f.is(f.Keys.AddKey(f.ctx, newKey("a", pawl.UseAccess, 0), "none such"), pawl.ErrConflict)
	latest := ""
	for round := range 5 {
		var wg sync.WaitGroup
		var added atomic.Int64
		for i := range 16 {
			wg.Go(func() {
				k := newKey(fmt.Sprint(round, "-", i), pawl.UseAccess, round)
				if err := []Node{f.Node, f.Second}[i%2].Keys.AddKey(f.ctx, k, latest); err == nil {
					added.Add(1)
				}
			})
		}
		wg.Wait()
		keys, err := f.Keys.Keys(f.ctx)
		if err != nil || added.Load() != 1 || len(keys) != round+1 {
			f.Fatalf("round %d: %d added, keys %v, %v", round, added.Load(), keys, err)
		}
		latest = keys[round].ID
		f.is(f.Keys.AddKey(f.ctx, newKey("late", pawl.UseAccess, round), ""), pawl.ErrConflict)
		f.is(f.Keys.AddKey(f.ctx, newKey(latest, pawl.UseAccess, round), latest), pawl.ErrConflict)
	}
	f.must(f.Keys.AddKey(f.ctx, newKey("r", pawl.UseRefresh, 0), "")) // the other use is apart
}

func keyRemove(f *fixture) {
	f.is(f.Keys.RemoveKey(f.ctx, "a"), pawl.ErrNotFound)
	f.must(f.Keys.AddKey(f.ctx, newKey("a", pawl.UseAccess, 0), ""))
	f.must(f.Keys.AddKey(f.ctx, newKey("b", pawl.UseAccess, 1), "a"))
	f.must(f.Second.Keys.RemoveKey(f.ctx, "a"))
	f.is(f.Keys.RemoveKey(f.ctx, "a"), pawl.ErrNotFound)
	keys, err := f.Keys.Keys(f.ctx)
	if err != nil || len(keys) != 1 || keys[0].ID != "b" {
		f.Errorf("keys %v, %v", keys, err)
	}
}
