package load

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// histogram counts durations in buckets of microseconds, each at most 1/128
// wide, in the same space however long a run lasts. Safe for concurrent use.
type histogram struct {
	buckets [64 * fine]atomic.Int64
	total   atomic.Int64
}

const (
	fineBits = 7
	fine     = 1 << fineBits
)

func (h *histogram) add(d time.Duration) {
	h.buckets[bucketOf(uint64(max(0, d.Microseconds())))].Add(1)
	h.total.Add(1)
}

// bucketOf: below 2*fine, each microsecond has its bucket; above, each power of
// two is cut into fine parts.
func bucketOf(us uint64) int {
	shift := max(0, bits.Len64(us)-fineBits-1)
	return shift*fine + int(us>>shift)
}

// upper is the greatest value of a bucket.
func upper(bucket int) time.Duration {
	shift := max(0, bucket/fine-1)
	us := uint64(bucket-shift*fine+1)<<shift - 1
	return time.Duration(us) * time.Microsecond
}

// quantile gives what so large a part of the durations does not exceed; 0 if
// there are none.
func (h *histogram) quantile(q float64) time.Duration {
	rank := int64(q * float64(h.total.Load()-1))
	for i := range h.buckets {
		n := h.buckets[i].Load()
		if rank < n {
			return upper(i)
		}
		rank -= n
	}
	return 0
}
