package sqlite

import (
	"context"
	"time"

	"github.com/pawlauth/pawl"
)

// OfferReset implements [pawl.UserStore].
func (s *Store) OfferReset(ctx context.Context, id string, code [32]byte, expires time.Time) error {
	return s.writing(ctx, func(c *conn) error {
		n, err := c.exec(`INSERT OR REPLACE INTO reset_codes (user, hash, expires, spent) SELECT id, ?, ?, 0 FROM users WHERE id = ?`,
			code[:], millis(expires), id)
		if err == nil && n == 0 {
			return pawl.ErrNotFound
		}
		return err
	})
}

// ResetOf implements [pawl.UserStore].
func (s *Store) ResetOf(ctx context.Context, code [32]byte, now time.Time) (r pawl.Reset, err error) {
	err = s.reading(ctx, func(c *conn) error {
		found := false
		err := c.query(`SELECT id, login, u.hash, disabled, roles, claims, spent FROM reset_codes r JOIN users u ON u.id = r.user WHERE r.hash = ? AND r.expires > ?`,
			func(row row) (err error) {
				found = true
				r.Spent = row.int(6) != 0
				r.User, err = readUser(row)
				return err
			}, code[:], millis(now))
		if err == nil && !found {
			return pawl.ErrNotFound
		}
		return err
	})
	return r, err
}

// ResetPassword implements [pawl.UserStore].
func (s *Store) ResetPassword(ctx context.Context, code [32]byte, now time.Time, hash string) error {
	return s.writing(ctx, func(c *conn) error {
		n, err := c.exec(`UPDATE users SET hash = ? WHERE id = (SELECT user FROM reset_codes WHERE hash = ? AND expires > ? AND spent = 0)`,
			hash, code[:], millis(now))
		if err != nil {
			return err
		}
		if n == 0 {
			return pawl.ErrNotFound
		}
		_, err = c.exec(`UPDATE reset_codes SET spent = 1 WHERE hash = ?`, code[:])
		return err
	})
}
