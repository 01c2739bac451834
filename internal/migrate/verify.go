package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

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
	err = eachOwner(ctx, c.FromSessions, func(recs []pawl.MarkedSession) error {
		for _, rec := range recs {
			if same, err := c.sameSession(ctx, rec); err != nil {
				return err
			} else if !same {
				d.add("session", rec.ID)
			}
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

func (c Copy) verifyUsers(ctx context.Context, d *Difference) error {
	err := eachUser(ctx, c.From, func(us []pawl.User) error {
		for _, u := range us {
			there, err := c.To.ByID(ctx, u.ID)
			if err != nil && !errors.Is(err, pawl.ErrNotFound) {
				return err
			}
			if !sameUser(u, there) {
				d.add("user", u.ID)
			}
		}
		d.Users += len(us)
		c.Progress("users compared", d.Users)
		return nil
	})
	if err != nil {
		return err
	}
	return eachUser(ctx, c.To, func(us []pawl.User) error {
		for _, u := range us {
			if _, err := c.From.ByID(ctx, u.ID); errors.Is(err, pawl.ErrNotFound) {
				d.add("user", u.ID)
			} else if err != nil {
				return err
			}
		}
		return nil
	})
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
