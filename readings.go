package pawl

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// logPatience is how old the last reading of the revocation log may be for a node
// to reissue and to start sessions.
const logPatience = 8 * time.Second

// readings counts the readings of the revocation log, so that a caller can wait for
// one that begins after the call. Safe for concurrent use.
type readings struct {
	mu       sync.Mutex
	begun    uint64
	finished uint64
	err      error         // of the last one
	changed  chan struct{} // closed when the next one is finished
	whole    time.Time     // when the last one began that read all of the log; monotonic

	// good is when the last one began that read at least a part of the log. Each
	// reissue looks at it.
	good atomic.Pointer[time.Time]
}

// begin notes that a reading begins, and returns when.
func (r *readings) begin() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun++
	return time.Now() //nolint:forbidigo // a span of time by the node's own clock, not a moment
}

// finish notes the end of the reading that began then. some holds where at least a
// part of the log was read.
func (r *readings) finish(began time.Time, some bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.finished, r.err = r.begun, err
	if some {
		r.good.Store(&began)
	}
	if err == nil {
		r.whole = began
	}
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

// stale reports whether the log was not read for long.
func (r *readings) stale() bool {
	good := r.good.Load()
	return good == nil || time.Since(*good) > logPatience //nolint:forbidigo // as in begin
}

// next returns the number of the first reading that begins from now on.
func (r *readings) next() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.begun + 1
}

// outcome returns the error of the reading with that number or a later one; or a
// channel, not nil, that is closed when there may be one.
func (r *readings) outcome(number uint64) (changed <-chan struct{}, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.finished >= number {
		return nil, r.err
	}
	if r.changed == nil {
		r.changed = make(chan struct{})
	}
	return r.changed, nil
}

// LogStats is how the node stands to the revocation log.
type LogStats struct {
	Age    time.Duration // since the last reading of the whole log began; normally under 0.1 s
	Losses uint64        // how often the store was found to have lost entries
}

// LogStats returns how old this node's picture of the revocation log is, and how
// often the store had lost ends that were then applied again.
func (s *Service) LogStats() LogStats {
	s.readings.mu.Lock()
	age := time.Since(s.readings.whole) //nolint:forbidigo // as in begin
	s.readings.mu.Unlock()
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	return LogStats{Age: age, Losses: s.memory.losses}
}

var errLogUnread = errors.New("the revocation log is not read in time")

// readLog has the log read and waits for that: for a reading that begins after the
// call. It returns what was wrong with it.
func (s *Service) readLog(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, applyPatience)
	defer cancel()
	number := s.readings.next()
	for {
		changed, err := s.readings.outcome(number)
		if changed == nil {
			return err
		}
		s.nudge()
		select {
		case <-changed:
		case <-ctx.Done():
			return errors.Join(errLogUnread, ctx.Err())
		case <-s.closing:
			return errLogUnread
		}
	}
}
