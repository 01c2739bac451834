package pawl

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/pawlauth/pawl/token"
)

const (
	// applyPatience is how long a request waits for ends that are due.
	applyPatience = 2 * time.Second
	// appliers is how many ends are applied at once.
	appliers = 16
)

// endsApplied waits while ends are due that the store has lost: a session that
// it revived must not be served.
func (s *Service) endsApplied(ctx context.Context) error {
	if !s.memory.due.Load() {
		return nil
	}
	s.memory.mu.Lock()
	again := s.memory.again
	s.memory.mu.Unlock()
	wait, cancel := context.WithTimeout(ctx, applyPatience)
	defer cancel()
	select {
	case <-again:
		return nil
	case <-wait.Done():
		return unavailable(errors.New("the store has lost ends of sessions, and they are not yet applied again"))
	}
}

// knownEnd gives what this node knows to have ended the session. A record that
// does not say so was read before that, or the store has lost it.
func (s *Service) knownEnd(rec *Session) token.Revocation {
	if rec == nil {
		return token.Revocation{}
	}
	r, ok := s.revoked.Covers(rec.proof())
	if !ok {
		return token.Revocation{}
	}
	if past, ok := s.memory.of(r); ok && past.keep == rec.ID {
		return token.Revocation{} // its new AuthTime is what the store has lost
	}
	return r
}

// live is Session.Live, and not known here to have ended.
func (s *Service) live(rec *Session, mark Mark, now time.Time) bool {
	return rec.Live(mark, now) && s.knownEnd(rec) == token.Revocation{}
}

// endAgain ends a session that the store has revived, before anybody is told
// of it.
func (s *Service) endAgain(ctx context.Context, k SessionKey, known token.Revocation) error {
	if past, ok := s.memory.of(known); ok && past.keeperElsewhere() && s.memory.inGrace(s.now()) {
		return unavailable(errors.New("the store has lost the end of a user's sessions: another node knows which of them goes on"))
	}
	s.cfg.Log.Warn("the store had lost the end of a session; it is ended again", "session", k.ID, "reason", known.Reason)
	if _, err := s.cfg.Sessions.End(context.WithoutCancel(ctx), k, known.Reason, known.At); err != nil {
		return unavailable(err)
	}
	s.nudge()
	return nil
}

// applyEnds applies the ends of the last minute to a store that has lost some.
// All nodes may do so at once, and any number of times.
func (s *Service) applyEnds(ctx context.Context) error {
	if s.memory.due.Load() {
		ends := s.memory.recent(s.now(), false)
		// The narrow ones first: each session is told how it ended.
		for _, kind := range []string{token.KindSession, token.KindUser, token.KindAll} {
			if err := s.applyAll(ctx, ends, kind); err != nil {
				return err
			}
		}
		s.memory.applied()
		s.cfg.Log.Warn("the store has lost entries of the revocation log; what this node knows to have ended in the last minute is ended again", "ends", len(ends))
	}
	if s.memory.afterGrace(s.now()) {
		return s.applyAll(ctx, s.memory.recent(s.now(), true), token.KindUser)
	}
	return nil
}

// applyAll applies those of a kind.
func (s *Service) applyAll(ctx context.Context, ends []pastEnd, kind string) error {
	return inParallel(ends, func(e pastEnd) error {
		if e.Kind != kind {
			return nil
		}
		return s.apply1(ctx, e)
	})
}

// apply1 applies one. What it had to write must be in the next reading of the log,
// or a further fail-over has lost it. Only who reads the log calls this, so that
// the next reading begins later.
func (s *Service) apply1(ctx context.Context, e pastEnd) error {
	var wrote bool
	var err error
	switch {
	case e.Kind == token.KindUser:
		wrote, err = s.applyUser(ctx, e)
	case e.Kind == token.KindAll:
		wrote, err = s.applyToAll(ctx, e)
	case e.user != "":
		wrote, err = s.cfg.Sessions.End(ctx, SessionKey{User: e.user, ID: e.ID}, e.Reason, e.At)
	}
	if wrote {
		s.memory.expect(e.Revocation)
	}
	return err
}

func (s *Service) applyToAll(ctx context.Context, e pastEnd) (wrote bool, err error) {
	mark, err := s.cfg.Sessions.Mark(ctx, "")
	if err != nil || !mark.NotBefore.Before(e.NotBefore) {
		return false, err
	}
	_, err = s.cfg.Sessions.EndAll(ctx, e.Reason, e.moment())
	return err == nil, err
}

// applyUser moves the user's mark to where it was, and no further: whoever has
// signed in since stays in. Where that cannot be, the sessions end one by one, and
// there is no entry of the user's.
func (s *Service) applyUser(ctx context.Context, e pastEnd) (wrote bool, err error) {
	all, mark, err := s.cfg.Sessions.List(ctx, e.ID)
	if err != nil || mark.Covers(e.NotBefore) {
		return false, err
	}
	since := false
	for _, rec := range all {
		since = since || rec.AuthTime.After(e.NotBefore)
	}
	if !since {
		_, _, err = s.cfg.Sessions.EndUser(ctx, e.ID, e.keep, e.Reason, e.moment())
		return err == nil, err
	}
	for _, rec := range all {
		if rec.ID != e.keep && !rec.AuthTime.After(e.NotBefore) {
			if _, err := s.cfg.Sessions.End(ctx, rec.SessionKey, e.Reason, e.At); err != nil {
				return false, err
			}
		}
	}
	return false, nil
}

// moment is when an end must be said to happen for its mark to be NotBefore.
func (e *pastEnd) moment() time.Time {
	if e.NotBefore.After(e.At) {
		return e.NotBefore
	}
	return e.At
}

// inParallel calls f for each, some at a time, and gives the errors.
func inParallel[T any](all []T, f func(T) error) error {
	var (
		workers sync.WaitGroup
		mu      sync.Mutex
		errs    error
		work    = make(chan T)
	)
	for range min(appliers, len(all)) {
		workers.Go(func() {
			for one := range work {
				if err := f(one); err != nil {
					mu.Lock()
					errs = errors.Join(errs, err)
					mu.Unlock()
				}
			}
		})
	}
	for _, one := range all {
		work <- one
	}
	close(work)
	workers.Wait()
	return errs
}
