package chaostest

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"
)

// report shows the figures, and is the judge.
func (h *house) report(t *testing.T, took time.Duration) {
	t.Helper()
	s := h.sum
	h.mu.Lock()
	for _, row := range slices.Sorted(maps.Keys(h.rows)) {
		t.Attr("row_"+row, strconv.Itoa(h.rows[row]))
	}
	h.mu.Unlock()
	t.Attr("run", fmt.Sprintf("%v; %d reissues answered; %d requests refused or lost, and repeated", took.Round(time.Second), s.reissued.Load(), s.lost.Load()))
	t.Attr("found", fmt.Sprintf("%d false sign-outs; reuse tried %d times, accepted %d; %d sessions ended, revivals tried %d, revived %d; their access tokens tried %d times, accepted %d, of which %d where the sign-in was lost",
		s.signOuts.Load(), s.reuseTried.Load(), s.reuseAccepted.Load(), s.ended.Load(), s.revivalTried.Load(), s.revived.Load(), s.guardedTried.Load(), s.guarded.Load(), s.orphans.Load()))
	for _, r := range s.remaining() {
		t.Attr("remaining_"+word(r.what), fmt.Sprintf("%d (%s)", r.n, r.why))
	}
	for _, reason := range slices.Sorted(maps.Keys(s.kinds)) {
		t.Attr("ended_"+reason, strconv.Itoa(s.kinds[reason]))
	}
	t.Attr("felt", spread(s.felt))
	for _, name := range slices.Sorted(maps.Keys(s.waits)) {
		t.Attr("refused_"+word(name), fmt.Sprintf("%d times; requests that were refused: %s", s.faults[name], spread(s.waits[name])))
	}

	h.judge(t)
}

// remains is something that no node can know better, and how often it was seen.
type remains struct {
	what, why string
	n         int64
	unstored  bool // also where nothing that was answered is lost
}

func (s *tally) remaining() []remains {
	return []remains{
		{what: "sign-ins lost", why: "the store failed over to a copy without them: there is no record, or no user, and the next reissue is told unknown, or disabled", n: s.lostAtBirth.Load()},
		{what: "old tokens answered", why: "the store had lost their successor, which nobody had presented yet", n: s.lostRotation.Load(), unstored: true},
		{what: "ended sessions answered early", why: "the store had lost the end, and not all nodes had applied it again yet", n: s.early.Load()},
		{what: "sessions ended by an end from just before them", why: "the store had lost it when they signed in, in the same second, on a node that had not read it", n: s.bannedAgain.Load()},
	}
}

// judge fails the run for what must never be.
func (h *house) judge(t *testing.T) {
	t.Helper()
	s := h.sum
	h.judgeProof(t)
	for what, n := range map[string]int64{
		"false sign-outs": s.signOuts.Load(), "accepted reuse": s.reuseAccepted.Load(), "revived sessions": s.revived.Load(),
		"access tokens of ended sessions accepted": s.guarded.Load(), "wrong answers": int64(len(s.wrong)),
	} {
		if n != 0 {
			t.Errorf("%d %s", n, what)
		}
	}
	for _, r := range s.remaining() {
		if h.engine.durable && r.n != 0 && !r.unstored {
			t.Errorf("%d %s, where nothing that was answered can be lost", r.n, r.what)
		}
	}
	for _, w := range s.wrong[:min(len(s.wrong), 20)] {
		t.Error(w)
	}
	if t.Failed() {
		t.Log("the faults:\n" + strings.Join(s.story, "\n"))
	}
}

// judgeProof fails a run that has tried too little.
func (h *house) judgeProof(t *testing.T) {
	t.Helper()
	s := h.sum
	advances := h.count("5-reissue")
	total := advances + h.count("4-reissue") + h.count("6-reissue")
	if total == 0 || 2*advances < total {
		t.Errorf("%d of %d reissues were advances: at least half must be, or the run proves little", advances, total)
	}
	for what, n := range map[string]int64{
		"reuse tried": s.reuseTried.Load(), "revivals tried": s.revivalTried.Load(), "ended sessions": s.ended.Load(),
	} {
		if n == 0 {
			t.Errorf("no %s: the run proves nothing about that", what)
		}
	}
}

// word makes a name fit for an attribute.
func word(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c == ' ' || c == ',' {
			b[i] = '_'
		}
	}
	return string(b)
}

// spread tells the longest, the sum, the median and how many.
func spread(d []time.Duration) string {
	if len(d) == 0 {
		return "none"
	}
	sort.Slice(d, func(i, j int) bool { return d[i] < d[j] })
	var total time.Duration
	for _, v := range d {
		total += v
	}
	ms := time.Millisecond
	return fmt.Sprintf("%d, longest %v, median %v, total %v", len(d), d[len(d)-1].Round(ms), d[len(d)/2].Round(ms), total.Round(ms))
}
