package storetest

import (
	"fmt"
	"slices"
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
		{"keys are read as stored, in their order", keyRoundTrip},
		{"a list is replaced only where it is as it was read", keyConflict},
		{"of nodes that replace the list at once, one is first", keyRace},
		{"no reader sees half a list", keyAtomic},
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

// newKeys is a list of n keys of both uses, sealed in some way.
func newKeys(n int, sealed string) (list []pawl.KeyRecord) {
	for i := range n {
		k := newKey(fmt.Sprint("k", i), []string{pawl.UseAccess, pawl.UseRefresh}[i%2], i)
		k.Sealed = []byte(sealed)
		list = append(list, k)
	}
	return list
}

func (f *fixture) keys(node Node) []pawl.KeyRecord {
	f.Helper()
	list, err := node.Keys.Keys(f.ctx)
	f.must(err)
	return list
}

func keyRoundTrip(f *fixture) {
	if keys := f.keys(f.Node); len(keys) != 0 {
		f.Fatalf("a new store has keys: %v", keys)
	}
	var want []pawl.KeyRecord
	for i, use := range []string{pawl.UseAccess, pawl.UseRefresh, pawl.UseRefresh, pawl.UseAccess} {
		next := append(slices.Clone(want), newKey(fmt.Sprint("z-", 9-i), use, i))
		f.must(f.Node.Keys.ReplaceKeys(f.ctx, want, next))
		want = next
	}
	for _, list := range [][]pawl.KeyRecord{want, {want[3], want[0]}, nil} { // another order, fewer, none
		f.must(f.Second.Keys.ReplaceKeys(f.ctx, want, list))
		for _, node := range []Node{f.Node, f.Second} {
			got := f.keys(node)
			if len(got)+len(list) > 0 {
				if diff := cmp.Diff(list, got); diff != "" {
					f.Errorf("keys (-want +got):\n%s", diff)
				}
			}
			for i := range got {
				got[i].Sealed[0] = 99 // the reader's own copy
			}
		}
		want = list
	}
}

func keyConflict(f *fixture) {
	stored := newKeys(3, "old")
	f.must(f.Node.Keys.ReplaceKeys(f.ctx, nil, stored))
	resealed := newKeys(3, "new")
	for name, from := range map[string][]pawl.KeyRecord{
		"nothing":          nil,
		"fewer":            stored[:2],
		"more":             newKeys(4, "old"),
		"another order":    {stored[1], stored[0], stored[2]},
		"sealed otherwise": {stored[0], resealed[1], stored[2]},
	} {
		f.is(f.Second.Keys.ReplaceKeys(f.ctx, from, resealed), pawl.ErrConflict)
		if diff := cmp.Diff(stored, f.keys(f.Node)); diff != "" {
			f.Errorf("replaced though the caller had read %s (-want +got):\n%s", name, diff)
		}
	}
	f.must(f.Second.Keys.ReplaceKeys(f.ctx, stored, resealed))
	f.is(f.Node.Keys.ReplaceKeys(f.ctx, stored, stored), pawl.ErrConflict)
}

func keyRace(f *fixture) {
	var list []pawl.KeyRecord
	for round := range 5 {
		var wg sync.WaitGroup
		var replaced atomic.Int64
		for i := range 16 {
			wg.Go(func() {
				to := append(slices.Clone(list), newKey(fmt.Sprint(round, "-", i), pawl.UseAccess, round))
				if err := []Node{f.Node, f.Second}[i%2].Keys.ReplaceKeys(f.ctx, list, to); err == nil {
					replaced.Add(1)
				}
			})
		}
		wg.Wait()
		if list = f.keys(f.Node); replaced.Load() != 1 || len(list) != round+1 {
			f.Fatalf("round %d: replaced %d times, %d keys", round, replaced.Load(), len(list))
		}
	}
}

// keyAtomic lets lists of which each is told by its length and its seal take
// turns.
func keyAtomic(f *fixture) {
	lists := [][]pawl.KeyRecord{newKeys(40, "forty"), newKeys(7, "seven")}
	f.must(f.Node.Keys.ReplaceKeys(f.ctx, nil, lists[0]))
	var done atomic.Bool
	var wg sync.WaitGroup
	for _, node := range []Node{f.Node, f.Second} {
		wg.Go(func() {
			for !done.Load() {
				got, err := node.Keys.Keys(f.ctx)
				if err != nil || len(got) != 40 && len(got) != 7 {
					f.Errorf("read %d keys, %v", len(got), err)
					return
				}
				if diff := cmp.Diff(lists[map[int]int{40: 0, 7: 1}[len(got)]], got); diff != "" {
					f.Errorf("neither list (-want +got):\n%s", diff)
					return
				}
			}
		})
	}
	for i := range 20 {
		if err := f.Node.Keys.ReplaceKeys(f.ctx, lists[i%2], lists[(i+1)%2]); err != nil {
			f.Errorf("turn %d: %v", i, err)
		}
	}
	done.Store(true)
	wg.Wait()
}
