package token

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// Revoked is the set of live revocations, asked at every request on every
// resource server. The zero value is empty and ready. All methods are safe for
// concurrent use; it must not be copied.
//
// Covers takes no lock and allocates nothing, however large the set. An entry
// costs between 48 and 96 bytes. Entries are found by 128-bit keyed hashes of
// their ids: a false match, which nobody can steer without knowing the seeds,
// would refuse a token, never accept one. Times are kept to the millisecond,
// cursors not at all.
type Revoked struct {
	mu  sync.RWMutex // held for writing by Reset only; Add and Forget share it
	set atomic.Pointer[revokedSet]

	version atomic.Uint64
}

// A revokedSet is what Reset replaces as a whole.
type revokedSet struct {
	seeds    [2]maphash.Seed
	reasons  reasonTable
	all      atomic.Pointer[Revocation]
	sessions markTable
	users    markTable
}

func newRevokedSet() *revokedSet {
	return &revokedSet{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
}

// Add adds entries. Adding one again changes nothing; of two for the same user,
// or for everybody, the later NotBefore wins. Entries of unknown kind or
// without their id are ignored.
func (s *Revoked) Add(rs ...Revocation) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	set := s.set.Load()
	for set == nil {
		s.set.CompareAndSwap(nil, newRevokedSet())
		set = s.set.Load()
	}
	for _, r := range rs {
		set.add(r)
	}
	if len(rs) > 0 {
		s.version.Add(1)
	}
}

// Version changes with everything that is added: a token that Covers did not
// find at a version is not covered as long as that version stands. Read it
// before asking Covers.
func (s *Revoked) Version() uint64 { return s.version.Load() }

// Covers returns the revocation that covers a, if any: everybody's before the
// user's before the session's.
func (s *Revoked) Covers(a *Access) (Revocation, bool) {
	set := s.set.Load()
	if set == nil {
		return Revocation{}, false
	}
	if all := set.all.Load(); all != nil && all.Covers(a) {
		return *all, true
	}
	if r, ok := set.find(&set.users, KindUser, a.Subject); ok && r.Covers(a) {
		return r, true
	}
	if r, ok := set.find(&set.sessions, KindSession, a.SessionID); ok {
		return r, true
	}
	return Revocation{}, false
}

// Holds reports whether the set has r itself, or what stands for it: an entry of
// the same kind and id whose NotBefore is not earlier. That another entry covers
// the same tokens does not count.
func (s *Revoked) Holds(r Revocation) bool {
	set := s.set.Load()
	if set == nil {
		return false
	}
	var had Revocation
	var ok bool
	switch r.Kind {
	case KindSession:
		had, ok = set.find(&set.sessions, KindSession, r.ID)
	case KindUser:
		had, ok = set.find(&set.users, KindUser, r.ID)
	case KindAll:
		had, ok = set.everyone()
	}
	return ok && !had.NotBefore.Before(r.NotBefore)
}

// Everyone returns the revocation of everybody's tokens, if there is one.
func (s *Revoked) Everyone() (Revocation, bool) {
	set := s.set.Load()
	if set == nil {
		return Revocation{}, false
	}
	return set.everyone()
}

// Forget drops the entries made before the given time (by At, or NotBefore
// where that is later). Choose it so that every token they could cover is dead:
// the access lifetime and the leeway ago. Writers wait for a sixty-fourth of
// the set at most, readers for nothing.
func (s *Revoked) Forget(before time.Time) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	set := s.set.Load()
	if set == nil {
		return
	}
	if all := set.all.Load(); all != nil && all.At.Before(before) && all.NotBefore.Before(before) {
		set.all.CompareAndSwap(all, nil)
	}
	set.users.forget(toMillis(before))
	set.sessions.forget(toMillis(before))
}

// Reset replaces the whole set by live: the answer to a feed that has to be
// read anew. A concurrent Covers sees the old set or the new one, never less.
func (s *Revoked) Reset(live []Revocation) {
	set := newRevokedSet()
	for _, r := range live {
		set.add(r)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set.Store(set)
	s.version.Add(1)
}

// Len returns the number of entries.
func (s *Revoked) Len() int {
	set := s.set.Load()
	if set == nil {
		return 0
	}
	n := set.users.len() + set.sessions.len()
	if set.all.Load() != nil {
		n++
	}
	return n
}

func (s *revokedSet) everyone() (Revocation, bool) {
	if all := s.all.Load(); all != nil {
		return *all, true
	}
	return Revocation{}, false
}

func (s *revokedSet) add(r Revocation) {
	switch {
	case r.Kind == KindAll:
		s.addAll(r)
	case r.Kind == KindUser && r.ID != "":
		s.users.put(s.key(r.ID), s.mark(r))
	case r.Kind == KindSession && r.ID != "":
		s.sessions.put(s.key(r.ID), s.mark(r))
	}
}

func (s *revokedSet) addAll(r Revocation) {
	for {
		old := s.all.Load()
		merged := Revocation{Kind: KindAll, Reason: r.Reason, NotBefore: r.NotBefore, At: r.At}
		if old != nil {
			if !r.NotBefore.After(old.NotBefore) {
				merged.NotBefore, merged.Reason = old.NotBefore, old.Reason
			}
			if old.At.After(r.At) {
				merged.At = old.At
			}
		}
		if s.all.CompareAndSwap(old, &merged) {
			return
		}
	}
}

func (s *revokedSet) find(t *markTable, kind, id string) (Revocation, bool) {
	if t.len() == 0 || id == "" {
		return Revocation{}, false
	}
	m, ok := t.get(s.key(id))
	if !ok {
		return Revocation{}, false
	}
	return Revocation{
		Kind: kind, ID: id, Reason: s.reasons.text(m.reason),
		NotBefore: fromMillis(m.notBefore), At: fromMillis(m.at),
	}, true
}

func (s *revokedSet) key(id string) markKey {
	return markKey{maphash.String(s.seeds[0], id), maphash.String(s.seeds[1], id)}
}

func (s *revokedSet) mark(r Revocation) mark {
	return mark{toMillis(r.NotBefore), toMillis(r.At), s.reasons.index(r.Reason)}
}

// Milliseconds since 1970 in 48 bits: 0 is the zero time, and everything before
// 1970; the end of the year 10889 is the last.
const maxMillis = 1<<48 - 1

func toMillis(t time.Time) uint64 {
	return uint64(min(max(t.Unix(), 0), maxMillis/1000-1))*1000 + uint64(t.Nanosecond()/1e6)
}

func fromMillis(ms uint64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms)).UTC()
}
