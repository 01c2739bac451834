package pawl

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

const (
	// rememberEnds is for how long ends are applied again to a store that lost
	// them: longer than any replica lags that is fit to take over.
	rememberEnds = time.Minute
	// keeperGrace is how long the node that made a password change is given to
	// apply it again: no other knows which session goes on.
	keeperGrace = 2 * time.Second
)

// A pastEnd is an end that this node made, or saw in the log.
type pastEnd struct {
	token.Revocation
	user string // whose session it is, for KindSession
	keep string // the session that goes on, for KindUser
	seen bool   // made elsewhere: user and keep are not known
}

// endMemory holds the ends of the last minute. A store that fails over to a
// replica which lagged has lost some of them, and who was signed out would be
// signed in again. Safe for concurrent use.
type endMemory struct {
	mu     sync.Mutex
	ends   map[endName]rememberedEnd
	pruned time.Time
	lostAt time.Time     // when the store was last found to have lost ends
	late   bool          // what other nodes know better is to be looked at after their grace
	again  chan struct{} // closed once ends are not due any more
	due    atomic.Bool

	expected map[endName]bool // made here, and not yet read in the log
}

type endName struct{ kind, id string }

type rememberedEnd struct {
	pastEnd
	noted time.Time
}

// note remembers ends. What a node made tells more than what it then sees of it.
func (m *endMemory) note(now time.Time, ends ...pastEnd) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ends == nil {
		m.ends = map[endName]rememberedEnd{}
	}
	for _, e := range ends {
		name := endName{e.Kind, e.ID}
		if old, ok := m.ends[name]; ok && e.seen && !e.NotBefore.After(old.NotBefore) {
			continue
		}
		m.ends[name] = rememberedEnd{e, now}
	}
	if age := now.Sub(m.pruned); age < 0 || age > rememberEnds/10 {
		m.pruned = now
		for name, e := range m.ends {
			if now.Sub(e.noted) > rememberEnds {
				delete(m.ends, name)
			}
		}
	}
}

// expect notes that the log has an end that this node made. It must be in the next
// reading that begins after this: otherwise the store has lost it, with no trace
// in the log.
func (m *endMemory) expect(r token.Revocation) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.expected == nil {
		m.expected = map[endName]bool{}
	}
	m.expected[endName{r.Kind, r.ID}] = true
}

// unread gives what a reading that begins now must show.
func (m *endMemory) unread() (due []endName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name := range m.expected {
		due = append(due, name)
	}
	return due
}

// read notes what the log has shown.
func (m *endMemory) read(entries ...token.Revocation) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range entries {
		delete(m.expected, endName{r.Kind, r.ID})
	}
}

// missing reports whether the reading has not shown something of what was due.
// That is told once.
func (m *endMemory) missing(due []endName) (any bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range due {
		any = any || m.expected[name]
		delete(m.expected, name)
	}
	return any
}

// keeperElsewhere reports whether another node knows better how to apply the end.
func (e *pastEnd) keeperElsewhere() bool {
	return e.seen && e.Kind == token.KindUser && e.Reason == api.ReasonPasswordChanged
}

// recent gives the ends of the last minute: those that others know better, or the
// rest.
func (m *endMemory) recent(now time.Time, better bool) (ends []pastEnd) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.ends {
		if now.Sub(e.noted) <= rememberEnds && e.keeperElsewhere() == better {
			ends = append(ends, e.pastEnd)
		}
	}
	return ends
}

// of gives what is remembered of a revocation; ok is false for nothing.
func (m *endMemory) of(r token.Revocation) (e pastEnd, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, ok := m.ends[endName{r.Kind, r.ID}]
	return known.pastEnd, ok
}

// lost notes that the store has lost ends.
func (m *endMemory) lost(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lostAt, m.late = now, true
	if !m.due.Swap(true) {
		m.again = make(chan struct{})
	}
}

// lostLately reports whether the store has lost ends in the last minute.
func (m *endMemory) lostLately(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return now.Sub(m.lostAt) <= rememberEnds
}

// applied notes that what the store lost is applied again.
func (m *endMemory) applied() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.due.Swap(false) {
		close(m.again)
	}
}

// inGrace reports whether other nodes may still be about to apply their ends
// again. Where the store has not said that it lost any, the first call begins it.
func (m *endMemory) inGrace(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now.Sub(m.lostAt) > rememberEnds {
		m.lostAt = now
	}
	return now.Sub(m.lostAt) < keeperGrace
}

// afterGrace reports, once, that the others have had their time.
func (m *endMemory) afterGrace(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.late || now.Sub(m.lostAt) < keeperGrace {
		return false
	}
	m.late = false
	return true
}

// seen gives what of the log can be applied again: of a session's end it does
// not say whose it was.
func seen(entries []token.Revocation) (ends []pastEnd) {
	for _, r := range entries {
		if r.Kind != token.KindSession {
			r.Cursor = ""
			ends = append(ends, pastEnd{Revocation: r, seen: true})
		}
	}
	return ends
}
