package feedtest

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/guard"
)

// heap is what is in use, after a collection.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Everyone was ended, each by an entry of their own: the picture stays small,
// and a check costs what it costs.
func TestAMillionLiveRevocations(t *testing.T) {
	n := 50_000
	if os.Getenv("CI") == "true" {
		n = 1_000_000
	}
	w := newWorld(t, func(c *pawl.Config) { c.Policy.AccessTTL = 30 * time.Minute })
	for i := range n {
		if _, _, err := w.store.EndUser(t.Context(), fmt.Sprintf("user-%d", i), "", api.ReasonEndedByAdmin, w.Clock.Now()); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the issuer itself has read them", func() bool { return w.Service.Revoked().Len() == n })
	before := heap()
	began := time.Now()
	ctx := t.Context()
	patient, cancel := context.WithTimeout(ctx, 5*time.Minute) // the race detector reads ten times as slowly
	defer cancel()
	r, err := guard.Remote(patient, w.options())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	took := time.Since(began)
	used := heap() - before
	if got := r.Stats().Entries; got != n {
		t.Errorf("%d entries", got)
	}
	const most = 160 // bytes an entry: 96 and what the connection takes
	if used > most*uint64(n) {
		t.Errorf("%d bytes in use for %d entries", used, n)
	}
	s := w.over(t, r)
	a := w.signIn()
	s.is("somebody whom none of them concerns", a, nil)
	if allocs := testing.AllocsPerRun(100, func() { _, _ = s.Check(a.AccessToken) }); allocs != 0 {
		t.Errorf("a check allocates %v times", allocs)
	}
	t.Attr("remote-entries", fmt.Sprint(n))
	t.Attr("remote-entries-memory", fmt.Sprintf("%.1f MB, %d bytes an entry", float64(used)/1e6, used/uint64(n)))
	t.Attr("remote-entries-read-in", took.Round(time.Millisecond).String())

	// Everyone at once is one entry, and comes through all the same.
	w.Advance(time.Second)
	if err := w.Service.EndAll(ctx, api.ReasonEndedByAdmin); err != nil {
		t.Fatal(err)
	}
	s.becomes("everybody ended", a, api.LoginRequired(api.ReasonEndedByAdmin))
}
