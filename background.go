package pawl

import (
	"context"
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
			if (err != nil) != failing {
				failing = err != nil
				if failing {
					s.cfg.Log.Error("cannot "+what, "error", err)
				} else {
					s.cfg.Log.Info("can " + what + " again")
				}
			}
		}
	})
}

// followOnce reads what is new in the revocation log. Entries are only ever
// added: after a reset the old ones do no harm, and dropping one that the store
// lost would revive what was ended.
func (s *Service) followOnce(ctx context.Context) error {
	due := s.memory.unread()
	for {
		page, err := s.cfg.Sessions.Revocations(ctx, s.cursor, pageSize)
		if err != nil {
			return err
		}
		if page.Reset && s.cursor != "" {
			s.memory.lost(s.now())
		}
		s.revoked.Add(page.Entries...)
		s.memory.note(s.now(), seen(page.Entries)...)
		s.memory.read(page.Entries...)
		s.cursor = page.Cursor
		s.tell(LogStep{RevocationPage: page, Keys: s.KeySet()})
		if !page.More {
			if s.memory.missing(due) {
				s.memory.lost(s.now())
			}
			return s.applyEnds(ctx)
		}
	}
}

// Revoked is the live set of what was ended: by this service at once, by other
// processes on the same store within 250 ms. Package guard reads it.
func (s *Service) Revoked() *token.Revoked { return &s.revoked }

// sweepOnce deletes what is of no use any more, batch by batch, with a breath
// between batches so that requests come first.
func (s *Service) sweepOnce(ctx context.Context) error {
	now := s.now()
	logBefore := now.Add(-s.keys.Load().accessLife)
	s.revoked.Forget(logBefore)
	// A session that idled out can come back by case 3 while an access token
	// of it lives.
	sessionsBefore := logBefore
	return inBatches(ctx, func() (int, error) {
		return s.cfg.Sessions.Sweep(ctx, sessionsBefore, logBefore, sweepBatch)
	})
}

// inBatches calls f until it finds no more to delete.
func inBatches(ctx context.Context, f func() (deleted int, err error)) error {
	for {
		n, err := f()
		if err != nil || n == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Ready reports whether the service can serve: nil, or what is wrong. A service
// that cannot read the revocation log is not ready: it would accept what other
// processes have ended.
func (s *Service) Ready(ctx context.Context) error {
	if _, err := s.cfg.Sessions.Revocations(ctx, "", 1); err != nil {
		return unavailable(err)
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
