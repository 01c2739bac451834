package pawl

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/pawlauth/pawl/token"
)

// A LogStep is what one look at the revocation log found: a page of entries,
// mostly empty.
type LogStep struct {
	RevocationPage
	Keys *token.KeySet // those in force: the same pointer as long as they have not changed
}

// watchers are told of each step, in order, by the one goroutine that reads the
// log.
type watchers struct {
	mu  sync.Mutex
	all []func(LogStep)
}

// Watch calls f after every look at the revocation log from now on: at once when
// this service has ended something or its keys have changed, and 20 times a
// second. While the log cannot be read f is not called, so that silence tells.
// Calls come one at a time until the service is closed, and hold up the others
// that watch: f must be quick.
func (s *Service) Watch(f func(LogStep)) {
	s.watching.mu.Lock()
	defer s.watching.mu.Unlock()
	s.watching.all = append(slices.Clip(s.watching.all), f)
}

func (s *Service) tell(step LogStep) {
	s.watching.mu.Lock()
	all := s.watching.all
	s.watching.mu.Unlock()
	for _, f := range all {
		f(step)
	}
}

// Revocations gives a page of the revocation log, as [SessionStore] describes
// it; ErrUnavailable.
func (s *Service) Revocations(ctx context.Context, after string, limit int) (RevocationPage, error) {
	page, err := s.cfg.Sessions.Revocations(ctx, after, limit)
	if err != nil { // half a page would be taken for all that there is
		return RevocationPage{}, unavailable(err)
	}
	return page, nil
}

// RevocationsKept is how long a revocation counts from the moment it was made,
// or from its NotBefore where that is later: the longest life of an access
// token, and a minute for clocks that lag.
func (s *Service) RevocationsKept() time.Duration { return s.keys.Load().accessLife }

// Closing is closed when Close begins: whoever waits on the service stops then.
func (s *Service) Closing() <-chan struct{} { return s.closing }

// revoke makes an end that the store holds felt here at once, and has the log
// read, so that it travels to those who follow it.
func (s *Service) revoke(e LoggedEnd) { s.revokeMet(e, true) }

// revokeMet is revoke for an end that may not be this node's own; confirmed as in
// endMemory.met.
func (s *Service) revokeMet(e LoggedEnd, confirmed bool) {
	s.memory.expect(e.Revocation)
	if s.revoked.Holds(e.Revocation) {
		s.memory.unexpect(e.Revocation) // the log was faster
	}
	s.revoked.Add(e.Revocation)
	s.memory.met(s.elapsed(), e, confirmed)
	s.nudge()
}

// passNudges has the log read when the store says that there is something new.
func (s *Service) passNudges(ctx context.Context) {
	n, ok := s.cfg.Sessions.(Nudger)
	if !ok || n.Nudges() == nil {
		return
	}
	nudges := n.Nudges()
	s.done.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case _, ok := <-nudges:
				if !ok {
					return
				}
				s.nudge()
			}
		}
	})
}

// nudge has the log read now. Nudges while it is being read count as one.
func (s *Service) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
