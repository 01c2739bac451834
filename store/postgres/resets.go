package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pawlauth/pawl"
)

const insertReset = `INSERT INTO pawl.reset_codes (user_id, hash, expires, spent) VALUES ($1, $2, $3, false)
	ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, expires = excluded.expires, spent = false`

// OfferReset implements [pawl.UserStore].
func (s *Store) OfferReset(ctx context.Context, id string, code [32]byte, expires time.Time) error {
	return s.transacting(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := lockedUser(ctx, tx, id); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, insertReset, []byte(id), code[:], millis(expires))
		return err
	})
}

const selectReset = `SELECT u.id, u.login, u.hash, u.disabled, u.roles, u.claims, r.spent
	FROM pawl.reset_codes r JOIN pawl.users u ON u.id = r.user_id WHERE r.hash = $1 AND r.expires > $2`

// ResetOf implements [pawl.UserStore].
func (s *Store) ResetOf(ctx context.Context, code [32]byte, now time.Time) (r pawl.Reset, err error) {
	err = s.reading(ctx, func(ctx context.Context, c *pgx.Conn) error {
		r, err = resetOf(ctx, c, code, now)
		return err
	})
	return r, err
}

func resetOf(ctx context.Context, q querier, code [32]byte, now time.Time) (r pawl.Reset, err error) {
	var cells userCells
	if err := q.QueryRow(ctx, selectReset, code[:], millis(now)).Scan(append(cells.dest(), &r.Spent)...); err != nil {
		return pawl.Reset{}, found(err)
	}
	r.User, err = cells.user()
	return r, err
}

// ResetPassword implements [pawl.UserStore].
func (s *Store) ResetPassword(ctx context.Context, code [32]byte, now time.Time, hash string) error {
	return s.transacting(ctx, func(ctx context.Context, tx pgx.Tx) error {
		r, err := resetOf(ctx, tx, code, now)
		if err != nil {
			return err
		}
		if _, err := lockedUser(ctx, tx, r.User.ID); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `UPDATE pawl.reset_codes SET spent = true WHERE hash = $1 AND NOT spent`, code[:])
		if err == nil && tag.RowsAffected() == 0 {
			return pawl.ErrNotFound
		}
		if err != nil {
			return err
		}
		return setHash(ctx, tx, r.User.ID, hash)
	})
}
