package pawl

import (
	"context"
	"errors"
	"time"

	"github.com/pawlauth/pawl/token"
)

const (
	followEvery = 50 * time.Millisecond // an end made by another process is seen within it
	sweepEvery  = time.Minute
	sweepBatch  = 500
	pageSize    = 1000
)

// goEvery runs f every d, and when wake says so, until the service is closed.
// Trouble is logged once when it begins and once when it is over.
func (s *Service) goEvery(ctx context.Context, d time.Duration, wake <-chan struct{}, what string, f func(context.Context) error) {
	s.done.Go(func() {
		tick := time.NewTicker(d)
		defer tick.Stop()
		failing := false
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			case <-wake:
			}
			err := f(ctx)
			if ctx.Err() != nil {
				return
			}
			failing = s.noteTrouble(what, failing, err)
		}
	})
}

// noteTrouble logs err where it is new, and its end, and returns whether there is
// trouble.
func (s *Service) noteTrouble(what string, failing bool, err error) bool {
	switch {
	case err != nil && !failing:
		s.cfg.Log.Error("cannot "+what, "error", err)
	case err == nil && failing:
		s.cfg.Log.Info("can " + what + " again")
	}
	return err != nil
}

// readPatience bounds the reading of a page of the log: a store that hangs must not
// keep it from being asked again.
const readPatience = 10 * time.Second

// followOnce reads what is new in the revocation log, and applies again what the
// store turns out to have lost.
func (s *Service) followOnce(ctx context.Context) error {
	began, elapsed := s.readings.begin(), s.elapsed()
	due := s.memory.unread()
	some, err := s.readNew(ctx)
	if err == nil && s.memory.missing(due) {
		s.memory.lost(s.elapsed(), false)
	}
	switch {
	case err == nil:
		err = errors.Join(s.applyEnds(ctx, false), s.checkUnchecked(ctx))
	case some:
		err = errors.Join(err, s.applyPartly(ctx, due))
	}
	if err == nil {
		s.memory.wasRead(elapsed)
	}
	s.readings.finish(began, some, err)
	return err
}

// readNew reads the log to its end. With an error, some holds where a part of it was
// read. Entries are only ever added: after a reset the old ones do no harm, and
// dropping one that the store lost would revive what was ended.
func (s *Service) readNew(ctx context.Context) (some bool, err error) {
	for more := true; more; {
		page, pageErr := s.readPage(ctx)
		if pageErr != nil {
			err = pageErr
		}
		if pageErr != nil && page.Cursor == "" {
			break
		}
		some, more = true, page.More
		page.More = page.More || err != nil // those who follow the log here are not told that this is all
		s.take(page)
	}
	return some, err
}

func (s *Service) readPage(ctx context.Context) (RevocationPage, error) {
	ctx, cancel := context.WithTimeout(ctx, readPatience)
	defer cancel()
	return s.cfg.Sessions.Revocations(ctx, s.cursor, pageSize)
}

// take takes in a page of the log.
func (s *Service) take(page RevocationPage) {
	if page.Reset && s.cursor != "" {
		s.memory.lost(s.elapsed(), true)
	}
	s.rereads = s.rereads || page.Reset
	s.revoked.Add(revocations(page.Entries)...)
	s.memory.took(s.elapsed(), s.ageOf, page.Entries...)
	s.rereads = s.rereads && page.More
	for _, e := range page.Entries {
		if e.Kind == token.KindAll {
			s.unchecked = &e.Revocation
		}
	}
	s.cursor = page.Cursor
	s.tell(LogStep{RevocationPage: page, Keys: s.KeySet()})
}

// ageOf is how long ago an entry was written that is being read: it is new, unless
// the log is read from its beginning.
func (s *Service) ageOf(e *LoggedEnd) time.Duration {
	if !s.rereads {
		return 0
	}
	return max(0, s.now().Sub(e.At))
}

// Revoked is the live set of what was ended: by this service at once, by other
// processes on the same store within 250 ms. Package guard reads it.
func (s *Service) Revoked() *token.Revoked { return &s.revoked }

// sweepOnce deletes what is of no use any more, batch by batch, with a breath
// between batches so that requests come first.
func (s *Service) sweepOnce(ctx context.Context) error {
	logBefore := s.steadyNow().Add(-s.keys.Load().accessLife)
	if r, ok := s.revoked.Everyone(); ok {
		if err := s.checkEveryone(ctx, r); err != nil {
			return err
		}
	}
	s.revoked.Forget(logBefore)
	// A session that idled out can come back by case 3 while an access token
	// of it lives.
	sessionsBefore := logBefore
	return inBatches(ctx, func() (int, error) {
		return s.cfg.Sessions.Sweep(ctx, sessionsBefore, logBefore, sweepBatch)
	})
}

// breath is the pause between batches, so that requests come first.
const breath = 10 * time.Millisecond

// inBatches calls f until it finds no more to delete.
func inBatches(ctx context.Context, f func() (deleted int, err error)) error {
	for {
		n, err := f()
		if err != nil || n == 0 {
			return err
		}
		if err := pause(ctx, breath); err != nil {
			return err
		}
	}
}

// Ready reports whether the service can serve: nil, or what is wrong. It waits for
// a reading of the revocation log that begins after the call. A service that cannot
// read the log would accept what other processes have ended; one whose store has
// lost ends is not ready before they are applied again.
func (s *Service) Ready(ctx context.Context) error {
	if err := s.readLog(ctx); err != nil {
		return unavailable(err)
	}
	if s.memory.due.Load() {
		return unavailable(errNotApplied)
	}
	if _, err := s.cfg.Sessions.Mark(ctx, ""); err != nil {
		return unavailable(err)
	}
	// The database, where sessions are elsewhere.
	if _, err := s.cfg.Keys.Keys(ctx); err != nil {
		return unavailable(err)
	}
	if err := s.canSign(); err != nil {
		return unavailable(err)
	}
	return nil
}
