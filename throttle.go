package pawl

import (
	"context"
	"time"
)

// Throttle counts failures, in buckets that drain by themselves. It holds data:
// [Rate] decides. Methods are safe for concurrent use, by several processes too
// where the engine allows that. A Throttle may lose what it holds, on a restart
// or for want of space: somebody then gets some more tries, or is not
// recognised, and nothing else happens.
type Throttle interface {
	// Take takes one try from each of the buckets, or none if one of them is
	// empty: then it says how long it will take, at least, until there is a try
	// in every one. No try is taken twice, however many callers there are; one
	// that is refused leaves no trace that could refuse another, but for the
	// moment of the call itself.
	Take(ctx context.Context, now time.Time, tries ...Try) (retry time.Duration, err error)

	// GiveBack undoes a Take whose try was no failure.
	GiveBack(ctx context.Context, now time.Time, tries ...Try) error

	// Remember keeps that a key is known until the given time; it never shortens
	// what was said before.
	Remember(ctx context.Context, key ThrottleKey, now, until time.Time) error

	// Remembers reports whether the key is known at now.
	Remembers(ctx context.Context, key ThrottleKey, now time.Time) (bool, error)
}

// ThrottleKey names a bucket: a keyed hash, of which nothing can be read back.
// What strangers type as a user ID may be a password in the wrong field.
type ThrottleKey [16]byte

// Try is one try from a bucket. A bucket has one Rate.
type Try struct {
	Key  ThrottleKey
	Rate Rate
}

// Rate says how fast a bucket drains: Burst tries at once, and then one every
// Period/Burst, rounded up to whole milliseconds. Burst is at least 1.
//
// It is the generic cell rate algorithm, whose whole state is one moment: when
// the bucket will have drained. The zero time is an unused bucket, and so is
// every moment that has passed, so that a store may forget it.
type Rate struct {
	Burst  int
	Period time.Duration
}

// interval is how long one try takes to drain.
func (r Rate) interval() time.Duration {
	each := r.Period / time.Duration(r.Burst)
	if each*time.Duration(r.Burst) < r.Period || each%time.Millisecond != 0 {
		each = each.Truncate(time.Millisecond) + time.Millisecond
	}
	return max(each, time.Millisecond)
}

// Take gives the bucket's new state, to be kept whatever the answer is, and how
// long the caller has to wait: 0 if the try was taken. A full bucket drains
// within Burst intervals even if the clock was set back: that nobody's wait
// follows from a moment that the clock had wrong, is why the state of a refused
// try is kept.
func (r Rate) Take(drained, now time.Time) (next time.Time, retry time.Duration) {
	full := now.Add(time.Duration(r.Burst) * r.interval())
	drained = earlier(drained, full)
	if drained.Before(now) {
		drained = now
	}
	next = drained.Add(r.interval())
	if wait := next.Sub(full); wait > 0 {
		return drained, wait
	}
	return next, 0
}

// GiveBack gives the state as if one try had not been taken.
func (r Rate) GiveBack(drained time.Time) time.Time { return drained.Add(-r.interval()) }
