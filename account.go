package pawl

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"strings"
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/password"
	"github.com/pawlauth/pawl/token"
)

// retriedFor is how long a change of password that was sent again is recognised.
const retriedFor = 10 * time.Minute

// ChangePassword sets a new password, ends the user's other sessions, and
// returns a new access token for the asking session; its refresh token stays as
// it is. Sending the same request again after a failure, in the same session and
// within ten minutes, completes it. ErrInvalidCredentials if the current password
// is wrong, whatever the new one is; ErrInvalidRequest if the new one is not
// acceptable or is the current one; ErrConflict if it was changed meanwhile;
// ErrRateLimited after too many wrong ones from this session.
func (s *Service) ChangePassword(ctx context.Context, who *token.Access, current, next string) (api.Tokens, error) {
	setter, ok := s.cfg.Users.(PasswordSetter)
	if !ok {
		return api.Tokens{}, api.ErrNotFound.With("Passwords are not changed here.")
	}
	u, found, err := freshUser(ctx, s.cfg.Users, who.Subject)
	if err != nil {
		return api.Tokens{}, unavailable(err)
	}
	if !found || u.Disabled {
		return api.Tokens{}, api.LoginRequired(api.ReasonDisabled)
	}
	done, err := s.mayKeep(ctx, u.ID) // before the new password stands: the end must follow at once
	if err != nil {
		return api.Tokens{}, err
	}
	defer done()
	if err := s.setPassword(ctx, setter, u, who.SessionID, current, next); err != nil {
		if code := api.AsError(err).Code; code == api.CodeInvalidCredentials {
			s.emit(ctx, Event{Kind: EventPasswordRefused, User: u.ID, Login: u.Login, Session: who.SessionID, Reason: code})
		}
		return api.Tokens{}, err
	}
	if _, err := s.endUser(ctx, u.ID, who.SessionID, api.ReasonPasswordChanged); err != nil {
		return api.Tokens{}, err
	}
	s.emit(ctx, Event{Kind: EventPasswordChanged, User: u.ID, Session: who.SessionID})
	return s.renewed(ctx, SessionKey{User: u.ID, ID: who.SessionID}, u)
}

// setPassword replaces the hash, once the current password has proved right: one
// request is one guess. A request that set the present hash earlier is complete.
func (s *Service) setPassword(ctx context.Context, setter PasswordSetter, u User, sid, current, next string) (err error) {
	held, err := s.limiter.change(ctx, u.ID, sid)
	if err != nil {
		return err
	}
	defer func() { held.settle(ctx, err) }()
	if done, err := s.limiter.changedBy(ctx, changeOf(u.ID, sid, u.PasswordHash, current, next)); err != nil || done {
		return err
	}
	// Ahead of strangers who guess: whoever asks has a session.
	ctx = password.WithLine(ctx, password.Line{Name: u.ID, Known: true})
	switch ok, err := s.cfg.Hasher.Check(ctx, u.PasswordHash, current); {
	case err != nil && !errors.Is(err, password.ErrUnsupported):
		return unavailable(err)
	case !ok:
		return api.ErrInvalidCredentials.With("The current password is not right.").Wrap(err)
	case next == current:
		return api.ErrInvalidRequest.With("The new password is the one that you have. Choose another one.")
	}
	if err := s.cfg.PasswordPolicy.Check(next, u.Login, s.cfg.Issuer); err != nil {
		return api.ErrInvalidRequest.With("The new password cannot be used: %v", err).Wrap(err)
	}
	phc, err := s.cfg.Hasher.Hash(ctx, next)
	if err != nil {
		return unavailable(err)
	}
	// From here on a closed page changes nothing: a new password without the end
	// of the other sessions would leave a thief signed in.
	ctx = context.WithoutCancel(ctx)
	s.limiter.noteChange(ctx, changeOf(u.ID, sid, phc, current, next))
	switch err := setter.SetPasswordHash(ctx, u.ID, u.PasswordHash, phc); {
	case errors.Is(err, ErrConflict), errors.Is(err, ErrNotFound):
		return api.ErrConflict.With("The password was changed by somebody else at the same moment.")
	case err != nil:
		return unavailable(err)
	}
	return nil
}

// renewed gives the kept session an access token that the mark does not cover.
func (s *Service) renewed(ctx context.Context, key SessionKey, u User) (api.Tokens, error) {
	rec, mark, err := s.cfg.Sessions.Get(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return api.Tokens{}, api.LoginRequired(api.ReasonUnknown)
	}
	if err != nil {
		return api.Tokens{}, unavailable(err)
	}
	now := s.now()
	if !rec.Live(mark, now) {
		return api.Tokens{}, api.LoginRequired(api.ReasonPasswordChanged)
	}
	return s.accessOnly(rec, u, now, "")
}

// NewUser is a user to create, with the password in clear.
type NewUser struct {
	Login    string
	Password string // empty: none, until a reset code sets one
	Roles    []string
	Claims   map[string]any
}

// CreateUser adds a user to Pawl's own table. ErrNotFound where the users are
// somebody else's; ErrInvalidRequest; ErrConflict if the login is taken.
func (s *Service) CreateUser(ctx context.Context, n NewUser) (User, error) {
	store, err := s.userStore()
	if err != nil {
		return User{}, err
	}
	if err := s.permit(ctx, "", &n.Roles); err != nil {
		return User{}, err
	}
	u, err := s.prepare(ctx, n)
	if err != nil {
		return User{}, err
	}
	ctx = context.WithoutCancel(ctx) // what is done is audited
	return u, s.created(ctx, u, store.CreateUser(ctx, u))
}

// OfferSetup gives a new one-time code for creating the first administrator, in
// place of any earlier one, or "" if there is an administrator, or no user
// table of Pawl's own.
func (s *Service) OfferSetup(ctx context.Context) (code string, err error) {
	store, ok := s.cfg.Users.(UserStore)
	if !ok {
		return "", nil
	}
	code = strings.ToLower(rand.Text()) // at least 128 bits
	open, err := store.OfferSetup(ctx, sha256.Sum256([]byte(code)))
	if err != nil {
		return "", unavailable(err)
	}
	if !open {
		return "", nil
	}
	return code, nil
}

// Setup creates the first administrator (SECURITY 44). ErrAccessDenied if the
// code is not good, or not any more; a fault in the rest leaves it good;
// ErrRateLimited after too many wrong ones from the address of WithActor. Nothing
// is hashed for a wrong one.
func (s *Service) Setup(ctx context.Context, code, login, pw string) (u User, err error) {
	store, err := s.userStore()
	if err != nil {
		return User{}, err
	}
	held, err := s.limiter.setup(ctx)
	if err != nil {
		return User{}, err
	}
	defer func() { held.settle(ctx, err) }()
	return s.first(ctx, store, code, NewUser{Login: login, Password: pw, Roles: []string{RoleAdmin}})
}

var badSetup = api.ErrAccessDenied.With("The setup code is not right or was used. Restart the server while there is no administrator, and it prints a new one.")

func (s *Service) first(ctx context.Context, store UserStore, code string, n NewUser) (User, error) {
	hash := sha256.Sum256([]byte(strings.ToLower(strings.TrimSpace(code))))
	switch err := store.CheckSetup(ctx, hash); {
	case errors.Is(err, ErrNotFound):
		return User{}, badSetup
	case err != nil:
		return User{}, unavailable(err)
	case n.Password == "":
		return User{}, api.ErrInvalidRequest.With("The password is missing.")
	}
	u, err := s.prepare(ctx, n)
	if err != nil {
		return User{}, err
	}
	ctx = context.WithoutCancel(ctx) // as in CreateUser
	err = store.CreateFirst(ctx, hash, u)
	if errors.Is(err, ErrNotFound) {
		return User{}, badSetup // another one was first
	}
	return u, s.created(ctx, u, err)
}

// prepare checks what a person chose and hashes the password.
func (s *Service) prepare(ctx context.Context, n NewUser) (User, error) {
	login, err := FoldLogin(n.Login)
	if err != nil {
		return User{}, err
	}
	u := User{ID: token.NewID(), Login: login, Roles: n.Roles, Claims: n.Claims}
	if err := u.check(); err != nil || n.Password == "" {
		return u, err
	}
	if err := s.cfg.PasswordPolicy.Check(n.Password, login, s.cfg.Issuer); err != nil {
		return User{}, api.ErrInvalidRequest.With("The password cannot be used: %v", err).Wrap(err)
	}
	if u.PasswordHash, err = s.cfg.Hasher.Hash(ctx, n.Password); err != nil {
		return User{}, unavailable(err)
	}
	return u, nil
}

func (s *Service) created(ctx context.Context, u User, err error) error {
	switch {
	case errors.Is(err, ErrConflict):
		return api.ErrConflict.With("The userId %s is taken.", u.Login)
	case err != nil:
		return unavailable(err)
	}
	s.emit(ctx, Event{At: time.Time{}, Kind: EventUserCreated, User: u.ID, Login: u.Login})
	return nil
}
