package token

import (
	"sync"
	"sync/atomic"
)

// A markTable maps hashed ids to marks: open addressing in shards. Readers use
// atomic loads only. Writers of a shard exclude one another. A place, once
// taken, keeps its key as long as the array lives; to delete or to grow, a
// writer copies the shard into a new array and swaps the pointer.
type markTable struct {
	count  atomic.Int64
	shards [64]markShard
}

type markShard struct {
	mu    sync.Mutex
	array atomic.Pointer[markArray]
	used  int
	_     [40]byte // a cache line each: writers disturb no neighbour's readers
}

// A markKey is 128 bits of hash.
type markKey [2]uint64

// A mark is what is kept of a revocation. Times are milliseconds since 1970.
type mark struct {
	notBefore, at uint64
	reason        uint16
}

// A markArray is one shard's places. Most look-ups find nothing, and read only
// tags: sixteen to a cache line, where slots are two. A tag is 0 while its slot
// is empty, and written after it: whoever sees the tag sees the slot.
type markArray struct {
	tags  []atomic.Uint32
	slots []markSlot
}

type markSlot struct {
	key       [2]atomic.Uint64
	notBefore atomic.Uint64
	atReason  atomic.Uint64 // at<<16 | reason
}

func newMarkArray(size int) *markArray {
	return &markArray{make([]atomic.Uint32, size), make([]markSlot, size)}
}

func (k markKey) tag() uint32 { return uint32(k[1]>>32) | 1 }

func (s *markSlot) is(k markKey) bool { return s.key[0].Load() == k[0] && s.key[1].Load() == k[1] }

func (s *markSlot) load() mark {
	w := s.atReason.Load()
	return mark{s.notBefore.Load(), w >> 16, uint16(w)}
}

func (s *markSlot) store(m mark) {
	s.notBefore.Store(m.notBefore)
	s.atReason.Store(m.at<<16 | uint64(m.reason))
}

// seek returns the place of k, or the empty one where it belongs. There is
// always an empty one.
func (a *markArray) seek(k markKey) (place uint64, found bool) {
	mask := uint64(len(a.tags) - 1)
	for i := k[1] & mask; ; i = (i + 1) & mask {
		switch a.tags[i].Load() {
		case 0:
			return i, false
		case k.tag():
			if a.slots[i].is(k) {
				return i, true
			}
		}
	}
}

// take fills an empty place.
func (a *markArray) take(place uint64, k markKey, m mark) {
	s := &a.slots[place]
	s.key[0].Store(k[0])
	s.key[1].Store(k[1])
	s.store(m)
	a.tags[place].Store(k.tag())
}

// each calls f with every mark that is not older than cutoff.
func (a *markArray) each(cutoff uint64, f func(markKey, mark)) {
	for i := range a.slots {
		if a.tags[i].Load() == 0 {
			continue
		}
		s := &a.slots[i]
		if m := s.load(); max(m.at, m.notBefore) >= cutoff {
			f(markKey{s.key[0].Load(), s.key[1].Load()}, m)
		}
	}
}

func (t *markTable) shard(k markKey) *markShard { return &t.shards[k[0]>>58] }

func (t *markTable) len() int { return int(t.count.Load()) }

func (t *markTable) get(k markKey) (mark, bool) {
	a := t.shard(k).array.Load()
	if a == nil {
		return mark{}, false
	}
	place, found := a.seek(k)
	if !found {
		return mark{}, false
	}
	return a.slots[place].load(), true
}

// put adds m, or merges it into what is there.
func (t *markTable) put(k markKey, m mark) {
	sh := t.shard(k)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	a := sh.room()
	place, found := a.seek(k)
	if found {
		s := &a.slots[place]
		s.store(s.load().merge(m))
		return
	}
	a.take(place, k, m)
	sh.used++
	t.count.Add(1)
}

// merge keeps the later of both times: what either covers stays covered, and
// for as long. The reason is that of the later NotBefore, else the first told.
func (m mark) merge(n mark) mark {
	if n.notBefore > m.notBefore {
		m.notBefore, m.reason = n.notBefore, n.reason
	}
	m.at = max(m.at, n.at)
	return m
}

// room returns the shard's array with place for one more, a quarter kept empty.
func (sh *markShard) room() *markArray {
	if a := sh.array.Load(); a != nil && fits(sh.used+1, len(a.tags)) {
		return a
	}
	return sh.rebuild(sh.used+1, 0)
}

func fits(n, size int) bool { return 4*n <= 3*size }

// rebuild copies the marks not older than cutoff into a new array for n marks.
func (sh *markShard) rebuild(n int, cutoff uint64) *markArray {
	size := 8
	for !fits(n, size) {
		size *= 2
	}
	fresh := newMarkArray(size)
	if old := sh.array.Load(); old != nil {
		old.each(cutoff, func(k markKey, m mark) {
			place, _ := fresh.seek(k)
			fresh.take(place, k, m)
		})
	}
	sh.array.Store(fresh)
	return fresh
}

// forget drops the marks older than cutoff, shard by shard.
func (t *markTable) forget(cutoff uint64) {
	for i := range t.shards {
		t.count.Add(-int64(t.shards[i].forget(cutoff)))
	}
}

func (sh *markShard) forget(cutoff uint64) (dropped int) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	a := sh.array.Load()
	if a == nil {
		return 0
	}
	live := 0
	a.each(cutoff, func(markKey, mark) { live++ })
	if dropped = sh.used - live; dropped > 0 {
		sh.used = live
		sh.rebuild(live, cutoff)
	}
	return dropped
}
