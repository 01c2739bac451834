package redis

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/servertest"
)

// The script is pawl.Rate.Take and GiveBack, to the millisecond.
func TestTheScriptsAreTheRate(t *testing.T) {
	s := openTest(t, servertest.StartRedis(t, "--appendonly", "no").URL)
	key := byte(0)
	rapid.Check(t, func(rt *rapid.T) {
		key++
		try := pawl.Try{Key: pawl.ThrottleKey{key}, Rate: pawl.Rate{
			Burst:  rapid.IntRange(1, 20).Draw(rt, "burst"),
			Period: time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(rt, "period")) + 24*time.Hour, // longer than the test
		}}
		if err := s.client.Do(t.Context(), s.client.B().Del().Key(s.bucket(try.Key)).Build()).Error(); err != nil {
			rt.Fatal(err)
		}
		var drained time.Time
		now := noon
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(-1000, 3_000_000).Draw(rt, "later")) * time.Millisecond)
			if rapid.Bool().Draw(rt, "give back") {
				if err := s.GiveBack(t.Context(), now, try); err != nil {
					rt.Fatal(err)
				}
				if drained = try.Rate.GiveBack(drained); !drained.After(now) {
					drained = time.Time{} // a moment that has passed may be forgotten
				}
				continue
			}
			next, want := try.Rate.Take(drained, now)
			drained = next
			got, err := s.Take(t.Context(), now, try)
			if err != nil || got != want {
				rt.Fatalf("wait %v, %v; the rate says %v", got, err, want)
			}
		}
	})
}
