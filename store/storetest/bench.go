package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

// Bench measures a store: what a reissue costs, alone and among others, and
// that other calls do not slow it down.
func Bench(b *testing.B, open Open) {
	n := *benchSessions
	for _, clients := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("Rotate/clients=%d", clients), func(b *testing.B) {
			f := newFixture(b, open)
			benchRotate(b, f, Seed(b, f.Sessions, max(n, clients), noon), clients)
		})
		b.Run(fmt.Sprintf("GetRotate/clients=%d", clients), func(b *testing.B) {
			f := newFixture(b, open)
			benchReissue(b, f, Seed(b, f.Sessions, max(n, clients), noon), clients)
		})
	}
	b.Run("Get", func(b *testing.B) {
		f := newFixture(b, open)
		some := Seed(b, f.Sessions, n, noon)
		for i := 0; b.Loop(); i++ {
			f.get(some[i*7%len(some)].SessionKey)
		}
	})
	b.Run("Create/clients=16", func(b *testing.B) {
		f := newFixture(b, open)
		Seed(b, f.Sessions, n, noon)
		b.ResetTimer()
		parallel(b, 16, func(worker, i int) {
			f.create(NewSession(benchUser(b.N+worker), noon), pawl.Mark{})
		})
	})
	b.Run("List", func(b *testing.B) {
		f := newFixture(b, open)
		Seed(b, f.Sessions, n, noon)
		for i := 0; b.Loop(); i++ {
			if _, _, err := f.Sessions.List(f.ctx, benchUser(i%max(n/10, 1)), pawl.ListPlace{}, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("EndUser", func(b *testing.B) {
		f := newFixture(b, open)
		Seed(b, f.Sessions, n, noon)
		for i := 0; b.Loop(); i++ {
			if _, _, err := f.Sessions.EndUser(f.ctx, benchUser(i%max(n/10, 1)), "", api.ReasonEndedByAdmin, noon); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("End/a batch, one by one", func(b *testing.B) {
		benchEnds(b, open, func(f *fixture, all []pawl.Session) {
			for _, s := range all {
				if ok, err := f.Sessions.End(f.ctx, s.SessionKey, api.ReasonSignedOut, noon); err != nil || !ok {
					b.Fatal(ok, err)
				}
			}
		})
	})
	b.Run("EndEach/a batch", func(b *testing.B) {
		benchEnds(b, open, func(f *fixture, all []pawl.Session) { f.endEach(all[0].User, ids(all)...) })
	})
	b.Run("SweepPass", func(b *testing.B) {
		f := newFixture(b, open)
		Seed(b, f.Sessions, n, noon)
		for b.Loop() {
			if _, err := f.Sessions.Sweep(f.ctx, noon, noon, 500); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// parallel runs f b.N times from so many goroutines.
func parallel(b *testing.B, clients int, f func(worker, i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for worker := range clients {
		wg.Go(func() {
			for i := int(next.Add(1)); i <= b.N; i = int(next.Add(1)) {
				f(worker, i)
			}
		})
	}
	wg.Wait()
}

// benchEnds measures how a batch of one user's sessions is ended.
func benchEnds(b *testing.B, open Open, end func(*fixture, []pawl.Session)) {
	f := newFixture(b, open)
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		all := f.many(fmt.Sprint("user ", i), pawl.EndBatch)
		b.StartTimer()
		end(f, all)
	}
}

func benchRotate(b *testing.B, f *fixture, some []pawl.Session, clients int) {
	b.ReportAllocs()
	b.ResetTimer()
	parallel(b, clients, func(worker, i int) {
		s := &some[worker+i/clients*clients%(len(some)/clients*clients)]
		next := Advanced(*s, noon.Add(time.Duration(i)*ms))
		if ok, err := f.Sessions.Rotate(f.ctx, *s, next); err != nil || !ok {
			b.Errorf("rotate: %v %v", ok, err)
		}
		*s = next
	})
}

// benchReissue does what a reissue asks of the store.
func benchReissue(b *testing.B, f *fixture, some []pawl.Session, clients int) {
	b.ReportAllocs()
	b.ResetTimer()
	parallel(b, clients, func(worker, i int) {
		s := &some[worker+i/clients*clients%(len(some)/clients*clients)]
		rec, _, err := f.Sessions.Get(f.ctx, s.SessionKey)
		if err != nil {
			b.Error(err)
			return
		}
		if ok, err := f.Sessions.Rotate(f.ctx, rec, Advanced(rec, noon.Add(time.Duration(i)*ms))); err != nil || !ok {
			b.Errorf("rotate: %v %v", ok, err)
		}
	})
}
