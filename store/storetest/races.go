package storetest

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

// rounds of a race: many where time does not matter.
func rounds(n int) int {
	if os.Getenv("CI") == "true" {
		return 10 * n
	}
	return n
}

// together runs f in n goroutines, every other one on the second handle, and
// waits for all.
func (f *fixture) together(n int, do func(i int, s pawl.SessionStore)) {
	var wg sync.WaitGroup
	ready := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-ready
			do(i, []Node{f.Node, f.Second}[i%2].Sessions)
		})
	}
	close(ready)
	wg.Wait()
}

// check is for other goroutines than the test's own.
func (f *fixture) check(err error) bool {
	if err != nil {
		f.Error(err)
	}
	return err == nil
}

func raceRotate(f *fixture) {
	s := f.signIn("u", noon)
	for i := range rounds(10) {
		winner := make(chan pawl.Session, 256)
		f.together(64+192*(i%2), func(j int, store pawl.SessionStore) {
			next := Advanced(s, noon.Add(time.Duration(1000*i+j)*ms))
			applied, err := store.Rotate(f.ctx, s, next)
			if f.check(err) && applied {
				winner <- next
			}
		})
		if len(winner) != 1 {
			f.Fatalf("round %d: %d rotations applied", i, len(winner))
		}
		s = <-winner
		if got, _ := f.get(s.SessionKey); got != s {
			f.Fatalf("round %d: the record is not the winner's: %v", i, got)
		}
	}
}

// Workers turn the same sessions on until each has had its share.
func raceNoLostUpdate(f *fixture) {
	const workers = 100
	shared := []pawl.Session{f.signIn("u", noon), f.signIn("u", noon), f.signIn("v", noon)}
	each := rounds(3)
	f.together(workers, func(i int, store pawl.SessionStore) {
		key := shared[i%len(shared)].SessionKey
		for done := 0; done < each; {
			rec, _, err := store.Get(f.ctx, key)
			if !f.check(err) {
				return
			}
			// Opened alone tells apart what happens within one generation.
			applied, err := store.Rotate(f.ctx, rec, Advanced(rec, rec.Opened.Add(ms)))
			if !f.check(err) {
				return
			}
			if applied {
				done++
			}
		}
	})
	total := uint64(0)
	for _, s := range shared {
		got, _ := f.get(s.SessionKey)
		total += got.Generation
	}
	if total != uint64(workers*each) {
		f.Errorf("%d generations after %d rotations", total, workers*each)
	}
}

func raceRotateEnd(f *fixture) {
	ends := []func(store pawl.SessionStore, k pawl.SessionKey) error{
		func(store pawl.SessionStore, k pawl.SessionKey) error {
			_, err := store.End(f.ctx, k, api.ReasonSignedOut, noon)
			return err
		},
		func(store pawl.SessionStore, k pawl.SessionKey) error {
			_, _, err := store.EndUser(f.ctx, k.User, "", api.ReasonEndedByAdmin, noon)
			return err
		},
		func(store pawl.SessionStore, k pawl.SessionKey) error {
			_, err := store.EndAll(f.ctx, api.ReasonEndedByAdmin, noon)
			return err
		},
	}
	for i := range rounds(24) {
		s := f.signIn("u", noon)
		var answered atomic.Bool
		f.together(8, func(j int, store pawl.SessionStore) {
			if j == 3 {
				if f.check(ends[i%len(ends)](store, s.SessionKey)) {
					answered.Store(true)
				}
				return
			}
			for range 10 {
				rec, _, err := store.Get(f.ctx, s.SessionKey)
				if !f.check(err) {
					return
				}
				late := answered.Load()
				applied, err := store.Rotate(f.ctx, rec, Advanced(rec, rec.Opened.Add(ms)))
				if f.check(err); applied && late {
					f.Errorf("round %d: rotated after the end had answered", i)
				}
			}
		})
		if rec, mark := f.get(s.SessionKey); rec.Live(mark, noon) || f.rotate(rec, Advanced(rec, noon.Add(time.Hour))) {
			f.Fatalf("round %d: it lives: %v", i, rec)
		}
	}
}

func raceCreateEnd(f *fixture) {
	for i := range rounds(60) {
		seen := f.mark("u")
		made := make([]pawl.Session, 6)
		f.together(len(made), func(j int, store pawl.SessionStore) {
			switch {
			case j == i%3:
				_, _, err := store.EndUser(f.ctx, "u", "", api.ReasonEndedByAdmin, noon)
				f.check(err)
			case j == 3 && i%4 == 0:
				_, err := store.EndAll(f.ctx, api.ReasonEndedByAdmin, noon)
				f.check(err)
			default:
				s := NewSession("u", noon)
				if seen.Covers(s.AuthTime) {
					s.AuthTime = seen.NotBefore.Add(time.Second)
				}
				_, err := store.Create(f.ctx, s, seen, 0)
				if errors.Is(err, pawl.ErrEnded) {
					return
				}
				if f.check(err) {
					made[j] = s
				}
			}
		})
		for _, s := range made {
			if s.ID != "" && f.live(s.SessionKey, noon) {
				f.Fatalf("round %d: a sign-in lives that saw the mark before", i)
			}
		}
	}
}

func raceLimit(f *fixture) {
	const limit = 3
	for i := range rounds(10) {
		at := noon.Add(time.Duration(i) * time.Second)
		var evicted atomic.Int64
		f.together(12, func(j int, store pawl.SessionStore) {
			gone, err := store.Create(f.ctx, NewSession("u", at.Add(time.Duration(j)*ms)), pawl.Mark{}, limit)
			if f.check(err) {
				evicted.Add(int64(len(gone)))
			}
		})
		list, mark, err := f.Sessions.List(f.ctx, "u", pawl.ListPlace{}, 0)
		f.must(err)
		live := 0
		for _, s := range list {
			if s.Live(mark, at) {
				live++
			}
		}
		if want := int64(12 - limit*(1-min(i, 1))); live != limit || evicted.Load() != want {
			f.Fatalf("round %d: %d live, %d evicted", i, live, evicted.Load())
		}
	}
}

func raceEnd(f *fixture) {
	for i := range rounds(10) {
		s := f.signIn("u", noon)
		var ended atomic.Int64
		f.together(16, func(_ int, store pawl.SessionStore) {
			ok, err := store.End(f.ctx, s.SessionKey, api.ReasonSignedOut, noon)
			if f.check(err) && ok {
				ended.Add(1)
			}
		})
		if log := f.log(); ended.Load() != 1 || len(log) != i+1 || log[i].ID != s.ID {
			f.Fatalf("round %d: ended %d times, log %v", i, ended.Load(), log)
		}
	}
}

func raceMarks(f *fixture) {
	const n = 40
	f.together(n, func(i int, store pawl.SessionStore) {
		var err error
		at := second(i % 7).Add(time.Duration(i) * ms) // each has an entry of its own
		if i%4 < 2 {
			_, _, err = store.EndUser(f.ctx, "u", "", api.ReasonEndedByAdmin, at)
		} else {
			_, err = store.EndAll(f.ctx, api.ReasonEndedByAdmin, at)
		}
		f.check(err)
	})
	if m := f.mark("u"); !m.NotBefore.Equal(whole(6)) || m.Version < n {
		f.Errorf("mark %v", m)
	}
	if log := f.log(); len(log) != n {
		f.Errorf("%d log entries", len(log))
	}
}
