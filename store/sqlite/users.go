package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pawlauth/pawl"
)

const selectUser = `SELECT id, login, hash, disabled, roles, claims FROM users `

// ByID implements [pawl.Users].
func (s *Store) ByID(ctx context.Context, id string) (pawl.User, error) {
	return s.user(ctx, selectUser+`WHERE id = ?`, id)
}

// ByLogin implements [pawl.Users].
func (s *Store) ByLogin(ctx context.Context, login string) (pawl.User, error) {
	folded, err := pawl.FoldLogin(login)
	if err != nil {
		return pawl.User{}, pawl.ErrNotFound
	}
	return s.user(ctx, selectUser+`WHERE folded = ?`, folded)
}

func (s *Store) user(ctx context.Context, query, key string) (u pawl.User, err error) {
	err = s.reading(ctx, func(c *conn) error {
		found := false
		err := c.query(query, func(r row) (err error) {
			found = true
			u, err = readUser(r)
			return err
		}, key)
		if err == nil && !found {
			return pawl.ErrNotFound
		}
		return err
	})
	return u, err
}

func readUser(r row) (pawl.User, error) {
	u := pawl.User{ID: r.text(0), Login: r.text(1), PasswordHash: r.text(2), Disabled: r.int(3) != 0}
	if err := json.Unmarshal([]byte(r.text(4)), &u.Roles); err != nil {
		return u, fmt.Errorf("the roles of user %s: %w", u.ID, err)
	}
	if claims := r.text(5); claims != "" {
		if err := json.Unmarshal([]byte(claims), &u.Claims); err != nil {
			return u, fmt.Errorf("the claims of user %s: %w", u.ID, err)
		}
	}
	return u, nil
}

// SetPasswordHash implements [pawl.PasswordSetter].
func (s *Store) SetPasswordHash(ctx context.Context, id, old, new string) error {
	return s.writing(ctx, func(c *conn) error {
		changed, err := c.exec(`UPDATE users SET hash = ? WHERE id = ? AND hash = ?`, new, id, old)
		if err != nil {
			return err
		}
		if changed == 1 {
			return voidReset(c, id)
		}
		if n, err := c.int(`SELECT count(*) FROM users WHERE id = ?`, id); err != nil {
			return err
		} else if n == 0 {
			return pawl.ErrNotFound
		}
		return pawl.ErrConflict
	})
}

// userRow is a user as the table has it.
type userRow struct {
	pawl.User
	folded, roles, claims string
}

func newUserRow(u pawl.User) (r userRow, err error) {
	r.User = u
	if r.folded, err = u.SortKey(); err != nil {
		return r, err
	}
	roles, err := json.Marshal(append([]string{}, u.Roles...))
	if err != nil {
		return r, err
	}
	r.roles = string(roles)
	if len(u.Claims) > 0 {
		claims, err := json.Marshal(u.Claims)
		if err != nil {
			return r, fmt.Errorf("the claims of user %s cannot be kept as JSON: %w", u.Login, err)
		}
		r.claims = string(claims)
	}
	return r, nil
}

// CreateUser implements [pawl.UserStore].
func (s *Store) CreateUser(ctx context.Context, u pawl.User) error {
	r, err := newUserRow(u)
	if err != nil {
		return err
	}
	return s.writing(ctx, func(c *conn) error { return addUser(c, r) })
}

func addUser(c *conn, r userRow) error {
	if n, err := c.int(`SELECT count(*) FROM users WHERE id = ? OR folded = ?`, r.ID, r.folded); err != nil {
		return err
	} else if n > 0 {
		return pawl.ErrConflict
	}
	_, err := c.exec(`INSERT INTO users (id, folded, login, hash, disabled, roles, claims) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		r.ID, r.folded, r.Login, r.PasswordHash, flag(r.Disabled), r.roles, r.claims)
	return err
}

// CreateUsers implements [pawl.UserStore].
func (s *Store) CreateUsers(ctx context.Context, us []pawl.User) ([]bool, error) {
	rows := make([]userRow, len(us))
	for i, u := range us {
		var err error
		if rows[i], err = newUserRow(u); err != nil {
			return nil, err
		}
	}
	taken := make([]bool, len(us))
	err := s.writing(ctx, func(c *conn) error {
		for i, r := range rows {
			err := addUser(c, r)
			if taken[i] = errors.Is(err, pawl.ErrConflict); err != nil && !taken[i] {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return taken, nil
}

// UpdateUser implements [pawl.UserStore].
func (s *Store) UpdateUser(ctx context.Context, id string, change pawl.UserChange) (before, after pawl.User, err error) {
	type result struct{ before, after pawl.User }
	res := new(result)
	err = s.writing(ctx, func(c *conn) error {
		found := false
		err := c.query(selectUser+`WHERE id = ?`, func(r row) (err error) {
			found = true
			res.before, err = readUser(r)
			return err
		}, id)
		if err == nil && !found {
			err = pawl.ErrNotFound
		}
		if err != nil {
			return err
		}
		res.after = change.Apply(res.before)
		if err := updateUser(c, res.after); err != nil || res.before.IsAdmin() || !res.after.IsAdmin() {
			return err
		}
		return voidReset(c, id)
	})
	if err != nil {
		return before, after, err
	}
	return res.before, res.after, nil
}

func updateUser(c *conn, u pawl.User) error {
	r, err := newUserRow(u)
	if err != nil {
		return err
	}
	if n, err := c.int(`SELECT count(*) FROM users WHERE folded = ? AND id <> ?`, r.folded, r.ID); err != nil {
		return err
	} else if n > 0 {
		return pawl.ErrConflict
	}
	_, err = c.exec(`UPDATE users SET folded = ?, login = ?, hash = ?, disabled = ?, roles = ?, claims = ? WHERE id = ?`,
		r.folded, r.Login, r.PasswordHash, flag(r.Disabled), r.roles, r.claims, r.ID)
	return err
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// DeleteUser implements [pawl.UserStore].
func (s *Store) DeleteUser(ctx context.Context, id string) error {
	return s.writing(ctx, func(c *conn) error {
		n, err := c.exec(`DELETE FROM users WHERE id = ?`, id)
		if err == nil && n == 0 {
			return pawl.ErrNotFound
		}
		if err != nil {
			return err
		}
		return voidReset(c, id)
	})
}

func voidReset(c *conn, user string) error {
	_, err := c.exec(`DELETE FROM reset_codes WHERE user = ?`, user)
	return err
}

// ListUsers implements [pawl.UserStore].
func (s *Store) ListUsers(ctx context.Context, q pawl.UserQuery) (list []pawl.User, err error) {
	query, args, read := selectUser+`WHERE folded > ? `, []any{q.After}, s.reading
	if q.Search != "" {
		read = s.surveying
		query += `AND (instr(folded, ?) > 0 AND login <> '' OR id = ?) `
		args = append(args, searched(q.Search), q.Search)
	}
	err = read(ctx, func(c *conn) error {
		return c.query(query+`ORDER BY folded LIMIT ?`, func(r row) error {
			u, err := readUser(r)
			list = append(list, u)
			return err
		}, append(args, int64(max(q.Limit, 0)))...)
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

// OfferSetup implements [pawl.UserStore].
func (s *Store) OfferSetup(ctx context.Context, code [32]byte) (bool, error) {
	open := new(bool)
	err := s.writing(ctx, func(c *conn) error {
		admin, err := hasAdmin(c)
		if *open = !admin; err != nil || admin {
			return err
		}
		_, err = c.exec(`INSERT OR REPLACE INTO setup_code (id, hash) VALUES (1, ?)`, code[:])
		return err
	})
	return err == nil && *open, err
}

func hasAdmin(c *conn) (bool, error) {
	n, err := c.int(`SELECT EXISTS (SELECT 1 FROM users, json_each(users.roles) r WHERE r.value = ?)`, pawl.RoleAdmin)
	return n > 0, err
}

// CheckSetup implements [pawl.UserStore].
func (s *Store) CheckSetup(ctx context.Context, code [32]byte) error {
	return s.reading(ctx, func(c *conn) error { return checkSetup(c, code) })
}

func checkSetup(c *conn, code [32]byte) error {
	if n, err := c.int(`SELECT count(*) FROM setup_code WHERE hash = ?`, code[:]); err != nil {
		return err
	} else if n == 0 {
		return pawl.ErrNotFound
	}
	if admin, err := hasAdmin(c); err != nil {
		return err
	} else if admin {
		return pawl.ErrNotFound
	}
	return nil
}

// CreateFirst implements [pawl.UserStore].
func (s *Store) CreateFirst(ctx context.Context, code [32]byte, u pawl.User) error {
	r, err := newUserRow(u)
	if err != nil {
		return err
	}
	return s.writing(ctx, func(c *conn) error {
		if err := checkSetup(c, code); err != nil {
			return err
		}
		if err := addUser(c, r); err != nil {
			return err
		}
		_, err := c.exec(`DELETE FROM setup_code`)
		return err
	})
}
