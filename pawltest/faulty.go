package pawltest

import (
	"context"
	"time"

	"github.com/pawlauth/pawl"
)

// The stores as the service sees them: the real ones, behind the faults.

type faultySessions struct {
	pawl.SessionStore
	f *faults
}

func (s faultySessions) Mark(ctx context.Context, user string) (pawl.Mark, error) {
	if err := s.f.err(); err != nil {
		return pawl.Mark{}, err
	}
	return s.SessionStore.Mark(ctx, user)
}

func (s faultySessions) Create(ctx context.Context, rec pawl.Session, seen pawl.Mark, limit int) ([]pawl.Session, error) {
	if err := s.f.err(); err != nil {
		return nil, err
	}
	return s.SessionStore.Create(ctx, rec, seen, limit)
}

func (s faultySessions) Get(ctx context.Context, k pawl.SessionKey) (pawl.Session, pawl.Mark, error) {
	if err := s.f.err(); err != nil {
		return pawl.Session{}, pawl.Mark{}, err
	}
	return s.SessionStore.Get(ctx, k)
}

func (s faultySessions) Rotate(ctx context.Context, from, next pawl.Session) (bool, error) {
	if err := s.f.err(); err != nil {
		return false, err
	}
	return s.SessionStore.Rotate(ctx, from, next)
}

func (s faultySessions) End(ctx context.Context, k pawl.SessionKey, reason string, at time.Time) (bool, error) {
	if err := s.f.err(); err != nil {
		return false, err
	}
	return s.SessionStore.End(ctx, k, reason, at)
}

func (s faultySessions) EndEach(ctx context.Context, user string, ids []string, reason string, at time.Time) ([]string, error) {
	if err := s.f.err(); err != nil {
		return nil, err
	}
	return s.SessionStore.EndEach(ctx, user, ids, reason, at)
}

func (s faultySessions) EndUser(ctx context.Context, user, keep, reason string, at time.Time) (pawl.Mark, int, error) {
	if err := s.f.err(); err != nil {
		return pawl.Mark{}, 0, err
	}
	return s.SessionStore.EndUser(ctx, user, keep, reason, at)
}

func (s faultySessions) EndAll(ctx context.Context, reason string, at time.Time) (pawl.Mark, error) {
	if err := s.f.err(); err != nil {
		return pawl.Mark{}, err
	}
	return s.SessionStore.EndAll(ctx, reason, at)
}

func (s faultySessions) EndAgain(ctx context.Context, e pawl.LoggedEnd, unlogged bool) (bool, error) {
	if err := s.f.err(); err != nil {
		return false, err
	}
	return s.SessionStore.EndAgain(ctx, e, unlogged)
}

func (s faultySessions) List(ctx context.Context, user string, after pawl.ListPlace, limit int) ([]pawl.Session, pawl.Mark, error) {
	if err := s.f.err(); err != nil {
		return nil, pawl.Mark{}, err
	}
	return s.SessionStore.List(ctx, user, after, limit)
}

func (s faultySessions) Scan(ctx context.Context, after string, limit int) (pawl.SessionPage, error) {
	if err := s.f.err(); err != nil {
		return pawl.SessionPage{}, err
	}
	return s.SessionStore.Scan(ctx, after, limit)
}

func (s faultySessions) CountLive(ctx context.Context, now time.Time) (int, error) {
	if err := s.f.err(); err != nil {
		return 0, err
	}
	return s.SessionStore.CountLive(ctx, now)
}

func (s faultySessions) Revocations(ctx context.Context, after string, limit int) (pawl.RevocationPage, error) {
	if err := s.f.err(); err != nil {
		return pawl.RevocationPage{}, err
	}
	return s.SessionStore.Revocations(ctx, after, limit)
}

func (s faultySessions) Sweep(ctx context.Context, sessions, log time.Time, limit int) (int, error) {
	if err := s.f.err(); err != nil {
		return 0, err
	}
	return s.SessionStore.Sweep(ctx, sessions, log, limit)
}

type faultyKeys struct {
	pawl.KeyStore
	f *faults
}

func (s faultyKeys) Keys(ctx context.Context) ([]pawl.KeyRecord, error) {
	if err := s.f.err(); err != nil {
		return nil, err
	}
	return s.KeyStore.Keys(ctx)
}

func (s faultyKeys) ReplaceKeys(ctx context.Context, from, to []pawl.KeyRecord) error {
	if err := s.f.err(); err != nil {
		return err
	}
	return s.KeyStore.ReplaceKeys(ctx, from, to)
}
