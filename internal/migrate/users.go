package migrate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/pawlauth/pawl"
)

const batch = 500

// users copies people, their hashes as they are. One-time codes stay behind: they
// are good once, and whoever needs one gets another.
func (c Copy) users(ctx context.Context, n *Counts) error {
	var again []pawl.User // whose login is taken in the new table by somebody who has another by now
	err := eachUser(ctx, c.From, func(us []pawl.User) error {
		taken, err := c.To.CreateUsers(ctx, us)
		if err != nil {
			return err
		}
		there, err := c.page(ctx, us)
		if err != nil {
			return err
		}
		for i, u := range us {
			done := true
			if !taken[i] {
				n.Written++
			} else if sameUser(u, there[u.ID]) {
				continue
			} else if done, err = c.changeUser(ctx, u, n); err != nil {
				return err
			}
			if !done {
				again = append(again, u)
			}
		}
		n.Users += len(us)
		c.Progress("users", n.Users)
		return nil
	})
	if err != nil {
		return err
	}
	if err := c.goneUsers(ctx, n); err != nil {
		return err
	}
	for _, u := range again {
		if err := c.placeUser(ctx, u, n); err != nil {
			return err
		}
	}
	return nil
}

// page is the piece of the new table that most of the users are in, by ID.
func (c Copy) page(ctx context.Context, us []pawl.User) (map[string]pawl.User, error) {
	first, err := us[0].SortKey()
	if err != nil {
		return nil, err
	}
	byID := map[string]pawl.User{}
	if u, err := c.To.ByID(ctx, us[0].ID); err == nil {
		byID[u.ID] = u
	} else if !errors.Is(err, pawl.ErrNotFound) {
		return nil, err
	}
	there, err := c.To.ListUsers(ctx, pawl.UserQuery{After: first, Limit: batch})
	for _, u := range there {
		byID[u.ID] = u
	}
	return byID, err
}

// changeUser brings somebody up to date whose ID or login is in the new table
// already. done is false where the login has to wait for another's.
func (c Copy) changeUser(ctx context.Context, u pawl.User, n *Counts) (done bool, err error) {
	there, err := c.To.ByID(ctx, u.ID)
	if errors.Is(err, pawl.ErrNotFound) {
		return false, nil
	}
	if err != nil || sameUser(u, there) {
		return true, err
	}
	n.Written++
	login := u.Login
	if there.Login != login {
		login = "" // free for whoever has it now
	}
	_, after, err := c.To.UpdateUser(ctx, u.ID, pawl.UserChange{Login: &login, Disabled: &u.Disabled, Roles: &u.Roles, Claims: &u.Claims})
	// Afterwards: a new administrator has no password (pawl.UserChange.Apply), and
	// here it is known which they have.
	if err == nil && after.PasswordHash != u.PasswordHash {
		err = c.To.SetPasswordHash(ctx, u.ID, after.PasswordHash, u.PasswordHash)
	}
	return login == u.Login, err
}

// goneUsers deletes who was deleted meanwhile.
func (c Copy) goneUsers(ctx context.Context, n *Counts) error {
	return eachUser(ctx, c.To, func(us []pawl.User) error {
		for _, u := range us {
			_, err := c.From.ByID(ctx, u.ID)
			if errors.Is(err, pawl.ErrNotFound) {
				n.Written++
				err = c.To.DeleteUser(ctx, u.ID)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// placeUser writes somebody for whose login there is a place by now.
func (c Copy) placeUser(ctx context.Context, u pawl.User, n *Counts) error {
	err := c.To.CreateUser(ctx, u)
	if errors.Is(err, pawl.ErrConflict) {
		_, _, err = c.To.UpdateUser(ctx, u.ID, pawl.UserChange{Login: &u.Login})
		return err
	}
	n.Written++
	return err
}

// eachUser reads the table by pages.
func eachUser(ctx context.Context, from pawl.UserStore, f func([]pawl.User) error) error {
	for after := ""; ; {
		page, err := from.ListUsers(ctx, pawl.UserQuery{After: after, Limit: batch})
		if err != nil || len(page) == 0 {
			return err
		}
		if err := f(page); err != nil {
			return err
		}
		if after, err = page[len(page)-1].SortKey(); err != nil {
			return err
		}
	}
}

func sameUser(a, b pawl.User) bool {
	return a.ID == b.ID && a.Login == b.Login && a.PasswordHash == b.PasswordHash && a.Disabled == b.Disabled &&
		slices.Equal(a.Roles, b.Roles) && bytes.Equal(claims(a), claims(b))
}

// claims is their one form: a store tells none from empty, and 1 from 1.0, in its
// own way.
func claims(u pawl.User) []byte {
	if len(u.Claims) == 0 {
		return nil
	}
	b, err := json.Marshal(u.Claims)
	if err != nil {
		return nil // what no store could have kept
	}
	return b
}

func sameClient(a, b pawl.RegisteredClient) bool {
	return a.ID == b.ID && a.Secret == b.Secret && slices.Equal(a.Scopes, b.Scopes) && a.Created.Truncate(time.Millisecond).Equal(b.Created.Truncate(time.Millisecond))
}
