package pawl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// KeyAdmin looks at the keys of a store and changes them, beside the services
// that run on it: they take up what it did at their next reload. A service has
// the same methods for its own store. It holds no state: its methods are safe
// for concurrent use, on several nodes too.
//
// Errors that concern a person are *api.Error: ErrInvalidRequest, ErrNotFound,
// ErrConflict. ErrMasterKey where a key is to be made and the master key does
// not open those there are; the store's own errors as they are.
type KeyAdmin struct {
	Store     KeyStore
	MasterKey MasterKey        // not needed to look, nor to remove a key that does not sign
	Policy    KeyPolicy        // as the services have it
	Lifetimes Policy           // as the services have it
	Now       func() time.Time // nil: time.Now
}

// What a key does now, as KeyInfo.State.
const (
	KeyWaits   = "waits"   // published, signs later
	KeySigns   = "signs"   // one of each use
	KeyRetired = "retired" // checks what it signed, until the last of that is dead
)

// KeyInfo is a key without its secret.
type KeyInfo struct {
	ID        string // kid
	Use       string // UseAccess or UseRefresh
	Algorithm string
	Created   time.Time
	SignsFrom time.Time // published before, signs from then on
	State     string    // KeyWaits, KeySigns or KeyRetired
	// Dies is when the last token that it signed is dead, and it goes by itself;
	// zero while no other key is behind it.
	Dies time.Time
	// Strayed: it waits far longer than a key is published, as some clock was far
	// ahead when it was made, and until then its use gets no new key by itself.
	Strayed bool
}

// KeyChange is what a command or the schedule did.
type KeyChange struct {
	Added, Removed []KeyInfo
}

// Empty reports whether nothing was done.
func (c KeyChange) Empty() bool { return len(c.Added)+len(c.Removed) == 0 }

// Events gives the change for an audit log.
func (c KeyChange) Events() (events []Event) {
	for _, k := range c.Added {
		events = append(events, Event{Kind: EventKeyAdded, Key: k.ID, Reason: k.Use})
	}
	for _, k := range c.Removed {
		events = append(events, Event{Kind: EventKeyRemoved, Key: k.ID, Reason: k.Use})
	}
	return events
}

// keyTries is how often a change is tried anew because another node was first.
const keyTries = 5

var errKeysBusy = errors.New("the keys change all the time")

// List gives every key, in the order in which they were made.
func (a KeyAdmin) List(ctx context.Context) ([]KeyInfo, error) {
	a, err := a.withDefaults()
	if err != nil {
		return nil, err
	}
	recs, err := a.Store.Keys(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the keys: %w", err)
	}
	return a.describe(recs), nil
}

func (a KeyAdmin) withDefaults() (_ KeyAdmin, err error) {
	if a.Policy, err = a.Policy.withDefaults(); err != nil {
		return a, err
	}
	if a.Lifetimes, err = a.Lifetimes.withDefaults(false); err != nil {
		return a, err
	}
	if a.Now == nil {
		a.Now = time.Now
	}
	return a, nil
}

func (a KeyAdmin) describe(recs []KeyRecord) []KeyInfo {
	infos := make([]KeyInfo, len(recs))
	seen := map[string]int{}
	for n, r := range recs {
		own := ofUse(recs, r.Use)
		i := seen[r.Use]
		seen[r.Use]++
		infos[n] = KeyInfo{ID: r.ID, Use: r.Use, Algorithm: r.Algorithm, Created: r.Created, SignsFrom: r.SignsFrom}
		infos[n].State = stateOf(i, signingAt(own, a.now()))
		infos[n].Strayed = infos[n].State != KeyRetired && a.strayed(r)
		infos[n].Dies, _ = deadAt(own, i, a.Policy, a.tokenLife(r.Use))
	}
	return infos
}

func stateOf(i, signing int) string {
	switch {
	case i < signing:
		return KeyRetired
	case i == signing:
		return KeySigns
	}
	return KeyWaits
}

// infoOf gives those of the keys that have the IDs.
func (a KeyAdmin) infoOf(recs []KeyRecord, ids ...string) []KeyInfo {
	return slices.DeleteFunc(a.describe(recs), func(k KeyInfo) bool { return !slices.Contains(ids, k.ID) })
}

func (a KeyAdmin) now() time.Time { return a.Now().UTC().Truncate(time.Millisecond) }

func (a KeyAdmin) planFor(use string, own []KeyRecord) keyPlan {
	return planKeys(own, a.now(), a.Policy, a.algorithm(use), a.tokenLife(use))
}

func (a KeyAdmin) algorithm(use string) string {
	if use == UseRefresh {
		return token.HS256
	}
	return a.Policy.Algorithm
}

// tokenLife is the longest life that a token of the use is given now, leeway
// included, in whole milliseconds. A refresh token is alive as long as its
// session may be.
func (a KeyAdmin) tokenLife(use string) time.Duration {
	life := a.Lifetimes.SessionTTL
	if use == UseAccess {
		life = a.Lifetimes.AccessTTL
	}
	return (life + leeway + time.Millisecond - 1).Truncate(time.Millisecond)
}

// strayed reports whether a key is to sign much later than any that is made
// now: it was made while a clock was ahead.
func (a KeyAdmin) strayed(r KeyRecord) bool {
	return r.SignsFrom.Sub(a.now()) > a.Policy.Publish+leeway
}

// newRecord makes a key.
func (a KeyAdmin) newRecord(use string, signsAt time.Time) (KeyRecord, error) {
	k, err := token.GenerateKey(a.algorithm(use))
	if err != nil {
		return KeyRecord{}, err
	}
	r := KeyRecord{ID: k.ID(), Use: use, Algorithm: k.Algorithm(), Created: a.now(), SignsFrom: signsAt, Life: a.tokenLife(use)}
	r.Sealed, err = a.MasterKey.seal(k, r)
	return r, err
}

// change replaces the keys by what decide makes of them, nil for no change. It
// asks again where another node was first.
func (a KeyAdmin) change(ctx context.Context, decide func([]KeyRecord) ([]KeyRecord, error)) error {
	for range keyTries {
		recs, err := a.Store.Keys(ctx)
		if err != nil {
			return fmt.Errorf("read the keys: %w", err)
		}
		to, err := decide(recs)
		if err != nil || to == nil {
			return err
		}
		switch err := a.Store.ReplaceKeys(ctx, recs, to); {
		case err == nil:
			return nil
		case !errors.Is(err, ErrConflict):
			return fmt.Errorf("store the keys: %w", err)
		}
	}
	return errKeysBusy
}

// turn does what the schedule asks for now; ErrConflict if another node was
// first.
func (a KeyAdmin) turn(ctx context.Context, recs []KeyRecord) (change KeyChange, err error) {
	to := slices.Clone(recs)
	var added, dropped []string
	for _, use := range []string{UseAccess, UseRefresh} {
		plan := a.planFor(use, ofUse(recs, use))
		dropped = append(dropped, plan.drop...)
		if !plan.add {
			continue
		}
		r, err := a.newRecord(use, plan.signsAt)
		if err != nil {
			return change, fmt.Errorf("make a key: %w", err)
		}
		to, added = append(to, r), append(added, r.ID)
	}
	if len(added)+len(dropped) == 0 {
		return change, nil
	}
	// A key sealed by a wrong master key, beside those of the right one, would
	// leave a database that neither opens.
	if err := a.MasterKey.Opens(recs...); err != nil {
		return change, err
	}
	to = without(to, dropped)
	if err := a.Store.ReplaceKeys(ctx, recs, to); err != nil {
		return change, fmt.Errorf("store the keys: %w", err)
	}
	return KeyChange{Added: a.infoOf(to, added...), Removed: a.infoOf(recs, dropped...)}, nil
}

func without(recs []KeyRecord, ids []string) []KeyRecord {
	return slices.DeleteFunc(slices.Clone(recs), func(r KeyRecord) bool { return slices.Contains(ids, r.ID) })
}

// keyError is what a person who asked for the change is told.
func keyError(err error) error {
	if _, ours := errors.AsType[*api.Error](err); err == nil || ours {
		return err
	}
	return unavailable(err)
}
