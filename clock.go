package pawl

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// TimeSource is a store that has a clock: one that several nodes share.
type TimeSource interface {
	// Now is the store's clock at some moment of the call.
	Now(ctx context.Context) (time.Time, error)
}

// ClockOptions are settings of a [Clock]. Zero values mean the defaults.
type ClockOptions struct {
	Every    time.Duration    // between two looks at the store's clock; 2 s
	LocalNow func() time.Time // nil: time.Now. It should carry a monotonic reading, which no step of the node's clock moves
	Log      *slog.Logger     // nil: slog.Default()
}

// A Clock is a node's estimate of its store's clock, for [Config].Now. The
// rotation rule compares moments that different nodes wrote: with clocks of their
// own, ten seconds apart, nodes would sign people out. All methods are safe for
// concurrent use.
//
// The store is asked in the background. Now never waits: between two answers it
// runs on with the node's own clock, for as long as the store does not answer.
type Clock struct {
	source TimeSource
	o      ClockOptions
	held   atomic.Pointer[reading]
	recent []reading // of the store's clock, newest last; the sampler's own
	warned bool      // the sampler's own

	stop context.CancelFunc
	done sync.WaitGroup
}

const (
	clockEvery   = 2 * time.Second
	clockTimeout = 5 * time.Second // as long as a store may take: a node must start beside a busy one
	clockSamples = 8               // of which the best is believed
	// clockDrift is how fast two clocks part, at most, in parts of a second: five
	// times what a poor quartz does.
	clockDrift = 500e-6
	// clockStep is the difference from which on the clock is set at once; less is
	// taken in slowly, so that it never runs backwards.
	clockStep = 500 * time.Millisecond
	// clockFar is how far the node's own clock may be off before somebody is told.
	clockFar = 3 * time.Second
)

// A reading is the store's clock at a moment of the local one.
type reading struct {
	local, store time.Time
	err          time.Duration // the most that it can be wrong by
	slew         time.Duration // to be added to it, bit by bit, within over
	over         time.Duration
}

// at is the store's clock at a moment of the local one.
func (r *reading) at(local time.Time) time.Time {
	gone := local.Sub(r.local)
	t := r.store.Add(gone)
	if gone < r.over {
		return t.Add(time.Duration(float64(r.slew) * float64(gone) / float64(r.over)))
	}
	return t.Add(r.slew)
}

// uncertainty is how wrong the reading may be at a moment of the local clock.
func (r *reading) uncertainty(local time.Time) time.Duration {
	return r.err + time.Duration(clockDrift*float64(local.Sub(r.local).Abs()))
}

// NewClock reads the store's clock and keeps on reading it until Close. An error
// is the store's.
func NewClock(ctx context.Context, source TimeSource, o ClockOptions) (*Clock, error) {
	if o.Every <= 0 {
		o.Every = clockEvery
	}
	if o.LocalNow == nil {
		o.LocalNow = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	c := &Clock{source: source, o: o}
	for range clockSamples / 2 { // the first round trip opens a connection
		if err := c.sample(ctx); err != nil {
			return nil, fmt.Errorf("read the store's clock: %w", err)
		}
	}
	background, stop := context.WithCancel(context.Background())
	c.stop = stop
	c.done.Go(func() { c.follow(background) })
	return c, nil
}

// Close stops the reading and waits for it. Now goes on.
func (c *Clock) Close() {
	c.stop()
	c.done.Wait()
}

// Now is the store's clock, as far as it is known.
func (c *Clock) Now() time.Time { return c.held.Load().at(c.o.LocalNow()) }

// Offset is how far the store's clock is ahead of the node's own.
func (c *Clock) Offset() time.Duration {
	local := c.o.LocalNow()
	return c.held.Load().at(local).Sub(local.Round(0)) // what the node's wall clock shows
}

func (c *Clock) follow(ctx context.Context) {
	tick := time.NewTicker(c.o.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		_ = c.sample(ctx) // the last estimate runs on
	}
}

// sample asks the store once.
func (c *Clock) sample(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, clockTimeout)
	defer cancel()
	asked := c.o.LocalNow()
	store, err := c.source.Now(ctx)
	trip := c.o.LocalNow().Sub(asked)
	if err != nil {
		return err
	}
	if trip < 0 {
		return errors.New("the node's own clock stepped back meanwhile")
	}
	c.take(reading{local: asked.Add(trip / 2), store: store, err: trip / 2})
	c.warn()
	return nil
}

// take adds a reading, and goes by the best of the recent ones. Readings that
// the new one proves wrong are of another clock: the store has failed over, or
// its clock was set.
func (c *Clock) take(r reading) {
	kept := c.recent[:0]
	for _, old := range c.recent {
		if old.at(r.local).Sub(r.store).Abs() <= old.uncertainty(r.local)+r.err {
			kept = append(kept, old)
		}
	}
	if len(kept) == clockSamples {
		kept = append(kept[:0], kept[1:]...)
	}
	c.recent = append(kept, r)
	best := r
	for _, old := range c.recent {
		if old.uncertainty(r.local) < best.uncertainty(r.local) {
			best = old
		}
	}
	c.hold(best, r.local)
}

// hold has the clock show what the reading says: at once where that is far away,
// otherwise bit by bit until the next reading.
func (c *Clock) hold(best reading, local time.Time) {
	want := best.at(local)
	next := reading{local: local, store: want}
	if held := c.held.Load(); held != nil {
		shows := held.at(local)
		if off := want.Sub(shows); off.Abs() < clockStep {
			next.store, next.slew, next.over = shows, off, max(c.o.Every, 2*clockStep)
		}
	}
	c.held.Store(&next)
}

// warn tells once that the node's own clock is far off, and once that it is not
// any more. Pawl does without it, but logs and certificates do not.
func (c *Clock) warn() {
	off := c.Offset()
	if far := off.Abs() > clockFar; far != c.warned {
		c.warned = far
		if far {
			c.o.Log.Warn("this machine's clock differs from the store's, which is the one that counts; set it, by NTP for instance", "ahead_of_it", off.Round(time.Millisecond))
		} else {
			c.o.Log.Info("this machine's clock agrees with the store's again")
		}
	}
}
