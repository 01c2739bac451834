package httpapi

import (
	"sync"
	"time"
)

// maxRing is how much of the recent feed is kept for those who read it a little
// late, in bytes: some 6,000 entries, for all followers together.
const maxRing = 1 << 20

// A chunk is a piece of the feed, encoded once for all followers.
type chunk struct {
	data   []byte
	cursor string    // where the feed goes on behind it
	beat   uint64    // its number where it ends with a heartbeat; 0: it does not
	now    time.Time // and the heartbeat's time
}

// A feedRing is the end of the feed. Whoever writes waits for nobody: a follower
// that falls behind it has to read the store again.
type feedRing struct {
	mu      sync.Mutex
	first   uint64 // the position of chunks[0]
	chunks  []chunk
	bytes   int
	changed chan struct{} // closed at the next put
}

func newFeedRing() *feedRing { return &feedRing{changed: make(chan struct{})} }

// put adds a chunk and wakes everybody.
func (r *feedRing) put(c chunk) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.chunks = append(r.chunks, c)
	r.bytes += len(c.data)
	for r.bytes > maxRing && len(r.chunks) > 1 {
		r.bytes -= len(r.chunks[0].data)
		r.chunks[0] = chunk{}
		r.chunks = r.chunks[1:]
		r.first++
	}
	close(r.changed)
	r.changed = make(chan struct{})
}

// end is the position of the next chunk.
func (r *feedRing) end() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.first + uint64(len(r.chunks))
}

// at gives the chunk at a position: or, while it is not there yet, a channel
// that is closed when it is; or neither, if it has been dropped.
func (r *feedRing) at(pos uint64) (c chunk, wait <-chan struct{}, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch i := pos - r.first; {
	case pos < r.first:
		return c, nil, false
	case i < uint64(len(r.chunks)):
		return r.chunks[i], nil, true
	}
	return c, r.changed, true
}
