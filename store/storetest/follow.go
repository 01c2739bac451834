package storetest

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// A follower with small pages reads while sessions end: every end once, in
// one order for all, and never before the session has ended.
func raceFollower(f *fixture) {
	const writers = 8
	each := rounds(15)
	sessions := make(map[string]pawl.SessionKey)
	work := make([][]pawl.SessionKey, writers)
	for i := range work {
		for range each {
			s := f.signIn("u", noon)
			work[i] = append(work[i], s.SessionKey)
			sessions[s.ID] = s.SessionKey
		}
	}
	follow := func(store pawl.SessionStore, limit int) (ids []string) {
		cursor := ""
		for len(ids) < len(sessions) && f.ctx.Err() == nil && !f.Failed() {
			page, err := store.Revocations(f.ctx, cursor, limit)
			if !f.check(err) {
				return ids
			}
			for _, e := range page.Entries {
				rec, _, err := store.Get(f.ctx, sessions[e.ID])
				if f.check(err); rec.Ended.IsZero() || e.Kind != token.KindSession {
					f.Errorf("an entry without its end: %v", e)
				}
				ids = append(ids, e.ID)
			}
			cursor = page.Cursor
		}
		return ids
	}
	seen := make([][]string, 3)
	f.together(writers+len(seen), func(i int, store pawl.SessionStore) {
		if i >= writers {
			seen[i-writers] = follow(store, 1+3*(i-writers))
			return
		}
		for _, k := range work[i] {
			_, err := store.End(f.ctx, k, api.ReasonSignedOut, noon)
			f.check(err)
		}
	})
	for _, ids := range seen {
		if !slices.Equal(ids, seen[0]) {
			f.Error("followers do not agree on the order")
		}
		if distinct := slices.Compact(slices.Sorted(slices.Values(ids))); len(ids) != len(distinct) || len(ids) != len(sessions) {
			f.Error("a follower missed an entry, or got one twice")
		}
	}
}

func raceSweep(f *fixture) {
	const n = 100
	due := noon.Add(time.Hour)
	for range n {
		s := NewSession("u", noon)
		s.IdleExpires = noon
		f.create(s, pawl.Mark{})
	}
	turning := []pawl.Session{f.signIn("u", noon), f.signIn("t", noon), f.signIn("v", noon)}
	var deleted atomic.Int64
	f.together(6, func(i int, store pawl.SessionStore) {
		if i >= len(turning) {
			for range n {
				got, err := store.Sweep(f.ctx, due, due, 5)
				f.check(err)
				deleted.Add(int64(got))
			}
			return
		}
		s := turning[i]
		for j := range rounds(30) {
			next := Advanced(s, noon.Add(time.Duration(j+1)*ms))
			applied, err := store.Rotate(f.ctx, s, next)
			if f.check(err); !applied {
				f.Error("a rotation was disturbed")
			}
			s = next
		}
	})
	if deleted.Load() != n {
		f.Errorf("deleted %d, not %d", deleted.Load(), n)
	}
}
