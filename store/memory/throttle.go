package memory

import (
	"context"
	"encoding/binary"
	"sync"
	"time"

	"github.com/pawlauth/pawl"
)

var _ pawl.Throttle = (*Throttle)(nil)

// Throttle counts failures in this process, in tables whose size is fixed: 24
// bytes an entry, allocated once. It is for deployments of one process, on any
// session store; a restart forgets what it holds.
//
// Where there is no room, the entry whose moment is nearest goes, which is one
// that has passed if there is any. So what an attacker can make the table
// forget is the buckets with the fewest failures, and he has to fail once for
// every entry: the table never loses a bucket for one that is refused. There is a
// table each for tries, for the tries of buckets that take longer than a day to
// drain, and for known addresses: in one table, entries with far moments would
// push out the failures of the last minutes, and a flood of failures would make
// addresses unknown.
type Throttle struct {
	mu    sync.Mutex
	tries table // when the bucket will have drained
	slow  table // the same of those that drain in more than a day
	known table // until when the key is known
}

// The sizes of a Throttle, in entries. An entry of a single failure at the
// default limits passes within 90 s at most, so that a machine that checks
// 1,000 passwords a second fills less than half of the first.
const (
	defaultTries = 1 << 18 // 6 MiB
	defaultSlow  = 1 << 15 // 0.75 MiB
	defaultKnown = 1 << 17 // 3 MiB
)

// NewThrottle makes an empty Throttle.
func NewThrottle() *Throttle { return newThrottle(defaultTries, defaultSlow, defaultKnown) }

func newThrottle(tries, slow, known int) *Throttle {
	return &Throttle{tries: make(table, tries/ways), slow: make(table, slow/ways), known: make(table, known/ways)}
}

// table is where buckets of the rate are.
func (t *Throttle) table(r pawl.Rate) table {
	if r.Period > 24*time.Hour {
		return t.slow
	}
	return t.tries
}

// Take implements [pawl.Throttle].
func (t *Throttle) Take(_ context.Context, now time.Time, tries ...pawl.Try) (retry time.Duration, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, try := range tries {
		s := t.table(try.Rate).find(try.Key)
		next, wait := try.Rate.Take(s.time(), now)
		if wait > 0 {
			s.set(next)
		}
		retry = max(retry, wait)
	}
	if retry > 0 {
		return retry, nil
	}
	for _, try := range tries {
		in := t.table(try.Rate)
		next, _ := try.Rate.Take(in.find(try.Key).time(), now)
		in.room(try.Key).set(next)
	}
	return 0, nil
}

// GiveBack implements [pawl.Throttle].
func (t *Throttle) GiveBack(_ context.Context, _ time.Time, tries ...pawl.Try) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, try := range tries {
		if s := t.table(try.Rate).find(try.Key); s != nil {
			s.set(try.Rate.GiveBack(s.time()))
		}
	}
	return nil
}

// Remember implements [pawl.Throttle].
func (t *Throttle) Remember(_ context.Context, key pawl.ThrottleKey, _, until time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.known.room(key); until.After(s.time()) {
		s.set(until)
	}
	return nil
}

// Remembers implements [pawl.Throttle].
func (t *Throttle) Remembers(_ context.Context, key pawl.ThrottleKey, now time.Time) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.known.find(key).time().After(now), nil
}

// ways is how many places there are for a key.
const ways = 16

// table keeps a moment for each of some keys. Keys are keyed hashes: nobody
// outside can choose two that share a set.
type table [][ways]slot

type slot struct {
	key pawl.ThrottleKey
	at  int64 // unix ms; 0: empty
}

// time is the slot's moment; that of no slot is the zero time.
func (s *slot) time() time.Time {
	if s == nil || s.at == 0 {
		return time.Time{}
	}
	return time.UnixMilli(s.at)
}

func (s *slot) set(at time.Time) { s.at = at.UnixMilli() }

func (t table) set(key pawl.ThrottleKey) *[ways]slot {
	return &t[binary.LittleEndian.Uint64(key[:])%uint64(len(t))]
}

// find gives the key's slot, or nil.
func (t table) find(key pawl.ThrottleKey) *slot {
	set := t.set(key)
	for i := range set {
		if set[i].at != 0 && set[i].key == key {
			return &set[i]
		}
	}
	return nil
}

// room gives the key's slot, or makes it one in place of the nearest moment.
func (t table) room(key pawl.ThrottleKey) *slot {
	if s := t.find(key); s != nil {
		return s
	}
	set := t.set(key)
	nearest := &set[0]
	for i := range set {
		if set[i].at < nearest.at {
			nearest = &set[i]
		}
	}
	*nearest = slot{key: key}
	return nearest
}
