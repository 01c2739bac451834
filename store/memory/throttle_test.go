package memory

import (
	"context"
	"encoding/binary"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/pawlauth/pawl"
)

var (
	noon  = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	rate  = pawl.Rate{Burst: 10, Period: 15 * time.Minute}
	other = pawl.Rate{Burst: 3, Period: time.Minute}
)

// nth is a key as good as a keyed hash: spread evenly.
func nth(n uint64) (k pawl.ThrottleKey) {
	binary.LittleEndian.PutUint64(k[:], n*0x9e3779b97f4a7c15)
	binary.LittleEndian.PutUint64(k[8:], n)
	return k
}

func take(t testing.TB, th *Throttle, now time.Time, tries ...pawl.Try) time.Duration {
	t.Helper()
	retry, err := th.Take(context.Background(), now, tries...)
	if err != nil {
		t.Fatal(err)
	}
	return retry
}

func (t table) used() (n int) {
	for i := range t {
		for _, s := range t[i] {
			if s.at != 0 {
				n++
			}
		}
	}
	return n
}

// A flood of a million names from a million addresses fits the same table, and
// neither a guessed account's failures nor a known address go for it.
func TestAFloodIsBounded(t *testing.T) {
	const tries, known = 1 << 14, 1 << 10
	th := newThrottle(tries, known, known)
	guessed, home := pawl.Try{Key: nth(1), Rate: rate}, nth(2)
	for range 10 {
		take(t, th, noon, guessed)
	}
	if err := th.Remember(t.Context(), home, noon, noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for n := range uint64(1_000_000) {
		take(t, th, noon.Add(time.Duration(n)*time.Microsecond), pawl.Try{Key: nth(10 + n), Rate: rate})
	}
	if n := th.tries.used(); n > tries {
		t.Errorf("%d entries, want %d at most", n, tries)
	}
	if take(t, th, noon.Add(time.Second), guessed) == 0 {
		t.Error("the flood washed a guessed account's failures away")
	}
	if ok, err := th.Remembers(t.Context(), home, noon); !ok || err != nil {
		t.Errorf("the flood made a known address unknown: %v", err)
	}
	if size := unsafe.Sizeof(slot{}); size != 24 {
		t.Errorf("an entry is %d bytes", size)
	}
}

func TestWhatHasPassedGoesFirst(t *testing.T) {
	th := newThrottle(ways, ways, ways) // one set
	heavy := pawl.Try{Key: nth(99), Rate: rate}
	for range 5 {
		take(t, th, noon, heavy)
	}
	for n := range uint64(ways - 1) {
		take(t, th, noon, pawl.Try{Key: nth(n), Rate: other}) // passes in 20 s
	}
	later := noon.Add(time.Minute)
	for n := range uint64(1000) {
		take(t, th, later.Add(time.Duration(n)*time.Minute/1000), pawl.Try{Key: nth(1000 + n), Rate: other})
	}
	if s := th.tries.find(heavy.Key); s == nil || !s.time().Equal(noon.Add(450*time.Second)) {
		t.Error("what still counted went before what had passed")
	}
}

// Buckets that take a month to drain, as many as there are accounts, push no
// failure of the last minutes out, nor a known address.
func TestSlowBucketsHaveATableOfTheirOwn(t *testing.T) {
	th := newThrottle(1<<10, 1<<10, 1<<10)
	guessed, home := pawl.Try{Key: nth(1), Rate: rate}, nth(2)
	for range 10 {
		take(t, th, noon, guessed)
	}
	if err := th.Remember(t.Context(), home, noon, noon.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	for n := range uint64(100_000) {
		take(t, th, noon, pawl.Try{Key: nth(10 + n), Rate: pawl.Rate{Burst: 20, Period: 30 * 24 * time.Hour}})
	}
	if take(t, th, noon, guessed) == 0 {
		t.Error("they washed a guessed account's failures away")
	}
	if ok, err := th.Remembers(t.Context(), home, noon); !ok || err != nil {
		t.Errorf("they made a known address unknown: %v", err)
	}
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	th := NewThrottle()
	for n := range uint64(2 * defaultKnown) {
		_ = th.Remember(t.Context(), nth(n), noon, noon.Add(time.Hour))
	}
	if n := th.known.used(); n > defaultKnown {
		t.Errorf("%d entries", n)
	}
}

func BenchmarkThrottleTake(b *testing.B) {
	four := func(n uint64) []pawl.Try {
		return []pawl.Try{{Key: nth(4 * n), Rate: rate}, {Key: nth(4*n + 1), Rate: rate}, {Key: nth(4*n + 2), Rate: rate}, {Key: nth(4*n + 3), Rate: rate}}
	}
	b.Run("refused", func(b *testing.B) {
		th := NewThrottle()
		for range 10 {
			take(b, th, noon, four(1)...)
		}
		for b.Loop() {
			take(b, th, noon, four(1)...)
		}
	})
	b.Run("taken_by_distinct_keys", func(b *testing.B) {
		th, n := NewThrottle(), uint64(0)
		for b.Loop() {
			n++
			take(b, th, noon, four(n)...)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		th := NewThrottle()
		var n atomic.Uint64
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				take(b, th, noon, four(n.Add(1))...)
			}
		})
	})
}
