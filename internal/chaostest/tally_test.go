package chaostest

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// tally is what a run is judged by.
type tally struct {
	reissued, lost               atomic.Int64 // requests answered, and those that got no answer or a 503
	reuseTried, reuseAccepted    atomic.Int64
	ended, revivalTried, revived atomic.Int64
	guarded, guardedTried        atomic.Int64 // access tokens of ended sessions accepted, and tried
	signOuts                     atomic.Int64 // false ones

	orphans atomic.Int64 // of guarded: of sessions whose sign-in the store lost

	// What may remain: see remaining.
	lostAtBirth  atomic.Int64
	lostRotation atomic.Int64
	early        atomic.Int64
	bannedAgain  atomic.Int64

	mu     sync.Mutex
	on     string // the fault that is on, or was last
	faults map[string]int
	wrong  []string
	story  []string                   // the faults, with their times
	waits  map[string][]time.Duration // by fault: how long requests were refused
	losses []*loss
	stalls []*loss         // of rotations that nobody answered, but a node may have read
	kinds  map[string]int  // ended sessions by reason
	felt   []time.Duration // from the answer to an end until all nodes refused the access token

	everyones []*everyoneEnd
}

// loss is a time of whose writes a store may have lost some; it goes on while to
// is zero. whole is set once all nodes have applied again what they know.
type loss struct {
	from, to time.Time
	whole    bool
}

func newTally() *tally {
	return &tally{on: "nothing", faults: map[string]int{}, waits: map[string][]time.Duration{}, kinds: map[string]int{}}
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
func (s *tally) losing() (over func()) { return s.begin(&s.losses) }

// stalling notes that what is written from now on may be lost, and is not answered,
// until over is called. A node that reads a rotation may re-send it all the same.
func (s *tally) stalling() (over func()) { return s.begin(&s.stalls) }

func (s *tally) begin(list *[]*loss) (over func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := &loss{from: time.Now()}
	*list = append(*list, one)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		one.to = time.Now()
	}
}

// within reports whether something between the two times falls into the loss.
// Replication lags by a moment without any fault.
func (l *loss) within(from, to time.Time) bool {
	return to.After(l.from.Add(-time.Second)) && (l.to.IsZero() || from.Before(l.to))
}

// mayHaveLost reports whether a write answered between the two times may be lost.
func (s *tally) mayHaveLost(from, to time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.losses, func(l *loss) bool { return l.within(from, to) })
}

// mayHaveLostRotation is as mayHaveLost, for what was sent to a client.
func (s *tally) mayHaveLostRotation(from, to time.Time) bool {
	if s.mayHaveLost(from, to) {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.stalls, func(l *loss) bool { return l.within(from, to) })
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

// kind counts an ended session by its reason.
func (s *tally) kind(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kinds[reason]++
}
