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
	// againPatience bounds the making of one: whatever the store does, the log is read
	// on.
	againPatience = 10 * time.Second
)

// endsApplied waits while ends are due that the store has lost: a session that
// it revived must not be served. Nor does a node serve that has not read the log
// for long: it does not know what others have ended.
func (s *Service) endsApplied(ctx context.Context) error {
	if s.readings.stale() {
		if err := s.readLog(ctx); err != nil && s.readings.stale() {
			return unavailable(err)
		}
	}
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
		return unavailable(errNotApplied)
	}
}

var errNotApplied = errors.New("the store has lost ends of sessions, and they are not yet applied again")

// knownEnd gives what this node knows to have ended the session. A record that
// does not say so was read before that, or the store has lost it.
func (s *Service) knownEnd(rec *Session) token.Revocation {
	if rec == nil {
		return token.Revocation{}
	}
	r, _ := s.revoked.Covers(rec.proof())
	return r
}

// live is Session.Live, and not known here to have ended.
func (s *Service) live(rec *Session, mark Mark, now time.Time) bool {
	if !rec.Live(mark, now) {
		return false
	}
	known := s.knownEnd(rec)
	if known == (token.Revocation{}) {
		return true
	}
	e, ok := s.memory.of(known)
	return ok && e.Keep == rec.ID // its new AuthTime is what the store has lost
}

// contradicted is for a record that says that a session lives which this node knows
// to have ended. The first time it may just be older than the end.
func (s *Service) contradicted(ctx context.Context, k SessionKey, known token.Revocation, before int) error {
	if before == 0 {
		return nil
	}
	return s.endAgain(ctx, k, known)
}

// endAgain makes an end hold in a store that has lost it and revived the session,
// before a client is told of it: the whole of it where that is remembered, else
// the end of this session.
func (s *Service) endAgain(ctx context.Context, k SessionKey, known token.Revocation) error {
	s.cfg.Log.Warn("the store had lost the end of a session; it is ended again", "session", k.ID, "reason", known.Reason)
	e := endOfSession(k, known.Reason, known.At)
	if whole, ok := s.memory.of(known); ok {
		e = whole.LoggedEnd
	}
	if _, err := s.cfg.Sessions.EndAgain(context.WithoutCancel(ctx), e, false); err != nil {
		return unavailable(err)
	}
	s.nudge()
	return nil
}

// applyEnds applies the ends that are remembered, and that the log does not show, to
// a store that has lost some.
// All nodes may do so at once, and any number of times. partly says that a part of
// the store cannot be reached: what belongs there is tried again at each reading,
// and does not keep the users of the other parts waiting.
func (s *Service) applyEnds(ctx context.Context, partly bool) error {
	ends, lost := s.unapplied, s.memory.due.Load()
	if lost {
		ends = s.memory.unsure(s.elapsed())
	}
	if !lost && len(ends) == 0 {
		return nil
	}
	var err error
	s.unapplied, err = s.applyAll(ctx, ends)
	if err != nil && !partly {
		return err
	}
	s.memory.applied()
	if lost || err == nil {
		s.cfg.Log.Warn("the store has lost entries of the revocation log; what this node knows to have ended in the last minute, and the log does not show, is ended again",
			"ends", len(ends), "left", len(s.unapplied))
	}
	return err
}

// applyPartly applies what can be applied while a part of the store cannot be
// reached. What the log was to show and has not may belong there, or be lost: it is
// made again without keeping requests waiting, and stays expected.
func (s *Service) applyPartly(ctx context.Context, due []endName) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	err := s.applyEnds(ctx, true)
	_, _ = s.applyAll(ctx, s.memory.unshown(due)) // the next reading tries those that are left
	return err
}

// applyAll returns what could not be applied. The narrow ends come first: each
// session is told how it ended. What was written must be in the next reading of the
// log, or a further fail-over has lost it; what this node has not read there is
// written in any case, or the loss of another node's entry would leave no trace
// here. Only the goroutine that reads the log calls this, so that the next reading
// begins later.
func (s *Service) applyAll(ctx context.Context, ends []rememberedEnd) (failed []rememberedEnd, errs error) {
	var mu sync.Mutex
	for _, kind := range []string{token.KindSession, token.KindUser, token.KindAll} {
		inParallel(ends, func(e rememberedEnd) {
			if e.Kind != kind {
				return
			}
			wrote, err := s.makeAgain(ctx, e.LoggedEnd, !e.logged)
			if wrote {
				s.memory.expect(e.Revocation)
				s.memory.renew(s.elapsed(), e.Revocation)
			}
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed, errs = append(failed, e), errors.Join(errs, err)
			}
		})
	}
	return failed, errs
}

func (s *Service) makeAgain(ctx context.Context, e LoggedEnd, unlogged bool) (wrote bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, againPatience)
	defer cancel()
	return s.cfg.Sessions.EndAgain(ctx, e, unlogged)
}

// checkUnchecked checks everyone's end where the log has just shown it.
func (s *Service) checkUnchecked(ctx context.Context) error {
	if s.unchecked == nil {
		return nil
	}
	err := s.checkEveryone(ctx, *s.unchecked)
	if err == nil {
		s.unchecked = nil
	}
	return err
}

// checkEveryone makes sure that everyone's end holds in all parts of the store: a
// clustered one has everyone's mark in each, and can lose it in one of them before
// any node has read it there.
func (s *Service) checkEveryone(ctx context.Context, r token.Revocation) error {
	wrote, err := s.makeAgain(ctx, LoggedEnd{Revocation: r}, false)
	if wrote {
		s.cfg.Log.Info("everyone's end was completed in a part of the store", "reason", r.Reason)
	}
	return err
}

// inParallel calls f for each, some at a time.
func inParallel[T any](all []T, f func(T)) {
	var workers sync.WaitGroup
	work := make(chan T)
	for range min(appliers, len(all)) {
		workers.Go(func() {
			for one := range work {
				f(one)
			}
		})
	}
	for _, one := range all {
		work <- one
	}
	close(work)
	workers.Wait()
}
