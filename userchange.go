package pawl

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/pawlauth/pawl/api"
)

// UserAdmin changes the users of a store, beside the services that run on it. A
// service has the same methods for its own table. It holds no state: its methods
// are safe for concurrent use, on several nodes too.
type UserAdmin struct {
	Users    UserStore
	Sessions SessionStore
	Now      func() time.Time             // nil: time.Now
	Note     func(context.Context, Event) // told of each thing once it is done; nil: nobody

	end func(ctx context.Context, user, reason string) (ended int, err error) // a service's own; nil: by Sessions
}

// Update makes the change and returns the user after it. It ends the sessions of
// a user who is to be disabled, and of one who becomes an administrator: a limited
// actor may have started those, and set the password, which is gone then too
// (UserChange.Apply). ended says how many sessions there were. Errors are those of
// UserStore.UpdateUser and of the SessionStore; after an error that comes with a
// user, that user was changed and may still have sessions.
func (a UserAdmin) Update(ctx context.Context, id string, c UserChange) (after User, ended int, err error) {
	ctx = context.WithoutCancel(ctx) // disabled without an end of the sessions is not disabled
	first, err := a.endFirst(ctx, id, c)
	if err != nil {
		return User{}, 0, err
	}
	before, after, err := a.Users.UpdateUser(ctx, id, c)
	if err != nil {
		return User{}, 0, err
	}
	a.noteChange(ctx, before, after)
	switch {
	case c.Disabled != nil && *c.Disabled:
		ended, err = a.endUser(ctx, after, api.ReasonDisabled)
	case !before.IsAdmin() && after.IsAdmin():
		ended, err = a.endUser(ctx, after, api.ReasonEndedByAdmin)
	}
	return after, first + ended, err
}

// endFirst ends the sessions of a user who is about to become an administrator,
// before the change that has them ended again: what stops in between must leave no
// old session that is an administrator's, as a second try finds no promotion.
func (a UserAdmin) endFirst(ctx context.Context, id string, c UserChange) (ended int, err error) {
	if c.Roles == nil || !slices.Contains(*c.Roles, RoleAdmin) {
		return 0, nil
	}
	u, err := a.Users.ByID(ctx, id)
	if err != nil || !c.promotes(u) {
		return 0, err
	}
	live := false
	err = eachPiece(ctx, a.Sessions, id, func(piece []Session, mark Mark) (goOn bool, err error) {
		live = slices.ContainsFunc(piece, func(s Session) bool { return !mark.Covers(s.AuthTime) })
		return !live, nil
	})
	if err != nil || !live {
		return 0, err
	}
	return a.endUser(ctx, u, api.ReasonEndedByAdmin)
}

// Delete ends all sessions of a user and deletes them; asking again after a
// failure completes it. Errors as in Update.
func (a UserAdmin) Delete(ctx context.Context, id string) (ended int, err error) {
	ctx = context.WithoutCancel(ctx)
	// Nobody may sign in between the end of the sessions and the deletion.
	disabled := true
	u, ended, err := a.Update(ctx, id, UserChange{Disabled: &disabled})
	if err == nil {
		err = a.Users.DeleteUser(ctx, id)
	}
	if err != nil {
		return 0, err
	}
	a.note(ctx, Event{Kind: EventUserDeleted, User: id, Login: u.Login})
	return ended, nil
}

func (a UserAdmin) endUser(ctx context.Context, u User, reason string) (int, error) {
	if a.end != nil {
		return a.end(ctx, u.ID, reason)
	}
	now := time.Now
	if a.Now != nil {
		now = a.Now
	}
	_, ended, err := a.Sessions.EndUser(ctx, u.ID, "", reason, now().UTC())
	if err == nil {
		a.note(ctx, Event{Kind: EventUserEnded, User: u.ID, Login: u.Login, Reason: reason})
	}
	return ended, err
}

func (a UserAdmin) noteChange(ctx context.Context, before, after User) {
	e := Event{User: after.ID, Login: after.Login}
	switch {
	case !before.Disabled && after.Disabled:
		e.Kind = EventUserDisabled
		a.note(ctx, e)
	case before.Disabled && !after.Disabled:
		e.Kind = EventUserEnabled
		a.note(ctx, e)
	}
	before.Disabled = after.Disabled
	if !same(before, after) {
		e.Kind = EventUserUpdated
		a.note(ctx, e)
	}
}

func (a UserAdmin) note(ctx context.Context, e Event) {
	if a.Note != nil {
		a.Note(ctx, e)
	}
}

// same reports whether two users are alike, as a store keeps them: it tells no
// claims from none, nor a whole number from a float64.
func same(a, b User) bool {
	aClaims, aErr := json.Marshal(a.Claims)
	bClaims, bErr := json.Marshal(b.Claims)
	return a.Login == b.Login && a.Disabled == b.Disabled && slices.Equal(a.Roles, b.Roles) &&
		(len(a.Claims)+len(b.Claims) == 0 || aErr == nil && bErr == nil && bytes.Equal(aClaims, bClaims))
}
