package pawl

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/password"
	"github.com/pawlauth/pawl/token"
)

// SignIn is what a person brings to sign in.
type SignIn struct {
	Login, Password string
	Client          Client
	// Replaces is the refresh token of the session that the same browser had
	// before, if any: it is ended, so that no session is left behind unseen.
	Replaces string
}

// Login checks a user's password and starts a session. ErrInvalidCredentials
// for an unknown login and for a wrong password alike, after the same work
// (SECURITY 41); ErrLoginRequired with reason disabled only once the password
// was right; ErrRateLimited while there are too many failures, or too many
// sign-ins to the account (Config.Throttle).
func (s *Service) Login(ctx context.Context, in SignIn) (api.Tokens, error) {
	login, err := FoldLogin(in.Login)
	if err != nil {
		return api.Tokens{}, err
	}
	held, err := s.limiter.signIn(ctx, login, in.Client.Address)
	if err != nil {
		s.emit(ctx, Event{Kind: EventSignInFailed, Reason: api.AsError(err).Code, Client: in.Client})
		return api.Tokens{}, err
	}
	line := s.limiter.line(ctx, in.Client.Address)
	u, mark, err := s.proven(password.WithLine(ctx, line), held, login, in)
	if err != nil {
		return api.Tokens{}, err
	}
	t, err := s.beginLimited(ctx, u, mark, in.Client)
	if err != nil {
		s.signInFailed(ctx, u, in, err)
		return api.Tokens{}, err
	}
	s.limiter.know(ctx, login, in.Client.Address)
	s.endReplaced(ctx, in.Replaces)
	return t, nil
}

// beginLimited is begin for as many sign-ins as an account may make.
func (s *Service) beginLimited(ctx context.Context, u User, mark Mark, c Client) (t api.Tokens, err error) {
	held, err := s.limiter.succeed(ctx, u.ID)
	if err != nil {
		return api.Tokens{}, err
	}
	begun := false
	defer func() { held.end(ctx, !begun) }()
	t, err = s.begin(ctx, u, mark, c)
	begun = err == nil
	return t, err
}

// proven returns the user whose password it is, and settles the try. Where that is
// guarded, each outcome that is refused took the same calls.
func (s *Service) proven(ctx context.Context, held hold, login string, in SignIn) (u User, mark Mark, err error) {
	defer func() { held.settle(ctx, err) }()
	known := false
	if held.guarded != nil {
		if known, err = s.limiter.isKnown(ctx, login, in.Client.Address); err != nil {
			return User{}, Mark{}, unavailable(err)
		}
	}
	u, mark, err = s.userForLogin(ctx, login)
	if err != nil {
		return User{}, Mark{}, unavailable(err)
	}
	err = held.judge(known, s.checkPassword(ctx, u, login, in.Password, held.guarded == nil))
	if err != nil {
		s.signInFailed(ctx, u, in, err)
		return User{}, Mark{}, err
	}
	return u, mark, nil
}

// signInFailed says why: by the reason, or the code where there is none.
func (s *Service) signInFailed(ctx context.Context, u User, in SignIn, err error) {
	e := api.AsError(err)
	s.emit(ctx, Event{Kind: EventSignInFailed, User: u.ID, Login: u.Login, Reason: cmp.Or(e.Reason, e.Code), Client: in.Client})
}

// userForLogin reads the mark before what the password is checked against, so
// that a ban or a password change in between is seen by Create. Nobody is the
// zero User.
func (s *Service) userForLogin(ctx context.Context, login string) (User, Mark, error) {
	u, err := s.cfg.Users.ByLogin(ctx, login)
	if errors.Is(err, ErrNotFound) {
		// The ID of nobody: the same reads follow as for somebody, whose time a
		// stranger could otherwise measure (SECURITY 41).
		u, err = User{ID: token.NewID()}, nil
	}
	if err != nil {
		return User{}, Mark{}, err
	}
	mark, err := s.markFor(ctx, u.ID)
	if err != nil {
		return User{}, Mark{}, err
	}
	u, _, err = freshUser(ctx, s.cfg.Users, u.ID)
	return u, mark, err
}

// freshUser reads a user past the cache; the zero User and false for nobody.
func freshUser(ctx context.Context, users Users, id string) (User, bool, error) {
	u, err := users.ByID(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return User{}, false, nil
	}
	return u, err == nil, err
}

// checkPassword upgrades a weak hash on the way where it may; that failing fails
// nothing. Where there is no hash to check, it does the work of one that might be
// there.
func (s *Service) checkPassword(ctx context.Context, u User, login, pw string, upgrade bool) error {
	hash := u.PasswordHash
	unsupported := password.Recognised(hash)
	if unsupported != nil {
		hash = s.decoys.of(login)
	}
	check := s.cfg.Hasher.Verify
	if !upgrade {
		check = func(ctx context.Context, hash, pw string) (ok bool, upgraded string, err error) {
			ok, err = s.cfg.Hasher.Check(ctx, hash, pw)
			return ok, "", err
		}
	}
	ok, upgraded, err := check(ctx, hash, pw)
	switch {
	case err != nil:
		return unavailable(err)
	case unsupported != nil && u.PasswordHash != "":
		return api.ErrInvalidCredentials.Wrap(unsupported)
	case !ok:
		return api.ErrInvalidCredentials
	}
	if setter, can := s.cfg.Users.(PasswordSetter); can && upgraded != "" {
		if setter.SetPasswordHash(ctx, u.ID, u.PasswordHash, upgraded) == nil {
			s.emit(ctx, Event{Kind: EventPasswordUpgraded, User: u.ID})
		}
	}
	return nil
}

// Start starts a session for a person whom the caller has authenticated by
// other means. ErrNotFound if Users does not know the ID; ErrAccessDenied as in
// UpdateUser.
func (s *Service) Start(ctx context.Context, userID string, c Client) (api.Tokens, error) {
	mark, err := s.markFor(ctx, userID)
	if err != nil {
		return api.Tokens{}, unavailable(err)
	}
	// After the mark: whoever becomes an administrator from here on gets a new
	// one, which Create sees.
	if err := s.permit(ctx, userID, nil); err != nil {
		return api.Tokens{}, err
	}
	u, found, err := freshUser(ctx, s.cfg.Users, userID)
	if err != nil {
		return api.Tokens{}, unavailable(err)
	}
	if !found {
		return api.Tokens{}, api.ErrNotFound.With("There is no user with this ID.")
	}
	return s.begin(ctx, u, mark, c)
}

// begin makes the session of a person who has proved who they are (SECURITY
// 46: a new one at every sign-in).
func (s *Service) begin(ctx context.Context, u User, mark Mark, c Client) (api.Tokens, error) {
	if u.Disabled {
		return api.Tokens{}, api.LoginRequired(api.ReasonDisabled)
	}
	if err := s.stampable(ctx, mark); err != nil {
		return api.Tokens{}, unavailable(err)
	}
	now := s.now()
	secret := token.NewSecret()
	ends := now.Add(s.cfg.Policy.SessionTTL)
	rec := Session{
		SessionKey: SessionKey{User: u.ID, ID: token.SessionID(secret)},
		Created:    now, Rotated: now, Opened: now,
		IdleExpires: earlier(now.Add(s.cfg.Policy.RefreshTTL), ends),
		Ends:        ends,
		AuthTime:    authTime(now, mark),
		Client:      c,
	}
	evicted, err := s.cfg.Sessions.Create(ctx, rec, mark, s.cfg.SessionsPerUser)
	if errors.Is(err, ErrEnded) {
		return api.Tokens{}, s.raced(ctx, &rec, mark)
	}
	if err != nil {
		return api.Tokens{}, unavailable(err)
	}
	for _, e := range evicted {
		s.noteEnd(ctx, endOfSession(e.SessionKey, api.ReasonSessionLimit, now), c)
	}
	s.emit(ctx, Event{At: now, Kind: EventSignIn, User: u.ID, Session: rec.ID, Client: c})
	return s.pair(rec, secret, u, now, "")
}

// markFor is the mark that a sign-in must be later than: the store's, and what
// this node knows besides, which the store may have lost.
func (s *Service) markFor(ctx context.Context, user string) (Mark, error) {
	if err := s.endsApplied(ctx); err != nil { // before the mark, which they move
		return Mark{}, err
	}
	var known time.Time
	for now := s.now().Truncate(time.Second); ; now = known.Add(time.Second) {
		r, ended := s.revoked.Covers(&token.Access{Subject: user, AuthTime: now})
		if !ended {
			break
		}
		known = r.NotBefore
	}
	mark, err := s.cfg.Sessions.Mark(ctx, user)
	if known.After(mark.NotBefore) {
		mark.NotBefore = known
	}
	return mark, err
}

// raced says why a sign-in lost against an end of the user's sessions. An end
// from before the sign-in, which nodes apply again to a store that has just lost
// it, is no reason to refuse: the next try will see it. Nor is one that the store
// has lost just now.
func (s *Service) raced(ctx context.Context, rec *Session, seen Mark) error {
	mark, err := s.cfg.Sessions.Mark(ctx, rec.User)
	if err != nil {
		return unavailable(err)
	}
	if mark.Version < seen.Version || !mark.Covers(rec.AuthTime) && s.memory.lostLately(s.elapsed()) {
		return unavailable(ErrEnded)
	}
	return api.LoginRequired(mark.Reason)
}

func (s *Service) endReplaced(ctx context.Context, refreshToken string) {
	if refreshToken == "" {
		return
	}
	// Best effort: the sign-in has succeeded, and a cookie that is not ours
	// has no session to end.
	_ = s.Logout(ctx, api.ReissueRequest{RefreshToken: refreshToken})
}
