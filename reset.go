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
)

// ResetOffer is a one-time code that sets a password: a secret for the user
// alone. It prints as "[reset offer]".
type ResetOffer struct {
	Code    string // 26 characters, 130 random bits
	Expires time.Time
}

func (ResetOffer) String() string   { return "[reset offer]" }
func (ResetOffer) GoString() string { return "[reset offer]" }

// OfferReset makes a one-time code with which the user sets a password, in place
// of any earlier one of theirs. An administrator never learns or chooses a
// password (SECURITY 59). ErrNotFound; ErrAccessDenied as in UpdateUser.
func (s *Service) OfferReset(ctx context.Context, id string) (ResetOffer, error) {
	store, err := s.userStore()
	if err != nil {
		return ResetOffer{}, err
	}
	if err := s.permit(ctx, id, nil); err != nil {
		return ResetOffer{}, err
	}
	o := NewResetOffer(s.now().Add(s.cfg.ResetTTL))
	ctx = context.WithoutCancel(ctx) // what is done is audited
	switch err := store.OfferReset(ctx, id, ResetHash(o.Code), o.Expires); {
	case errors.Is(err, ErrNotFound):
		return ResetOffer{}, noUser
	case err != nil:
		return ResetOffer{}, unavailable(err)
	}
	// Once more: whoever became an administrator meanwhile may have done so before
	// the code was kept, which then is not void. Nobody gets to know it.
	if err := s.permit(ctx, id, nil); err != nil {
		return ResetOffer{}, err
	}
	s.emit(ctx, Event{Kind: EventResetOffered, User: id})
	return o, nil
}

// NewResetOffer makes a code, to be given to UserStore.OfferReset by its hash.
func NewResetOffer(expires time.Time) ResetOffer {
	return ResetOffer{Code: strings.ToLower(rand.Text()), Expires: expires}
}

// ResetHash is what is kept of a code.
func ResetHash(code string) [32]byte {
	return sha256.Sum256([]byte(strings.ToLower(strings.TrimSpace(code))))
}

// ResetPassword sets the password of whoever the code was made for, and ends all
// of their sessions; they sign in with it afterwards. A fault leaves the code
// good, and sending the same request again after a failure completes it.
// ErrAccessDenied if the code is unknown, spent or expired; ErrInvalidRequest if
// the password is not acceptable; ErrRateLimited after too many wrong codes from
// the address of WithActor, or too many wrong passwords with a spent one.
func (s *Service) ResetPassword(ctx context.Context, code, next string) error {
	store, err := s.userStore()
	if err != nil {
		return err
	}
	u, err := s.reset(ctx, store, ResetHash(code), next)
	if err != nil {
		if errors.Is(err, api.ErrAccessDenied) {
			s.emit(ctx, Event{Kind: EventResetRefused, Reason: api.CodeAccessDenied})
		}
		return err
	}
	if _, err := s.endUser(ctx, u.ID, "", api.ReasonPasswordChanged); err != nil {
		return err
	}
	s.emit(ctx, Event{Kind: EventPasswordReset, User: u.ID, Login: u.Login})
	return nil
}

var badReset = api.ErrAccessDenied.With("The code is not right, was used or has expired. Ask for a new one.")

func (s *Service) reset(ctx context.Context, store UserStore, code [32]byte, next string) (u User, err error) {
	held, err := s.limiter.setup(ctx)
	if err != nil {
		return User{}, err
	}
	defer func() { held.settle(ctx, err) }()
	r, err := store.ResetOf(ctx, code, s.now())
	switch {
	case errors.Is(err, ErrNotFound):
		return User{}, badReset
	case err != nil:
		return User{}, unavailable(err)
	}
	if r.Spent {
		return r.User, s.resetAlready(ctx, r.User, next)
	}
	if err := s.cfg.PasswordPolicy.Check(next, r.User.Login, s.cfg.Issuer); err != nil {
		return User{}, api.ErrInvalidRequest.With("The new password cannot be used: %v", err).Wrap(err)
	}
	phc, err := s.cfg.Hasher.Hash(ctx, next)
	if err != nil {
		return User{}, unavailable(err)
	}
	// From here on a closed page changes nothing, as in setPassword.
	switch err := store.ResetPassword(context.WithoutCancel(ctx), code, s.now(), phc); {
	case errors.Is(err, ErrNotFound):
		return User{}, badReset // somebody else was first
	case err != nil:
		return User{}, unavailable(err)
	}
	return r.User, nil
}

// resetAlready lets a repeated request pass, whose answer was lost, or after
// which the sessions were not ended: it brings the password that was set. A
// spent code, found in an old mail, is none to try passwords with (SECURITY 42).
func (s *Service) resetAlready(ctx context.Context, u User, next string) (err error) {
	held, err := s.limiter.change(ctx, u.ID, "reset")
	if err != nil {
		return err
	}
	defer func() { held.settle(ctx, err) }()
	switch ok, err := s.cfg.Hasher.Check(ctx, u.PasswordHash, next); {
	case err != nil && !errors.Is(err, password.ErrUnsupported):
		return unavailable(err)
	case !ok:
		return badReset
	}
	return nil
}
