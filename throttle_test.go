package pawl_test

import (
	"testing"
	"time"

	"github.com/pawlauth/pawl"
)

// Each row is one moment of a bucket of 3 tries in a minute: one drains in 20 s.
func TestRateTake(t *testing.T) {
	rate := pawl.Rate{Burst: 3, Period: time.Minute}
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	in := func(s float64) time.Time { return now.Add(time.Duration(s * float64(time.Second))) }
	for _, c := range []struct {
		name          string
		drained, next time.Time
		retry         time.Duration
	}{
		{"never used", time.Time{}, in(20), 0},
		{"drained long ago", in(-3600), in(20), 0},
		{"drained now", now, in(20), 0},
		{"one taken", in(20), in(40), 0},
		{"two taken", in(40), in(60), 0},
		{"a moment before there is room", in(40.001), in(40.001), time.Millisecond},
		{"empty", in(60), in(60), 20 * time.Second},
		{"the clock was set back an hour: no longer a wait than from empty", in(3660), in(60), 20 * time.Second},
	} {
		next, retry := rate.Take(c.drained, now)
		if !next.Equal(c.next) || retry != c.retry {
			t.Errorf("%s: %v, %v; want %v, %v", c.name, next.Sub(now), retry, c.next.Sub(now), c.retry)
		}
		if again, after := rate.Take(next, now.Add(retry)); retry > 0 && after != 0 {
			t.Errorf("%s: after exactly the wait, another one of %v (%v)", c.name, after, again)
		}
		if retry == 0 && !rate.GiveBack(next).Equal(maxTime(c.drained, now)) {
			t.Errorf("%s: given back: %v", c.name, rate.GiveBack(next).Sub(now))
		}
	}
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func TestRateTakesItsBurstWhateverThePeriod(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	for _, rate := range []pawl.Rate{
		{Burst: 1, Period: time.Second},
		{Burst: 7, Period: 15 * time.Minute},
		{Burst: 1000, Period: time.Millisecond},
		{Burst: 5000, Period: time.Second},
	} {
		var state time.Time
		for n := range rate.Burst {
			next, retry := rate.Take(state, now)
			if state = next; retry != 0 {
				t.Fatalf("%+v: try %d is refused for %v", rate, n, retry)
			}
		}
		_, retry := rate.Take(state, now)
		if retry <= 0 || retry%time.Millisecond != 0 || retry < rate.Period/time.Duration(rate.Burst) {
			t.Errorf("%+v: the wait is %v", rate, retry)
		}
	}
}

func BenchmarkRateTake(b *testing.B) {
	rate := pawl.Rate{Burst: 10, Period: 15 * time.Minute}
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	var state time.Time
	for b.Loop() {
		state, _ = rate.Take(state, now)
	}
}
