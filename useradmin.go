package pawl

import (
	"context"
	"errors"
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
// after a failure completes it. So does giving them RoleAdmin, which takes their
// password and voids their reset code too, as others may have set the one and may
// hold the other: offer them a new code (OfferReset). Other roles, and claims, are
// in access tokens from the next reissue on: to have them at once, end the user's
// sessions. Errors are ErrNotFound, ErrInvalidRequest, ErrConflict if the new login
// is taken, and ErrUnavailable, which says so if the user was changed all the same.
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
	u, _, err := s.userAdmin(store).Update(ctx, id, c)
	s.users.forget(id)
	switch {
	case err != nil && u.ID != "":
		return User{}, api.ErrUnavailable.With("The user was changed, but the sessions from before could not be ended. End all sessions of the user.").Wrap(err)
	case err != nil:
		return User{}, userError(err, c)
	}
	return u, nil
}

func (s *Service) userAdmin(store UserStore) UserAdmin {
	return UserAdmin{
		Users: store, Sessions: s.cfg.Sessions, Now: s.now, Note: s.emit,
		end: func(ctx context.Context, user, reason string) (int, error) { return s.endUser(ctx, user, "", reason) },
	}
}

// userError is what whoever asked for the change is told.
func userError(err error, c UserChange) error {
	_, ours := errors.AsType[*api.Error](err)
	switch {
	case ours:
		return err
	case errors.Is(err, ErrNotFound):
		return noUser
	case errors.Is(err, ErrConflict) && c.Login != nil:
		return api.ErrConflict.With("The userId %s is taken.", *c.Login)
	}
	return unavailable(err)
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
	_, err = s.userAdmin(store).Delete(ctx, id)
	s.users.forget(id)
	if err != nil {
		return userError(err, UserChange{})
	}
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
	if u.IsAdmin() || roles != nil && slices.Contains(*roles, RoleAdmin) {
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
