package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/pawlauth/pawl"
)

const selectUser = `SELECT id, login, hash, disabled, roles, claims FROM pawl.users `

// ByID implements [pawl.Users].
func (s *Store) ByID(ctx context.Context, id string) (pawl.User, error) {
	return s.user(ctx, selectUser+`WHERE id = $1`, id)
}

// ByLogin implements [pawl.Users].
func (s *Store) ByLogin(ctx context.Context, login string) (pawl.User, error) {
	folded, err := pawl.FoldLogin(login)
	if err != nil {
		return pawl.User{}, pawl.ErrNotFound
	}
	return s.user(ctx, selectUser+`WHERE folded = $1`, folded)
}

func (s *Store) user(ctx context.Context, query, key string) (u pawl.User, err error) {
	err = s.reading(ctx, func(ctx context.Context, c *pgx.Conn) error {
		u, err = readUser(c.QueryRow(ctx, query, []byte(key)))
		return err
	})
	return u, err
}

// userCells is a user as selected.
type userCells struct {
	id, login, hash, roles, claims text
	disabled                       bool
}

func (r *userCells) dest() []any {
	return []any{&r.id, &r.login, &r.hash, &r.disabled, &r.roles, &r.claims}
}

func (r *userCells) user() (pawl.User, error) {
	u := pawl.User{ID: string(r.id), Login: string(r.login), PasswordHash: string(r.hash), Disabled: r.disabled}
	if err := json.Unmarshal([]byte(r.roles), &u.Roles); err != nil {
		return u, fmt.Errorf("the roles of user %s: %w", u.ID, err)
	}
	if r.claims != "" {
		if err := json.Unmarshal([]byte(r.claims), &u.Claims); err != nil {
			return u, fmt.Errorf("the claims of user %s: %w", u.ID, err)
		}
	}
	return u, nil
}

func readUser(row pgx.Row) (pawl.User, error) {
	var cells userCells
	if err := row.Scan(cells.dest()...); err != nil {
		return pawl.User{}, found(err)
	}
	return cells.user()
}

// found tells no row from a fault.
func found(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return pawl.ErrNotFound
	}
	return err
}

// userRow is a user as the table has it.
type userRow struct {
	pawl.User
	folded        string
	roles, claims []byte
}

func newUserRow(u pawl.User) (r userRow, err error) {
	r.User, r.claims = u, []byte{}
	if r.folded, err = u.SortKey(); err != nil {
		return r, err
	}
	if r.roles, err = json.Marshal(append([]string{}, u.Roles...)); err != nil {
		return r, err
	}
	if len(u.Claims) > 0 {
		if r.claims, err = json.Marshal(u.Claims); err != nil {
			return r, fmt.Errorf("the claims of user %s cannot be kept as JSON: %w", u.Login, err)
		}
	}
	return r, nil
}

const insertUser = `INSERT INTO pawl.users (id, folded, login, hash, disabled, admin, roles, claims)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`

func (r *userRow) args() []any {
	return []any{[]byte(r.ID), []byte(r.folded), []byte(r.Login), []byte(r.PasswordHash), r.Disabled, r.IsAdmin(), r.roles, r.claims}
}

// CreateUser implements [pawl.UserStore].
func (s *Store) CreateUser(ctx context.Context, u pawl.User) error {
	r, err := newUserRow(u)
	if err != nil {
		return err
	}
	return s.writing(ctx, func(ctx context.Context, c *pgx.Conn) error { return addUser(ctx, c, &r) })
}

func addUser(ctx context.Context, q querier, r *userRow) error {
	tag, err := q.Exec(ctx, insertUser, r.args()...)
	if err == nil && tag.RowsAffected() == 0 {
		return pawl.ErrConflict
	}
	return err
}

// CreateUsers implements [pawl.UserStore]. Two that add many take turns: each
// could else wait for a login that the other one has added.
func (s *Store) CreateUsers(ctx context.Context, us []pawl.User) ([]bool, error) {
	batch := &pgx.Batch{}
	for _, u := range us {
		r, err := newUserRow(u)
		if err != nil {
			return nil, err
		}
		batch.Queue(insertUser, r.args()...)
	}
	taken := make([]bool, len(us))
	err := s.transacting(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := lock(ctx, tx, lockUsers, 0); err != nil {
			return err
		}
		results := tx.SendBatch(ctx, batch)
		for i := range taken {
			tag, err := results.Exec()
			if err != nil {
				return errors.Join(err, results.Close())
			}
			taken[i] = tag.RowsAffected() == 0
		}
		return results.Close()
	})
	if err != nil {
		return nil, err
	}
	return taken, nil
}

// DeleteUser implements [pawl.UserStore].
func (s *Store) DeleteUser(ctx context.Context, id string) error {
	return s.transacting(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `DELETE FROM pawl.users WHERE id = $1`, []byte(id))
		if err == nil && tag.RowsAffected() == 0 {
			return pawl.ErrNotFound
		}
		if err != nil {
			return err
		}
		return voidReset(ctx, tx, id)
	})
}

// ListUsers implements [pawl.UserStore].
func (s *Store) ListUsers(ctx context.Context, q pawl.UserQuery) (list []pawl.User, err error) {
	query, args, read := selectUser+`WHERE folded > $1 `, []any{[]byte(q.After), int64(max(q.Limit, 0))}, s.reading
	if q.Search != "" {
		read = s.surveying
		query += `AND (position($3 IN folded) > 0 AND login <> '' OR id = $4) `
		args = append(args, []byte(searched(q.Search)), []byte(q.Search))
	}
	err = read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		list = nil
		rows, err := c.Query(ctx, query+`ORDER BY folded LIMIT $2`, args...)
		if err != nil {
			return err
		}
		var cells userCells
		_, err = pgx.ForEachRow(rows, cells.dest(), func() error {
			u, err := cells.user()
			list = append(list, u)
			return err
		})
		return err
	})
	return list, err
}

// searched folds what is looked for as logins are.
func searched(text string) string {
	if folded, err := pawl.FoldLogin(text); err == nil {
		return folded
	}
	return text // no login holds it
}
