package pawl

import (
	"context"
	"errors"
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// ErrNotLegacy is what a LegacyVerifier answers to what is no authentic refresh
// token of the old system.
var ErrNotLegacy = errors.New("pawl: not a refresh token of the old system")

// LegacyVerifier knows the refresh tokens of the system that Pawl takes the
// place of, so that its people move in without signing in again. Methods are
// safe for concurrent use. An error other than ErrNotLegacy means that the
// answer is not known: the caller sends 503 and nothing is lost.
type LegacyVerifier interface {
	// Verify checks the form, the signature and whatever else makes a refresh
	// token of the old system, but not its age: a used token that comes back is
	// noticed however old it is. ErrNotLegacy if it is none; such an error quotes
	// nothing of the token.
	Verify(ctx context.Context, compact string) (LegacyToken, error)

	// Current reports whether the old system itself would still take the token
	// that Verify made t of. It is asked before a token's first use only, and
	// changes nothing there.
	Current(ctx context.Context, t LegacyToken, compact string) (bool, error)
}

// LegacyToken is what an authentic refresh token of the old system says.
type LegacyToken struct {
	User string // whose it is: an ID of Users, or a login; nobody's if those are two people
	// Secret follows from the token and from nothing else, and cannot be guessed
	// without it: it becomes the session's secret. Whatever is the same token to
	// the verifier has the same secret, in every spelling; otherwise one token
	// could be used twice.
	Secret   [16]byte
	Issued   time.Time // zero: not said
	Expires  time.Time
	AuthTime time.Time // when the person proved who they are; zero: not said
}

// An oldToken is a token of the old system with whom it is taken to be, and
// when, by Pawl's policy. It is generation 0 of a session of Pawl's, whose
// record is made, at generation 1, by the token's first use. From then on the
// rotation rule alone judges it: row 6 answers a sibling tab and a lost reply,
// row 7 whoever comes later.
type oldToken struct {
	LegacyToken
	compact string
	user    User
	found   bool      // whether user is somebody
	issued  time.Time // as it says or, where it does not, as early as it can have been
	auth    time.Time
	dies    time.Time // not good for a first use from then on
}

func (o *oldToken) key() SessionKey {
	return SessionKey{User: o.user.ID, ID: token.SessionID(o.Secret)}
}

// presented is the token as the rotation rule sees it.
func (o *oldToken) presented() token.Refresh {
	return token.Refresh{
		Subject: o.user.ID, Secret: o.Secret, Generation: 0,
		Issued: o.issued, Expires: o.dies, End: o.dies, AuthTime: o.auth,
	}
}

// oldToken verifies a token of the old system: ErrInvalidToken if it is none.
func (s *Service) oldToken(ctx context.Context, compact string) (*oldToken, error) {
	t, err := s.cfg.Legacy.Verify(ctx, compact)
	if errors.Is(err, ErrNotLegacy) {
		return nil, api.ErrInvalidToken.Wrap(err)
	}
	if err != nil {
		return nil, unavailable(err)
	}
	o := &oldToken{LegacyToken: t, compact: compact}
	o.judgeAge(s.cfg.Policy)
	if o.issued.After(s.now().Add(leeway)) {
		return nil, api.ErrInvalidToken.With("The token of the old system was issued in the future, or lives for longer than refresh_ttl and does not say when it was issued.")
	}
	if o.user, o.found, err = s.oldUser(ctx, t.User); err != nil {
		return nil, unavailable(err)
	}
	return o, nil
}

// judgeAge finds how long the token is good: no longer than a session of
// Pawl's that was signed in, and left alone, when the token was issued. So the
// record that its first use makes, which lasts for that time from the use, is
// never swept away while the token is good, and nothing makes it good again.
//
// A token that does not say when it was issued counts as issued as early as
// one that dies when it does can have been. An end of the user's sessions then
// ends it too, perhaps needlessly.
func (o *oldToken) judgeAge(p Policy) {
	o.issued = o.Issued.UTC().Truncate(time.Second)
	if o.Issued.IsZero() {
		o.issued = o.Expires.Add(-p.RefreshTTL).UTC().Truncate(time.Second)
	}
	o.auth = o.issued
	if !o.AuthTime.IsZero() {
		o.auth = earlier(o.issued, o.AuthTime.UTC().Truncate(time.Second))
	}
	o.dies = earlier(o.Expires, earlier(o.issued.Add(p.RefreshTTL), o.auth.Add(p.SessionTTL)))
}

// oldUser finds the user by ID or by login. It is nobody where those are two
// people: the old system meant one of them, and an account is not for guessing.
func (s *Service) oldUser(ctx context.Context, name string) (User, bool, error) {
	u, found, err := s.users.byID(ctx, name)
	if err != nil {
		return User{}, false, err
	}
	login, err := FoldLogin(name)
	if err != nil {
		return u, found, nil //nolint:nilerr // what cannot be a login is nobody's
	}
	other, err := s.cfg.Users.ByLogin(ctx, login)
	switch {
	case errors.Is(err, ErrNotFound):
		return u, found, nil
	case err != nil || found && u.ID != other.ID:
		return User{}, false, err
	}
	return other, true, nil
}
