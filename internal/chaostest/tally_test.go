package chaostest

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// tally is what a run is judged by.
type tally struct {
	reissued, lost               atomic.Int64 // requests answered, and those that got no answer or a 503
	reuseTried, reuseAccepted    atomic.Int64
	ended, revivalTried, revived atomic.Int64
	guarded, guardedTried        atomic.Int64 // access tokens of ended sessions accepted, and tried
	signOuts                     atomic.Int64 // false ones

	// What DESIGN names as remaining.
	lostAtBirth  atomic.Int64 // sessions whose sign-in a failed-over store lost
	orphans      atomic.Int64 // access tokens of such sessions that a node accepted after their end
	early        atomic.Int64 // reissues of an ended session that were answered before the fail-over was over
	bannedAgain  atomic.Int64 // sessions that a lost ban from just before them ended when it was applied again
	lostRotation atomic.Int64 // an old token was answered because the store had lost its successor

	mu     sync.Mutex
	on     string // the fault that is on, or was last
	faults map[string]int
	wrong  []string
	story  []string                   // the faults, with their times
	waits  map[string][]time.Duration // by fault: how long requests were refused
	losses []*loss
	felt   []time.Duration // from the answer to an end until all nodes refused the access token
}

// loss is a time of whose writes a store may have lost some; it goes on while to
// is zero. whole is set once all nodes have applied again what they know.
type loss struct {
	from, to time.Time
	whole    bool
}

func newTally() *tally {
	return &tally{on: "nothing", faults: map[string]int{}, waits: map[string][]time.Duration{}}
}

// fault notes what must never happen, whatever fails.
func (s *tally) fault(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrong = append(s.wrong, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...)+" (last fault: "+s.on+")")
}

// begins says which fault is on from now.
func (s *tally) begins(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.on = name
	s.faults[name]++
	s.story = append(s.story, time.Now().Format("15:04:05.000 ")+name)
}

func (s *tally) now() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.on
}

func (s *tally) refused(why string, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waits[why] = append(s.waits[why], d)
}

// losing notes that what is written from now on may be lost, until over is
// called: a fail-over is under way.
func (s *tally) losing() (over func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := &loss{from: time.Now()}
	s.losses = append(s.losses, one)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		one.to = time.Now()
	}
}

// mayHaveLost reports whether a write answered between the two times may be lost.
// Replication lags by a moment without any fault.
func (s *tally) mayHaveLost(from, to time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.losses, func(l *loss) bool {
		return to.After(l.from.Add(-time.Second)) && (l.to.IsZero() || from.Before(l.to))
	})
}

// whole notes that no fail-over is under way.
func (s *tally) whole() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.losses {
		l.whole = true
	}
}

// failingOver reports whether an end of that time may just now be lost, and not
// applied again yet.
func (s *tally) failingOver(at time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.losses, func(l *loss) bool { return !l.whole && at.After(l.from.Add(-time.Second)) })
}

func (s *tally) feltAfter(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.felt = append(s.felt, d)
}

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
	t.Attr("found", fmt.Sprintf("%d false sign-outs; reuse tried %d times, accepted %d; %d sessions ended, revivals tried %d, revived %d; their access tokens tried %d times, accepted %d",
		s.signOuts.Load(), s.reuseTried.Load(), s.reuseAccepted.Load(), s.ended.Load(), s.revivalTried.Load(), s.revived.Load(), s.guardedTried.Load(), s.guarded.Load()))
	t.Attr("remaining", fmt.Sprintf("%d sessions whose sign-in was lost; %d times the access token of such a session was accepted after its end; %d old tokens answered because their successor was lost; %d ended sessions answered while the fail-over that lost the end was under way; %d sessions ended by a lost ban from just before them",
		s.lostAtBirth.Load(), s.orphans.Load(), s.lostRotation.Load(), s.early.Load(), s.bannedAgain.Load()))
	t.Attr("felt", spread(s.felt))
	for _, name := range slices.Sorted(maps.Keys(s.waits)) {
		t.Attr("refused_"+word(name), fmt.Sprintf("%d times; requests that were refused: %s", s.faults[name], spread(s.waits[name])))
	}

	h.judge(t)
}

func (h *house) judge(t *testing.T) {
	t.Helper()
	s := h.sum
	advances := h.count("5-reissue")
	total := advances + h.count("4-reissue") + h.count("6-reissue")
	if total == 0 || 2*advances < total {
		t.Errorf("%d of %d reissues were advances: at least half must be, or the run proves little", advances, total)
	}
	for what, n := range map[string]int64{
		"false sign-outs": s.signOuts.Load(), "accepted reuse": s.reuseAccepted.Load(), "revived sessions": s.revived.Load(),
		"access tokens of ended sessions accepted": s.guarded.Load(), "wrong answers": int64(len(s.wrong)),
	} {
		if n != 0 {
			t.Errorf("%d %s", n, what)
		}
	}
	for _, w := range s.wrong[:min(len(s.wrong), 20)] {
		t.Error(w)
	}
	if t.Failed() {
		t.Log("the faults:\n" + strings.Join(s.story, "\n"))
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
