package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"

	"github.com/pawlauth/pawl"
)

// Difference is what a comparison found.
type Difference struct {
	Users, Clients, Keys, Sessions int      // that were compared
	Differ                         int      // of all of them
	First                          []string // what they are, the first few
}

func (d *Difference) add(what, id string) {
	d.Differ++
	if len(d.First) < 5 {
		d.First = append(d.First, what+" "+id)
	}
}

// Verify compares all that is in the old stores with the new ones, user by user
// and session by session. What a server on the old ones does meanwhile differs.
func (c Copy) Verify(ctx context.Context) (d Difference, err error) {
	if c.Progress == nil {
		c.Progress = func(string, int) {}
	}
	if c.From != c.To {
		if err := c.verifyDatabase(ctx, &d); err != nil {
			return d, err
		}
	}
	var mu sync.Mutex
	err = eachInParallel(ctx, c.FromSessions, func(ctx context.Context, recs []pawl.MarkedSession) error {
		var differ []string
		for _, rec := range recs {
			if same, err := c.sameSession(ctx, rec); err != nil {
				return err
			} else if !same {
				differ = append(differ, rec.ID)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		for _, id := range differ {
			d.add("session", id)
		}
		d.Sessions += len(recs)
		c.Progress("sessions compared", d.Sessions)
		return nil
	})
	return d, err
}

func (c Copy) verifyDatabase(ctx context.Context, d *Difference) error {
	from, err := c.From.Keys(ctx)
	if err != nil {
		return err
	}
	to, err := c.To.Keys(ctx)
	if err != nil {
		return err
	}
	if d.Keys = len(from); !slices.EqualFunc(from, to, sameKey) {
		d.add("keys", "")
	}
	old, err := c.From.ListClients(ctx)
	if err != nil {
		return err
	}
	anew, err := c.To.ListClients(ctx)
	if err != nil {
		return err
	}
	if d.Clients = len(old); !slices.EqualFunc(old, anew, sameClient) {
		d.add("registered clients", "")
	}
	return c.verifyUsers(ctx, d)
}

// verifyUsers reads both tables in their one order, side by side.
func (c Copy) verifyUsers(ctx context.Context, d *Difference) error {
	there := &userReader{store: c.To}
	err := eachUser(ctx, c.From, func(us []pawl.User) error {
		for _, u := range us {
			have, err := there.upTo(ctx, u, d)
			if err != nil {
				return err
			}
			if !sameUser(u, have) {
				d.add("user", u.ID)
			}
		}
		d.Users += len(us)
		c.Progress("users compared", d.Users)
		return nil
	})
	for err == nil {
		var u pawl.User
		var more bool
		if u, more, err = there.peek(ctx); !more {
			return err
		}
		d.add("user", u.ID)
		there.page = there.page[1:]
	}
	return err
}

// userReader reads a table user by user.
type userReader struct {
	store pawl.UserStore
	page  []pawl.User
	after string
	done  bool
}

// peek gives the next user; ok is false behind the last one.
func (r *userReader) peek(ctx context.Context) (u pawl.User, ok bool, err error) {
	if len(r.page) == 0 && !r.done {
		if r.page, err = r.store.ListUsers(ctx, pawl.UserQuery{After: r.after, Limit: batch}); err != nil {
			return u, false, err
		}
		r.done = len(r.page) < batch
		if len(r.page) > 0 {
			r.after, err = r.page[len(r.page)-1].SortKey()
		}
	}
	if len(r.page) == 0 || err != nil {
		return u, false, err
	}
	return r.page[0], true, nil
}

// upTo gives the user who stands where u does, the zero User for nobody; who
// stands before that is one too many.
func (r *userReader) upTo(ctx context.Context, u pawl.User, d *Difference) (pawl.User, error) {
	key, err := u.SortKey()
	for err == nil {
		have, ok, peekErr := r.peek(ctx)
		if peekErr != nil || !ok {
			return pawl.User{}, peekErr
		}
		haveKey, keyErr := have.SortKey()
		if keyErr != nil || haveKey > key {
			return pawl.User{}, keyErr
		}
		r.page = r.page[1:]
		if haveKey == key {
			return have, nil
		}
		d.add("user", have.ID)
	}
	return pawl.User{}, err
}

// sameSession reports whether the session goes on, or does not, in the new store
// as it does in the old one.
func (c Copy) sameSession(ctx context.Context, rec pawl.MarkedSession) (bool, error) {
	there, mark, err := c.ToSessions.Get(ctx, rec.SessionKey)
	if errors.Is(err, pawl.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	over := !rec.Ended.IsZero() || rec.Mark.Covers(rec.AuthTime)
	overThere := !there.Ended.IsZero() || mark.Covers(there.AuthTime)
	if over || overThere {
		return over && overThere, nil
	}
	return digest(rec.Session) == digest(there), nil
}

func digest(rec pawl.Session) string {
	b, err := json.Marshal(rec)
	if err != nil {
		panic(err) // no field of it can fail
	}
	return string(b)
}
