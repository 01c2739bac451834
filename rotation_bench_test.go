package pawl_test

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/token"
)

// rotExample is one case of a row, and what becomes of it.
type rotExample struct {
	name  string
	row   int
	rec   pawl.Session
	p     pawl.Presented
	after time.Duration // since the last advance
	want  pawl.Outcome
}

var (
	rotBegan  = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	rotPolicy = pawl.Policy{
		AccessTTL: pawl.DefaultAccessTTL, RefreshTTL: pawl.DefaultRefreshTTL,
		SessionTTL: pawl.DefaultSessionTTL, ReuseWindow: pawl.DefaultReuseWindow,
	}
)

func rotExamples() []rotExample {
	live := pawl.Session{
		SessionKey: pawl.SessionKey{User: "ann", ID: "s"}, Generation: 5,
		Created: rotBegan, Rotated: rotBegan, Opened: rotBegan, AuthTime: rotBegan,
		IdleExpires: rotBegan.Add(rotPolicy.RefreshTTL), Ends: rotBegan.Add(rotPolicy.SessionTTL), LastKey: [32]byte{1},
	}
	ended := live
	ended.Ended, ended.EndReason = rotBegan, "signed_out"
	shown := func(generation uint64, key [32]byte) pawl.Presented {
		return pawl.Presented{Refresh: token.Refresh{Generation: generation, Issued: rotBegan, Expires: live.IdleExpires}, KeyHash: key}
	}
	none, key := [32]byte{}, [32]byte{1}
	return []rotExample{
		{"row=1", 1, ended, shown(5, none), time.Second, pawl.Refuse},
		{"row=2", 2, live, shown(6, none), time.Second, pawl.Restore},
		{"row=3", 3, live, shown(5, none), rotPolicy.RefreshTTL, pawl.Refuse},
		{"row=4", 4, live, shown(5, none), time.Second, pawl.AccessOnly},
		{"row=5", 5, live, shown(5, none), time.Hour, pawl.Advance},
		{"row=6", 6, live, shown(4, none), time.Second, pawl.Resend},
		{"row=6-reopen", 6, live, shown(4, key), time.Hour, pawl.Reopen},
		{"row=7", 7, live, shown(3, none), time.Second, pawl.EndReused},
	}
}

// docs/rotation.md names the rows and outcomes that Decide has.
func TestRotationPageIsTheRule(t *testing.T) {
	page, err := os.ReadFile("docs/rotation.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	line := regexp.MustCompile(`(?m)^\| (\d) \| .* \| ([^|]+) \|$`)
	for _, m := range line.FindAllStringSubmatch(string(page), -1) {
		documented[m[1]] = strings.TrimSpace(m[2])
	}
	want := map[string]string{"0": "–", "8": "–"} // the caller's: nothing is decided
	for _, e := range rotExamples() {
		d := pawl.Decide(&e.rec, pawl.Standing{}, e.p, rotBegan.Add(e.after), rotPolicy)
		if d.Row != e.row || d.Outcome != e.want {
			t.Errorf("%s: row %d, %s; want row %d, %s", e.name, d.Row, d.Outcome, e.row, e.want)
		}
		row := fmt.Sprint(d.Row)
		if want[row] != "" {
			want[row] += ", "
		}
		want[row] += "`" + string(d.Outcome) + "`"
	}
	for _, row := range slices.Sorted(maps.Keys(want)) {
		if documented[row] != want[row] {
			t.Errorf("docs/rotation.md gives row %s the outcome %q, Decide has %q", row, documented[row], want[row])
		}
	}
	if len(documented) != len(want) {
		t.Errorf("docs/rotation.md has %d rows, Decide and its caller %d", len(documented), len(want))
	}
}

// BenchmarkDecide is the rule alone, row by row: what it adds to a reissue.
func BenchmarkDecide(b *testing.B) {
	for _, e := range rotExamples() {
		b.Run(e.name, func(b *testing.B) {
			now := rotBegan.Add(e.after)
			b.ReportAllocs()
			for b.Loop() {
				if d := pawl.Decide(&e.rec, pawl.Standing{}, e.p, now, rotPolicy); d.Outcome != e.want {
					b.Fatalf("outcome %s, want %s", d.Outcome, e.want)
				}
			}
		})
	}
}
