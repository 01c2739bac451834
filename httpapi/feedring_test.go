package httpapi

import "testing"

// What is behind the ring is said to be, and what is to come is waited for: a
// follower neither misses a piece nor gets one twice.
func TestTheRingOfTheFeed(t *testing.T) {
	r := newFeedRing()
	piece := make([]byte, maxRing/4)
	_, wait, ok := r.at(0)
	if wait == nil || !ok {
		t.Fatal("an empty ring has something")
	}
	for i := range 10 {
		r.put(chunk{data: piece, beat: uint64(i) + 1})
	}
	<-wait
	if r.end() != 10 || r.bytes > maxRing {
		t.Errorf("it ends at %d and holds %d bytes", r.end(), r.bytes)
	}
	for pos := range uint64(11) {
		c, wait, ok := r.at(pos)
		switch {
		case pos < 6 && (ok || wait != nil),
			pos >= 6 && pos < 10 && (!ok || wait != nil || c.beat != pos+1),
			pos == 10 && (!ok || wait == nil):
			t.Errorf("at %d: piece %d, to come %v, there %v", pos, c.beat, wait != nil, ok)
		}
	}
}
