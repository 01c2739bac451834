package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/pawlauth/pawl"
)

// Who changes a user and their reset code locks the user first.

// SetPasswordHash implements [pawl.PasswordSetter].
func (s *Store) SetPasswordHash(ctx context.Context, id, old, new string) error {
	return s.transacting(ctx, func(ctx context.Context, tx pgx.Tx) error {
		u, err := lockedUser(ctx, tx, id)
		if err != nil {
			return err
		}
		if u.PasswordHash != old {
			return pawl.ErrConflict
		}
		if err := setHash(ctx, tx, id, new); err != nil {
			return err
		}
		return voidReset(ctx, tx, id)
	})
}

// lockedUser reads a user whom nobody else changes until the transaction is over.
func lockedUser(ctx context.Context, tx pgx.Tx, id string) (pawl.User, error) {
	return readUser(tx.QueryRow(ctx, selectUser+`WHERE id = $1 FOR UPDATE`, []byte(id)))
}

func setHash(ctx context.Context, tx pgx.Tx, id, hash string) error {
	_, err := tx.Exec(ctx, `UPDATE pawl.users SET hash = $2 WHERE id = $1`, []byte(id), []byte(hash))
	return err
}

func voidReset(ctx context.Context, tx pgx.Tx, user string) error {
	_, err := tx.Exec(ctx, `DELETE FROM pawl.reset_codes WHERE user_id = $1`, []byte(user))
	return err
}

// UpdateUser implements [pawl.UserStore].
func (s *Store) UpdateUser(ctx context.Context, id string, change pawl.UserChange) (before, after pawl.User, err error) {
	err = s.transacting(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if before, err = lockedUser(ctx, tx, id); err != nil {
			return err
		}
		after = change.Apply(before)
		if err := updateUser(ctx, tx, after); err != nil || before.IsAdmin() || !after.IsAdmin() {
			return err
		}
		return voidReset(ctx, tx, id)
	})
	if err != nil {
		return pawl.User{}, pawl.User{}, err
	}
	return before, after, nil
}

func updateUser(ctx context.Context, tx pgx.Tx, u pawl.User) error {
	r, err := newUserRow(u)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE pawl.users SET folded = $2, login = $3, hash = $4, disabled = $5, admin = $6, roles = $7, claims = $8 WHERE id = $1`,
		r.args()...)
	if unique(err) {
		return pawl.ErrConflict
	}
	return err
}

const hasAdmin = `SELECT EXISTS (SELECT 1 FROM pawl.users WHERE admin)`

// OfferSetup implements [pawl.UserStore].
func (s *Store) OfferSetup(ctx context.Context, code [32]byte) (open bool, err error) {
	err = s.transacting(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if open, err = setupOpen(ctx, tx); err != nil || !open {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM pawl.setup_code`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO pawl.setup_code (hash) VALUES ($1)`, code[:])
		return err
	})
	return err == nil && open, err
}

// setupOpen reports whether there is no administrator, and keeps others from
// making the first one until the transaction is over.
func setupOpen(ctx context.Context, tx pgx.Tx) (bool, error) {
	if err := lock(ctx, tx, lockUsers, 0); err != nil {
		return false, err
	}
	var admin bool
	err := tx.QueryRow(ctx, hasAdmin).Scan(&admin)
	return !admin, err
}

// CheckSetup implements [pawl.UserStore].
func (s *Store) CheckSetup(ctx context.Context, code [32]byte) error {
	return s.reading(ctx, func(ctx context.Context, c *pgx.Conn) error {
		var open bool
		err := c.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pawl.setup_code WHERE hash = $1) AND NOT (`+hasAdmin+`)`, code[:]).Scan(&open)
		if err == nil && !open {
			return pawl.ErrNotFound
		}
		return err
	})
}

// CreateFirst implements [pawl.UserStore].
func (s *Store) CreateFirst(ctx context.Context, code [32]byte, u pawl.User) error {
	r, err := newUserRow(u)
	if err != nil {
		return err
	}
	return s.transacting(ctx, func(ctx context.Context, tx pgx.Tx) error {
		open, err := setupOpen(ctx, tx)
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `DELETE FROM pawl.setup_code WHERE hash = $1`, code[:])
		if err != nil {
			return err
		}
		if !open || tag.RowsAffected() == 0 {
			return pawl.ErrNotFound
		}
		return addUser(ctx, tx, &r) // a conflict undoes the deletion
	})
}
