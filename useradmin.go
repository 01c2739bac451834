package pawl

import (
	"context"
	"errors"
	"reflect"
	"slices"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// What follows is for administrators, and for programs that administer users.
// All of it gives ErrNotFound where the users are somebody else's, and
// ErrAccessDenied to an [Actor] who is Limited where it concerns an
// administrator.

// ListUsers gives a page of users, as UserStore.ListUsers does.
func (s *Service) ListUsers(ctx context.Context, q UserQuery) ([]User, error) {
	store, err := s.userStore()
	if err != nil {
		return nil, err
	}
	list, err := store.ListUsers(ctx, q)
	if err != nil {
		return nil, unavailable(err)
	}
	return list, nil
}

// User gives a user as they are now; ErrNotFound.
func (s *Service) User(ctx context.Context, id string) (User, error) {
	u, found, err := freshUser(ctx, s.cfg.Users, id)
	switch {
	case err != nil:
		return User{}, unavailable(err)
	case !found:
		return User{}, noUser
	}
	return u, nil
}

// UpdateUser changes a user. Disabling ends all of their sessions; asking again
// after a failure completes it. So does giving them RoleAdmin, which voids their
// reset code too; after a failure of that, take the role away and give it again.
// Other roles, and claims, are in access tokens from the next reissue on: to have
// them at once, end the user's sessions. Errors are
// ErrNotFound, ErrInvalidRequest, and ErrConflict if the new login is taken.
func (s *Service) UpdateUser(ctx context.Context, id string, c UserChange) (User, error) {
	store, err := s.userStore()
	if err != nil {
		return User{}, err
	}
	if c, err = c.checked(); err != nil {
		return User{}, err
	}
	if err := s.permit(ctx, id, c.Roles); err != nil {
		return User{}, err
	}
	return s.update(ctx, store, id, c)
}

func (s *Service) update(ctx context.Context, store UserStore, id string, c UserChange) (User, error) {
	ctx = context.WithoutCancel(ctx) // disabled without an end of the sessions is not disabled
	before, after, err := store.UpdateUser(ctx, id, c)
	switch {
	case errors.Is(err, ErrNotFound):
		return User{}, noUser
	case errors.Is(err, ErrConflict):
		return User{}, api.ErrConflict.With("The userId %s is taken.", *c.Login)
	case err != nil:
		return User{}, unavailable(err)
	}
	s.users.forget(id)
	s.noteChange(ctx, before, after)
	if c.Disabled != nil && *c.Disabled {
		if _, err := s.endUser(ctx, id, "", api.ReasonDisabled); err != nil {
			return User{}, err
		}
	}
	if !isAdmin(before) && isAdmin(after) {
		if err := s.promoted(ctx, store, id); err != nil {
			return User{}, err
		}
	}
	return after, nil
}

func isAdmin(u User) bool { return slices.Contains(u.Roles, RoleAdmin) }

// promoted makes void what a limited actor may hold of somebody who has become
// an administrator: a reset code that it made, a session that it started.
func (s *Service) promoted(ctx context.Context, store UserStore, id string) error {
	now := s.now()
	switch err := store.OfferReset(ctx, id, ResetHash(NewResetOffer(now).Code), now); {
	case errors.Is(err, ErrNotFound):
		return noUser
	case err != nil:
		return unavailable(err)
	}
	_, err := s.endUser(ctx, id, "", api.ReasonEndedByAdmin)
	return err
}

func (s *Service) noteChange(ctx context.Context, before, after User) {
	e := Event{User: after.ID, Login: after.Login}
	switch {
	case !before.Disabled && after.Disabled:
		e.Kind = EventUserDisabled
		s.emit(ctx, e)
	case before.Disabled && !after.Disabled:
		e.Kind = EventUserEnabled
		s.emit(ctx, e)
	}
	before.Disabled = after.Disabled
	if !reflect.DeepEqual(before, after) {
		e.Kind = EventUserUpdated
		s.emit(ctx, e)
	}
}

// DeleteUser ends all sessions of a user and deletes them (SYSTEM B13). Asking
// again after a failure completes it. ErrNotFound.
func (s *Service) DeleteUser(ctx context.Context, id string) error {
	store, err := s.userStore()
	if err != nil {
		return err
	}
	if err := s.permit(ctx, id, nil); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	// Nobody may sign in between the end of the sessions and the deletion.
	disabled := true
	u, err := s.update(ctx, store, id, UserChange{Disabled: &disabled})
	if err != nil {
		return err
	}
	switch err := store.DeleteUser(ctx, id); {
	case errors.Is(err, ErrNotFound):
		return noUser
	case err != nil:
		return unavailable(err)
	}
	s.users.forget(id)
	s.emit(ctx, Event{Kind: EventUserDeleted, User: id, Login: u.Login})
	return nil
}

var noUser = api.ErrNotFound.With("There is no user with this ID.")

func (s *Service) userStore() (UserStore, error) {
	if store, ok := s.cfg.Users.(UserStore); ok {
		return store, nil
	}
	return nil, api.ErrNotFound.With("Users are not kept here.")
}

// permit keeps a limited actor from administrators: one who could reset an
// administrator's password, or make one, would be one.
func (s *Service) permit(ctx context.Context, id string, roles *[]string) error {
	if a, _ := ctx.Value(actorKey{}).(Actor); !a.Limited {
		return nil
	}
	u, _, err := freshUser(ctx, s.cfg.Users, id)
	if err != nil {
		return unavailable(err)
	}
	if isAdmin(u) || roles != nil && slices.Contains(*roles, RoleAdmin) {
		return api.ErrAccessDenied.With("Only an administrator can do this to an administrator, or make one.")
	}
	return nil
}

// checked refuses a change that would leave a user whose tokens cannot be made,
// and folds the login.
func (c UserChange) checked() (UserChange, error) {
	if c.Login != nil {
		login, err := FoldLogin(*c.Login)
		if err != nil {
			return c, err
		}
		c.Login = &login
	}
	var u User
	return c, c.Apply(u).check()
}

// check refuses roles and claims that no access token can carry.
func (u User) check() error {
	if err := token.CheckUserClaims(u.Roles, u.Claims); err != nil {
		return api.ErrInvalidRequest.With("The roles or claims cannot be in an access token: %v.", err)
	}
	return nil
}
