package memory

import (
	"context"
	"time"

	"github.com/pawlauth/pawl"
)

// resetCode is a user's one-time code that sets a password.
type resetCode struct {
	hash    [32]byte
	expires time.Time
	spent   bool
}

// OfferReset implements [pawl.UserStore].
func (s *Store) OfferReset(ctx context.Context, id string, code [32]byte, expires time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t := &s.users
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byID[id] == nil {
		return pawl.ErrNotFound
	}
	t.resets[id] = resetCode{hash: code, expires: whole(expires, time.Millisecond)}
	return nil
}

// holder gives whose code it is, nil for nobody's; t.mu is held.
func (t *userTable) holder(code [32]byte, now time.Time) (*person, resetCode) {
	for id, r := range t.resets {
		if r.hash == code && whole(now, time.Millisecond).Before(r.expires) {
			return t.byID[id], r
		}
	}
	return nil, resetCode{}
}

// ResetOf implements [pawl.UserStore].
func (s *Store) ResetOf(ctx context.Context, code [32]byte, now time.Time) (pawl.Reset, error) {
	if err := ctx.Err(); err != nil {
		return pawl.Reset{}, err
	}
	t := &s.users
	t.mu.RLock()
	defer t.mu.RUnlock()
	p, r := t.holder(code, now)
	if p == nil {
		return pawl.Reset{}, pawl.ErrNotFound
	}
	u, err := p.user()
	return pawl.Reset{User: u, Spent: r.spent}, err
}

// ResetPassword implements [pawl.UserStore].
func (s *Store) ResetPassword(ctx context.Context, code [32]byte, now time.Time, hash string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t := &s.users
	t.mu.Lock()
	defer t.mu.Unlock()
	p, r := t.holder(code, now)
	if p == nil || r.spent {
		return pawl.ErrNotFound
	}
	changed := *p
	changed.PasswordHash = hash
	t.put(&changed)
	r.spent = true
	t.resets[p.ID] = r
	return nil
}
