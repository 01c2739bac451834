package userimport

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// add adds those who are not there, and says who is.
func (r *run) add(ctx context.Context, good []*Entry) (there []bool, err error) {
	if r.DryRun {
		return r.look(ctx, good)
	}
	if len(good) == 0 {
		return nil, nil
	}
	users := make([]pawl.User, len(good))
	for i, e := range good {
		if users[i] = e.User; users[i].ID == "" {
			users[i].ID = token.NewID()
		}
	}
	return r.Store.CreateUsers(ctx, users)
}

// look says who is there.
func (r *run) look(ctx context.Context, good []*Entry) (there []bool, err error) {
	there = make([]bool, len(good))
	for i, e := range good {
		_, err := r.Store.ByLogin(ctx, e.User.Login)
		if errors.Is(err, pawl.ErrNotFound) && e.Given.Subject {
			_, err = r.Store.ByID(ctx, e.User.ID)
		}
		if err != nil && !errors.Is(err, pawl.ErrNotFound) {
			return nil, err
		}
		there[i] = err == nil
	}
	return there, nil
}

// settle deals with somebody who is there already. A reason against the line
// becomes its Err; an error is the store's.
func (r *run) settle(ctx context.Context, e *Entry) error {
	u, err := r.find(ctx, e)
	if err != nil || e.Err != nil {
		return err
	}
	change := changeOf(e, u)
	promoted := !u.IsAdmin() && change.Apply(u).IsAdmin()
	// A new administrator has no other password than the file's.
	hash := promoted && e.Given.Hash && e.User.PasswordHash != ""
	if !promoted {
		hash = r.newHash(e, u)
	}
	switch {
	case change == (pawl.UserChange{}) && !hash:
		r.counts.Unchanged++
	case !r.Update:
		r.counts.Different++
		return nil
	default:
		r.counts.Updated++
		if promoted && !hash && u.PasswordHash != "" {
			r.counts.Promoted++
		}
	}
	if !r.Update || r.DryRun {
		return nil
	}
	return r.update(ctx, e, u, change, hash)
}

// find gives whom the line is about.
func (r *run) find(ctx context.Context, e *Entry) (u pawl.User, err error) {
	u, err = r.Store.ByLogin(ctx, e.User.Login)
	switch {
	case err == nil && e.Given.Subject && u.ID != e.User.ID:
		e.Err = errors.New("the person is there already with another subject, and subjects never change; leave the subject out, or delete the person first")
	case errors.Is(err, pawl.ErrNotFound):
		err = nil
		other, otherErr := r.Store.ByID(ctx, e.User.ID)
		if otherErr == nil {
			e.Err = fmt.Errorf("subject is that of %q already", shorten(other.Login))
		} else if e.Err = errMeanwhile; !errors.Is(otherErr, pawl.ErrNotFound) {
			err = otherErr
		}
	}
	return u, err
}

var errMeanwhile = errors.New("the person was changed by somebody else at the same moment; import the line again")

// changeOf gives what the file has otherwise, apart from the password.
func changeOf(e *Entry, u pawl.User) (c pawl.UserChange) {
	if e.Given.Roles && !slices.Equal(e.User.Roles, u.Roles) {
		c.Roles = &e.User.Roles
	}
	if e.Given.Claims && len(e.User.Claims)+len(u.Claims) > 0 && !reflect.DeepEqual(e.User.Claims, u.Claims) {
		c.Claims = &e.User.Claims
	}
	if e.Given.Disabled && e.User.Disabled != u.Disabled {
		c.Disabled = &e.User.Disabled
	}
	return c
}

// newHash reports whether the file's hash is to replace the stored one. A
// stored Argon2id hash may be of a password that its owner chose here, or has
// proved here: an export of the old system knows nothing of that, and bringing
// its hash back would let in whoever knows the old password. Any other form can
// only have been imported, and nobody has signed in with it since.
func (r *run) newHash(e *Entry, u pawl.User) bool {
	if !e.Given.Hash || e.User.PasswordHash == "" || e.User.PasswordHash == u.PasswordHash {
		return false
	}
	if strings.HasPrefix(u.PasswordHash, "$argon2id$") && !r.OverwritePasswords {
		r.counts.Kept++
		return false
	}
	return true
}

func (r *run) update(ctx context.Context, e *Entry, u pawl.User, change pawl.UserChange, hash bool) error {
	reason := ""
	if !u.IsAdmin() && change.Apply(u).IsAdmin() {
		reason = api.ReasonEndedByAdmin // others may have started them: see pawl.UserAdmin
	}
	if hash {
		reason = api.ReasonPasswordChanged
	}
	if err := r.endFirst(ctx, u, reason); err != nil {
		return err
	}
	switch err := r.write(ctx, e, u, change, hash); {
	case errors.Is(err, pawl.ErrConflict), errors.Is(err, pawl.ErrNotFound):
		e.Err = errMeanwhile
		r.counts.Updated--
		return nil
	case err != nil:
		return err
	}
	if e.Given.Disabled && e.User.Disabled {
		// Also for somebody who was disabled before: an import that stopped
		// between the two steps is completed by the next.
		reason = api.ReasonDisabled
	}
	return r.end(ctx, u, reason)
}

// write makes the change first: it takes the password of a new administrator.
func (r *run) write(ctx context.Context, e *Entry, u pawl.User, change pawl.UserChange, hash bool) error {
	after := u
	if change != (pawl.UserChange{}) {
		before, changed, err := r.Store.UpdateUser(ctx, u.ID, change)
		switch {
		case err != nil:
			return err
		case hash && before.PasswordHash != u.PasswordHash:
			return pawl.ErrConflict
		}
		after = changed
	}
	if !hash {
		return nil
	}
	return r.Store.SetPasswordHash(ctx, u.ID, after.PasswordHash, e.User.PasswordHash)
}

// endFirst ends the sessions before the change that ends them again: an import
// that stops in between does not find out, when it is run again, that there was
// a change.
func (r *run) endFirst(ctx context.Context, u pawl.User, reason string) error {
	if reason == "" {
		return nil
	}
	live, err := r.live(ctx, u.ID)
	if err == nil && live {
		_, _, err = r.Store.EndUser(ctx, u.ID, "", reason, r.Now())
	}
	return err
}

// end ends the sessions of somebody whose password was replaced, who was disabled
// or who has become an administrator. Somebody without sessions needs it as well where one may begin at
// this moment.
func (r *run) end(ctx context.Context, u pawl.User, reason string) error {
	if reason == "" {
		return nil
	}
	if u.Disabled && reason == api.ReasonDisabled {
		if live, err := r.live(ctx, u.ID); err != nil || !live {
			return err
		}
	}
	if _, _, err := r.Store.EndUser(ctx, u.ID, "", reason, r.Now()); err != nil {
		return err
	}
	if r.Ended != nil {
		r.Ended(u, reason)
	}
	return nil
}

func (r *run) live(ctx context.Context, user string) (bool, error) {
	sessions, mark, err := r.Store.List(ctx, user, pawl.ListPlace{}, 0)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(sessions, func(s pawl.Session) bool { return s.Live(mark, r.Now()) }), nil
}
