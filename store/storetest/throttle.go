package storetest

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
)

// Throttle checks a [pawl.Throttle]. open makes a new, empty one, or another
// handle on a shared one: each test has keys of its own.
func Throttle(t *testing.T, open func(t testing.TB) pawl.Throttle) {
	for _, test := range []struct {
		name string
		run  func(*throttleFixture)
	}{
		{"one try is taken from each bucket, or none", takeAllOrNothing},
		{"no refused try is counted", takeLeavesNoTrace},
		{"a bucket drains as its rate says", takeDrains},
		{"a try that is given back can be taken again", giveBack},
		{"a clock that is set back keeps nobody out", takeClockSetBack},
		{"parallel tries never pass the burst", raceTake},
		{"parallel tries of the same buckets in any order all answer", raceTakeOrder},
		{"a key is known until the latest time that was said", remember},
		{"a bucket of a month outlives one of minutes", takeSlow},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(&throttleFixture{TB: t, Throttle: open(t)})
		})
	}
}

var (
	rate  = pawl.Rate{Burst: 10, Period: 15 * time.Minute} // one drains in 90 s
	other = pawl.Rate{Burst: 3, Period: time.Minute}       // in 20 s
)

// throttleFixture is a throttle, and checks that end the test.
type throttleFixture struct {
	testing.TB
	pawl.Throttle
}

// buckets is how many were made, so that no two tests share one.
var buckets atomic.Uint64

// bucket is a key as good as a keyed hash: spread evenly.
func bucket(r pawl.Rate) pawl.Try {
	n := buckets.Add(1)
	try := pawl.Try{Rate: r}
	binary.LittleEndian.PutUint64(try.Key[:], n*0x9e3779b97f4a7c15)
	binary.LittleEndian.PutUint64(try.Key[8:], n)
	return try
}

func (f *throttleFixture) take(now time.Time, tries ...pawl.Try) time.Duration {
	f.Helper()
	retry, err := f.Take(f.Context(), now, tries...)
	if err != nil {
		f.Error(err)
	}
	return retry
}

// waits checks what a try has to wait; 0 if it is taken.
func (f *throttleFixture) waits(want time.Duration, now time.Time, tries ...pawl.Try) {
	f.Helper()
	if retry := f.take(now, tries...); retry != want {
		f.Errorf("the wait is %v, not %v", retry, want)
	}
}

func takeAllOrNothing(f *throttleFixture) {
	a, b := bucket(rate), bucket(other)
	for range 3 {
		f.waits(0, noon, a, b)
	}
	for range 20 {
		f.waits(20*time.Second, noon, a, b) // the emptier bucket asks for it
	}
	for range 7 { // refused tries have not used the other one up
		f.waits(0, noon, a)
	}
	f.waits(90*time.Second, noon, a, b) // of two waits the longer
}

func takeLeavesNoTrace(f *throttleFixture) {
	a, b := bucket(rate), bucket(other)
	for range 3 {
		f.waits(0, noon, b)
	}
	f.waits(20*time.Second, noon, b, a)
	f.waits(20*time.Second, noon, a, b)
	for range 10 {
		f.waits(0, noon, a)
	}
	f.waits(90*time.Second, noon, a)
	f.waits(0, noon.Add(20*time.Second), b)
}

func takeDrains(f *throttleFixture) {
	a := bucket(other)
	for i := range 3 {
		f.waits(0, noon.Add(time.Duration(i)*time.Second), a)
	}
	f.waits(18*time.Second, noon.Add(2*time.Second), a)
	f.waits(ms, noon.Add(20*time.Second-ms), a)
	f.waits(0, noon.Add(20*time.Second), a)
	f.waits(20*time.Second, noon.Add(20*time.Second), a)
	for range 3 { // an hour later it is as good as unused
		f.waits(0, noon.Add(time.Hour), a)
	}
	f.waits(20*time.Second, noon.Add(time.Hour), a)
}

func giveBack(f *throttleFixture) {
	a, b := bucket(rate), bucket(other)
	for range 3 {
		f.waits(0, noon, a, b)
	}
	if err := f.GiveBack(f.Context(), noon, a, b); err != nil {
		f.Fatal(err)
	}
	f.waits(0, noon, b, a)
	f.waits(20*time.Second, noon, a, b)
	unused := bucket(rate)
	if err := f.GiveBack(f.Context(), noon, unused); err != nil {
		f.Fatal(err)
	}
	for range 10 {
		f.waits(0, noon, unused)
	}
	f.waits(90*time.Second, noon, unused)
}

func takeClockSetBack(f *throttleFixture) {
	a := bucket(rate)
	for range 10 {
		f.waits(0, noon, a)
	}
	now := noon.Add(-time.Hour)
	f.waits(90*time.Second, now, a)
	f.waits(0, now.Add(90*time.Second), a) // the wait was true
}

func raceTake(f *throttleFixture) {
	a := bucket(rate)
	var taken atomic.Int64
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if f.take(noon, a) == 0 {
				taken.Add(1)
			}
		})
	}
	all.Wait()
	if taken.Load() != 10 {
		f.Errorf("%d of 100 were let through", taken.Load())
	}
}

func raceTakeOrder(f *throttleFixture) {
	shared := []pawl.Try{bucket(rate), bucket(rate), bucket(rate)}
	var taken atomic.Int64
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for j := range rounds(3) {
				a, b, c := shared[(i+j)%3], shared[(i+j+1+i%2)%3], shared[(i+j+2-i%2)%3]
				if f.take(noon, a, b, c) > 0 {
					continue
				}
				taken.Add(1)
				if err := f.GiveBack(f.Context(), noon, c, a, b); err != nil {
					f.Error(err)
				}
			}
		})
	}
	all.Wait()
	if taken.Load() < 10 {
		f.Errorf("%d were let through", taken.Load())
	}
}

func remember(f *throttleFixture) {
	k := bucket(rate).Key
	knows := func(at time.Time, want bool) {
		f.Helper()
		if ok, err := f.Remembers(f.Context(), k, at); err != nil || ok != want {
			f.Errorf("known: %v, %v", ok, err)
		}
	}
	knows(noon, false)
	for _, until := range []time.Duration{time.Hour, time.Minute} {
		if err := f.Remember(f.Context(), k, noon, noon.Add(until)); err != nil {
			f.Fatal(err)
		}
	}
	knows(noon.Add(time.Hour-ms), true)
	knows(noon.Add(time.Hour), false)
}

func takeSlow(f *throttleFixture) {
	slow, quick := bucket(pawl.Rate{Burst: 2, Period: 30 * 24 * time.Hour}), bucket(other)
	for range 2 {
		f.waits(0, noon, slow, quick)
	}
	f.waits(15*24*time.Hour, noon, slow)
	f.waits(24*time.Hour, noon.Add(14*24*time.Hour), slow, quick)
	if err := f.GiveBack(f.Context(), noon, slow); err != nil {
		f.Fatal(err)
	}
	f.waits(0, noon.Add(14*24*time.Hour), slow, quick)
}
