// Package migrate copies a Pawl from the stores that it has to others, so that
// nobody is signed out: signing keys, users, registered clients, the audit log,
// marks and sessions, live ones and those that ended and whose tokens may live.
//
// It can be run again at any time, and finishes what an earlier run began: every
// step looks at what is there already. What has changed meanwhile in the stores
// of before is copied anew, and nothing that is in the new ones goes back: where
// those are ahead, servers run on them already, and the copy stops.
package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pawlauth/pawl"
)

// ErrOthersData says that the new stores hold what was not copied from the old ones.
var ErrOthersData = errors.New("the new stores hold the data of another Pawl")

// ErrAhead says that the new stores have gone on by themselves.
var ErrAhead = errors.New("the new stores are ahead of the old ones: servers run on them already")

// Database is what is never in Redis.
type Database interface {
	pawl.UserStore
	pawl.KeyStore
	pawl.AuditStore
	pawl.ClientStore
}

// Sessions is where sessions come from.
type Sessions interface {
	pawl.SessionStore
	pawl.RecordScanner
}

// Copy says what is to be copied.
type Copy struct {
	From, To         Database // the same: only sessions move
	FromSessions     Sessions
	ToSessions       pawl.SessionStore
	Began            time.Time                // now, by the clock of the old stores
	Progress         func(what string, n int) // how many of it are done; nil: nobody is told
	onlySessionsMove bool
}

// Counts is how much there was, and how much of it was written.
type Counts struct {
	Users, Clients, Keys, Audit, Marks, Sessions int
	Written                                      int // of all of them
	Left                                         int // sessions that began after the copy did
}

// Run copies.
func (c Copy) Run(ctx context.Context) (n Counts, err error) {
	c.onlySessionsMove = c.From == c.To
	if c.Progress == nil {
		c.Progress = func(string, int) {}
	}
	if err := c.mayWrite(ctx); err != nil {
		return n, err
	}
	steps := []func(context.Context, *Counts) error{c.keys, c.clients, c.users, c.audit, c.everyone, c.sessions, c.marks}
	if c.onlySessionsMove {
		steps = []func(context.Context, *Counts) error{c.everyone, c.sessions, c.marks}
	}
	for _, step := range steps {
		if err := step(ctx, &n); err != nil {
			return n, err
		}
	}
	return n, nil
}

// mayWrite refuses new stores that were not begun by a copy of these.
func (c Copy) mayWrite(ctx context.Context) error {
	if c.onlySessionsMove {
		return c.knowsSome(ctx)
	}
	from, err := c.From.Keys(ctx)
	if err != nil {
		return err
	}
	to, err := c.To.Keys(ctx)
	if err != nil {
		return err
	}
	if len(from) == 0 {
		return errors.New("the old stores hold no signing keys: no server has ever run on them")
	}
	if len(to) == 0 { // then there is nothing else either: keys are copied first
		users, err := c.To.ListUsers(ctx, pawl.UserQuery{Limit: 1})
		if err == nil && len(users) > 0 {
			err = fmt.Errorf("%w: it has users and no keys", ErrOthersData)
		}
		return err
	}
	if !slices.ContainsFunc(to, func(k pawl.KeyRecord) bool { return hasKey(from, k.ID) }) {
		return fmt.Errorf("%w: none of its signing keys is one of the old stores'", ErrOthersData)
	}
	return nil
}

func hasKey(keys []pawl.KeyRecord, id string) bool {
	return slices.ContainsFunc(keys, func(k pawl.KeyRecord) bool { return k.ID == id })
}

// knowsSome refuses a session store none of whose first sessions the old one
// knows.
func (c Copy) knowsSome(ctx context.Context) error {
	page, err := c.ToSessions.Scan(ctx, "", 100)
	if err != nil || len(page.Sessions) == 0 {
		return err
	}
	for _, rec := range page.Sessions {
		if _, _, err := c.FromSessions.Get(ctx, rec.SessionKey); err == nil {
			return nil
		} else if !errors.Is(err, pawl.ErrNotFound) {
			return err
		}
	}
	return fmt.Errorf("%w: none of its sessions is one of the old store's", ErrOthersData)
}

// keys copies the list whole, as every store replaces it whole.
func (c Copy) keys(ctx context.Context, n *Counts) error {
	from, err := c.From.Keys(ctx)
	if err != nil {
		return err
	}
	to, err := c.To.Keys(ctx)
	if err != nil {
		return err
	}
	n.Keys = len(from)
	if slices.EqualFunc(from, to, sameKey) {
		return nil
	}
	for _, k := range to {
		if !hasKey(from, k.ID) && !k.SignsFrom.Before(from[len(from)-1].SignsFrom) {
			return fmt.Errorf("%w: they have made a signing key, %s", ErrAhead, k.ID)
		}
	}
	n.Written += len(from)
	return c.To.ReplaceKeys(ctx, to, from)
}

func sameKey(a, b pawl.KeyRecord) bool {
	return a.ID == b.ID && a.Use == b.Use && string(a.Sealed) == string(b.Sealed)
}

func (c Copy) clients(ctx context.Context, n *Counts) error {
	from, err := c.From.ListClients(ctx)
	if err != nil {
		return err
	}
	to, err := c.To.ListClients(ctx)
	if err != nil {
		return err
	}
	n.Clients = len(from)
	same := func(k pawl.RegisteredClient, list []pawl.RegisteredClient) bool {
		return slices.ContainsFunc(list, func(o pawl.RegisteredClient) bool { return sameClient(k, o) })
	}
	for _, k := range to {
		if !same(k, from) { // removed, or made anew under the same name
			if err := c.To.RemoveClient(ctx, k.ID); err != nil && !errors.Is(err, pawl.ErrNotFound) {
				return err
			}
		}
	}
	for _, k := range from {
		if same(k, to) {
			continue
		}
		if err := c.To.AddClient(ctx, k); err != nil {
			return err
		}
		n.Written++
	}
	return nil
}
