package pawl

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pawlauth/pawl/api"
)

// Newcomer is a person whom a back end with a user table of its own has
// authenticated.
type Newcomer struct {
	UserID string          // becomes the subject of the tokens: their ID in that table
	Roles  *[]string       // nil: as they were
	Claims *map[string]any // nil: as they were
	Client Client          // where the person is, not the back end
}

// StartFor starts a session for a person whom a back end has authenticated. In
// Pawl's own table it keeps who they are, without a login, so that reissues find
// roles and claims and a ban finds them; where the users are somebody else's it
// is Start, and roles and claims are refused. ErrInvalidRequest;
// ErrLoginRequired with reason disabled for somebody who is kept out;
// ErrAccessDenied as in UpdateUser.
func (s *Service) StartFor(ctx context.Context, n Newcomer) (api.Tokens, error) {
	if err := CheckSubject(n.UserID); err != nil {
		return api.Tokens{}, api.ErrInvalidRequest.With("userId %v.", err)
	}
	if err := s.permit(ctx, n.UserID, n.Roles); err != nil {
		return api.Tokens{}, err
	}
	if err := s.provide(ctx, n); err != nil {
		return api.Tokens{}, err
	}
	return s.Start(ctx, n.UserID, n.Client)
}

// provide sees to it that the user exists and is as the back end says.
func (s *Service) provide(ctx context.Context, n Newcomer) error {
	store, ok := s.cfg.Users.(UserStore)
	if !ok {
		if n.Roles != nil || n.Claims != nil {
			return api.ErrInvalidRequest.With("Roles and claims come from the user table of this service, not from the request.")
		}
		return nil
	}
	c, err := UserChange{Roles: n.Roles, Claims: n.Claims}.checked()
	if err != nil {
		return err
	}
	u, found, err := freshUser(ctx, store, n.UserID)
	if err != nil {
		return unavailable(err)
	}
	if !found {
		switch err := store.CreateUser(context.WithoutCancel(ctx), c.Apply(User{ID: n.UserID})); {
		case err == nil:
			s.users.forget(n.UserID)
			s.emit(ctx, Event{Kind: EventUserCreated, User: n.UserID})
			return nil
		case !errors.Is(err, ErrConflict):
			return unavailable(err)
		}
		// Two sign-ins of a new person at once: the other one made them.
	}
	if found && same(c.Apply(u), u) {
		return nil
	}
	_, err = s.update(ctx, store, n.UserID, c)
	return err
}

// maxSubject bounds a subject, in bytes.
const maxSubject = 128

// CheckSubject says what is wrong with an ID that another system gives to a user.
func CheckSubject(id string) error {
	switch {
	case id == "":
		return errors.New("is missing")
	case id == ".", id == "..", id == "/":
		return fmt.Errorf("must not be %q: no URL could name it", id)
	case len(id) > maxSubject:
		return fmt.Errorf("is too long: at most %d bytes", maxSubject)
	case !utf8.ValidString(id) || strings.TrimSpace(id) != id || strings.ContainsFunc(id, func(r rune) bool { return !unicode.IsPrint(r) }):
		return errors.New("must be printable UTF-8 text without space around it")
	}
	return nil
}
