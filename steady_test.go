package pawl

import (
	"testing"
	"time"
)

func TestSteadyClock(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	for name, steps := range map[string][]struct{ shown, passed, want time.Duration }{
		"it shows what it follows":                {{0, 0, 0}, {time.Minute, time.Minute, time.Minute}, {2 * time.Minute, 2 * time.Minute, 2 * time.Minute}},
		"a leap ahead is taken in as time passes": {{0, 0, 0}, {48 * time.Hour, time.Minute, 2 * time.Minute}, {49 * time.Hour, 61 * time.Minute, 122 * time.Minute}},
		"a leap back at once":                     {{0, 0, 0}, {-time.Hour, time.Minute, -time.Hour}, {time.Minute, 2 * time.Minute, -58 * time.Minute}},
		"it catches up":                           {{0, 0, 0}, {3 * time.Minute, time.Minute, 2 * time.Minute}, {4 * time.Minute, 2 * time.Minute, 4 * time.Minute}},
		"a clock that creeps ahead is followed":   {{0, 0, 0}, {101 * time.Second, 100 * time.Second, 101 * time.Second}},
	} {
		var c steadyClock
		for i, s := range steps {
			if got := c.read(noon.Add(s.shown), s.passed).Sub(noon); got != s.want {
				t.Errorf("%s, step %d: %v, not %v", name, i, got, s.want)
			}
		}
	}
}
