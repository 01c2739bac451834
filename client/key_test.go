package client_test

import (
	"testing"
	"time"

	"github.com/pawlauth/pawl/client"
)

// docs/decisions/0010, line by line.
func TestTheLifeOfAKey(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	k := client.Key{}.Next(now)
	if len(k.Value) < 22 || !k.Pending {
		t.Fatalf("%+v", k)
	}
	same := func(what string, got client.Key, want bool) {
		t.Helper()
		if (got.Value == k.Value) != want {
			t.Errorf("%s: the same key: %v", what, !want)
		}
	}
	proved := k.Succeeded(now, false)
	at := func(d time.Duration) time.Time { return now.Add(d) }

	same("1: a retry", k.Next(at(time.Hour)), true)
	same("1: within a minute of its first success", proved.Next(at(59*time.Second)), true)
	same("1: a minute after", proved.Next(at(time.Minute)), false)
	same("1: a minute after, however often it succeeded since", proved.Next(at(59*time.Second)).Succeeded(at(59*time.Second), false).Next(at(time.Minute)), false)
	same("1: but not while an outcome is unknown", proved.Next(at(59*time.Second)).Next(at(time.Hour)), true)
	same("1: the minute starts anew after a doubt", proved.Next(at(59*time.Second)).Succeeded(at(time.Hour), true).Next(at(time.Hour+59*time.Second)), true)

	same("2: a restart before its success", k.Restarted(at(time.Hour)).Next(at(time.Hour)), true)
	r := proved
	for n := 1; n <= 4; n++ {
		moment := at(time.Duration(n) * 10 * time.Second)
		r = r.Restarted(moment)
		same("2: restarts in a row", r.Next(moment.Add(time.Hour)), n <= 3)
		if n <= 3 {
			r = r.Next(moment).Succeeded(moment, false)
		}
	}
	same("2: a restart after it was retired", proved.Restarted(at(time.Minute)).Next(at(time.Minute)), false)
	same("no key is ever the same as none", client.Key{}.Next(now), false)
}
