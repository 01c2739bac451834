package pawl

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/pawlauth/pawl/token"
)

const (
	// rememberEnds is for how long ends are applied again to a store that lost
	// them: longer than any replica lags that is fit to take over.
	rememberEnds = time.Minute
	// rememberMost bounds that where the log cannot be read for long.
	rememberMost = 10 * time.Minute
)

// endMemory holds the ends of the last minute: those that this node made, read in
// the log, or met in a record. A store that fails over to a replica which lagged
// has lost some of them, and users who signed out would be signed in again. Its
// times are the node's own, by a clock that no step of the store's moves. While the
// log cannot be read nothing is forgotten: what the store has lost shows only then.
// Safe for concurrent use.
type endMemory struct {
	mu     sync.Mutex
	ends   map[endName]rememberedEnd
	pruned time.Duration
	read   time.Duration // when the last reading of the whole log began
	lostAt time.Duration // when the store was last found to have lost ends
	losses uint64        // how often it was found
	again  chan struct{} // closed once ends are not due any more
	due    atomic.Bool

	expected map[endName]time.Time // made here, and not yet read in the log, by NotBefore
}

type endName struct{ kind, id string }

func nameOf(r *token.Revocation) endName { return endName{r.Kind, r.ID} }

type rememberedEnd struct {
	LoggedEnd
	noted  time.Duration
	made   bool // the store has confirmed it to this node, and was not found to have lost it since
	logged bool // this node has read it in the log, likewise
}

// met remembers an end that this node has made or met in a record; confirmed says
// that the store has told this node that it is durable.
func (m *endMemory) met(now time.Duration, e LoggedEnd, confirmed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.note(now, e)
	r.made = r.made || confirmed
	m.ends[nameOf(&e.Revocation)] = r
}

// took remembers ends that the log has shown. age is how long ago an entry was
// written: zero at the log's end, where what is read is new.
func (m *endMemory) took(now time.Duration, age func(*LoggedEnd) time.Duration, ends ...LoggedEnd) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range ends {
		m.shown(&e.Revocation)
		if e.Kind == token.KindSession && e.User == "" {
			continue // an earlier release wrote it, without saying whose session it is
		}
		r := m.note(now-age(&e), e)
		r.logged = r.logged || !e.NotBefore.Before(r.NotBefore)
		m.ends[nameOf(&e.Revocation)] = r
	}
	m.prune(now)
}

// note returns how an end is to be remembered: of two of the same name the one that
// reaches further counts.
func (m *endMemory) note(at time.Duration, e LoggedEnd) rememberedEnd {
	if m.ends == nil {
		m.ends = map[endName]rememberedEnd{}
	}
	e.Cursor = ""
	r := rememberedEnd{LoggedEnd: e, noted: at}
	if old, ok := m.ends[nameOf(&e.Revocation)]; ok && !e.NotBefore.After(old.NotBefore) {
		r = old
		r.noted = max(at, old.noted)
	}
	return r
}

func (m *endMemory) prune(now time.Duration) {
	if now-m.pruned > rememberEnds/10 {
		m.pruned = now
		for name, e := range m.ends {
			if e.noted < m.oldest(now) {
				delete(m.ends, name)
			}
		}
	}
}

// oldest is since when ends are remembered.
func (m *endMemory) oldest(now time.Duration) time.Duration {
	return max(min(m.read, now)-rememberEnds, now-rememberMost)
}

// expect notes that the log has an end. It must be in the next reading that begins
// after this: otherwise the store has lost it, with no trace in the log.
func (m *endMemory) expect(r token.Revocation) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.expected == nil {
		m.expected = map[endName]time.Time{}
	}
	m.expected[nameOf(&r)] = r.NotBefore
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

// shown notes that the log has shown an end, or one of the same name that reaches
// as far.
func (m *endMemory) shown(r *token.Revocation) {
	if want, ok := m.expected[nameOf(r)]; ok && !r.NotBefore.Before(want) {
		delete(m.expected, nameOf(r))
	}
}

// unexpect takes back what expect noted: the log was faster.
func (m *endMemory) unexpect(r token.Revocation) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.shown(&r)
}

// missing reports whether the reading has not shown something of what was due.
// That is told once.
func (m *endMemory) missing(due []endName) (any bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range due {
		if _, ok := m.expected[name]; ok {
			any = true
			delete(m.expected, name)
		}
	}
	return any
}

// unsure gives the ends that are remembered and may be lost. What the log has shown
// since it lost entries holds, since an end and its entry are one step of the store;
// everyone's is one step in each part of it only.
func (m *endMemory) unsure(now time.Duration) (ends []rememberedEnd) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.ends {
		if e.noted >= m.oldest(now) && (!e.logged || e.Kind == token.KindAll) {
			ends = append(ends, e)
		}
	}
	return ends
}

// renew notes that an end was made again just now.
func (m *endMemory) renew(now time.Duration, r token.Revocation) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.ends[nameOf(&r)]; ok {
		e.noted = now
		m.ends[nameOf(&r)] = e
	}
}

// unshown gives those of the ends that the log was to show and has not.
func (m *endMemory) unshown(due []endName) (ends []rememberedEnd) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range due {
		_, expected := m.expected[name]
		if e, ok := m.ends[name]; ok && expected {
			ends = append(ends, e)
		}
	}
	return ends
}

// of gives what is remembered of a revocation; ok is false for nothing.
func (m *endMemory) of(r token.Revocation) (e rememberedEnd, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok = m.ends[nameOf(&r)]
	return e, ok
}

// wasRead notes that the whole log was read, and what it had lost applied again;
// the reading began at that time.
func (m *endMemory) wasRead(began time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.read = began
}

// lost notes that the store has lost ends. reset says that entries are gone which
// the log had shown: what it has of all that is remembered is not known any more.
// Otherwise that holds for what was not read there.
func (m *endMemory) lost(now time.Duration, reset bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, e := range m.ends {
		e.logged = e.logged && !reset
		e.made = e.made && e.logged
		m.ends[name] = e
	}
	m.lostAt = now
	m.losses++
	if !m.due.Swap(true) {
		m.again = make(chan struct{})
	}
}

// lostLately reports whether the store has lost ends in the last minute.
func (m *endMemory) lostLately(now time.Duration) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.losses > 0 && now-m.lostAt <= rememberEnds
}

// applied notes that what the store lost is applied again.
func (m *endMemory) applied() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.due.Swap(false) {
		close(m.again)
	}
}

// revocations gives the entries as those who follow the log are told them.
func revocations(entries []LoggedEnd) []token.Revocation {
	list := make([]token.Revocation, len(entries))
	for i := range entries {
		list[i] = entries[i].Revocation
	}
	return list
}
