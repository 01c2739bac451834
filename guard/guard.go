package guard

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// Issuer is where keys and revocations come from. Both methods answer from
// memory, at every check; the issuer keeps what they give current.
// *pawl.Service is one, in the same process.
type Issuer interface {
	// KeySet gives the keys that are accepted now: the same pointer as long as
	// they have not changed. Never nil.
	KeySet() *token.KeySet
	// Revoked gives the live set of what was ended: always the same one.
	Revoked() *token.Revoked
}

// A follower is an Issuer elsewhere, whose picture may be old: *RemoteIssuer.
type follower interface {
	// Fresh is nil while tokens may be accepted, or else ErrUnavailable.
	Fresh(now time.Time) error
	// Unknown says what a token is whose key is not in the set; nil: look again.
	Unknown(now time.Time) error
}

// DefaultCacheSize is how many verified tokens a Guard remembers.
const DefaultCacheSize = 10_000

// Options of New. Issuer and Audience must be set.
type Options struct {
	Issuer   string        // the iss that tokens must carry
	Audience []string      // one of them must be in a token's aud; elsewhere than at the issuer never api.AdminAudience
	Leeway   time.Duration // how far this machine's clock may be ahead of the issuer's; at most 60 s
	// CacheSize is how many verified tokens are remembered; 0: DefaultCacheSize;
	// negative: none. A token takes about 1.5 KB.
	CacheSize int
	Now       func() time.Time // nil: time.Now
	// OnRefused is told why Required refused a request, or Optional took one for a
	// stranger's though it brought something: err's text has the cause, such as
	// another audience, which the answer keeps to itself. It is called concurrently
	// and must be quick; nil: nobody is told.
	OnRefused func(r *http.Request, err error)
}

// Guard checks access tokens. It is safe for concurrent use.
type Guard struct {
	src      Issuer
	verifier token.AccessVerifier
	now      func() time.Time
	told     func(*http.Request, error)
	follows  follower // nil for an issuer in the same process
	// verified holds tokens that were checked in full before. Only they enter
	// it, so garbage can neither fill nor flush it.
	verified *otter.Cache[string, *verified]
}

// verified is a token that passed every check that does not change with time.
type verified struct {
	access token.Access
	keys   *token.KeySet // the set that vouched for it
	// clear is the version of the revocations, plus one, at which nothing had
	// ended it: while that stands, there is nothing to look up.
	clear atomic.Uint64
}

// New makes a guard. An empty issuer or audience is an error: it would accept
// tokens that were made for somebody else (SECURITY 10).
func New(src Issuer, o Options) (*Guard, error) {
	switch {
	case src == nil:
		return nil, errors.New("guard: an issuer of keys and revocations is needed")
	case o.Issuer == "":
		return nil, errors.New("guard: Options.Issuer is missing: the iss that tokens must carry")
	case len(o.Audience) == 0:
		return nil, errors.New("guard: Options.Audience is missing: whom tokens must be for")
	case o.Leeway < 0 || o.Leeway > time.Minute:
		return nil, errors.New("guard: Options.Leeway must be from 0 to 60 s")
	}
	g := &Guard{
		src:      src,
		verifier: token.AccessVerifier{Issuer: o.Issuer, Audience: o.Audience, Leeway: o.Leeway},
		now:      o.Now,
		told:     o.OnRefused,
	}
	g.follows, _ = src.(follower)
	if admin := api.AdminAudience(o.Issuer); g.follows != nil && slices.Contains(o.Audience, admin) {
		return nil, fmt.Errorf("guard: Options.Audience must not hold %q: tokens for the administration are for the issuer alone, and this service could administer with them", admin)
	}
	if g.now == nil {
		g.now = time.Now
	}
	if g.told == nil {
		g.told = func(*http.Request, error) {}
	}
	size := o.CacheSize
	if size == 0 {
		size = DefaultCacheSize
	}
	if size > 0 {
		cache, err := otter.New(&otter.Options[string, *verified]{MaximumSize: size})
		if err != nil {
			return nil, err
		}
		g.verified = cache
	}
	return g, nil
}

// Check verifies an access token and that nothing has ended it. The result is
// shared with other callers: it must not be changed. Errors: ErrTokenExpired;
// ErrLoginRequired with the reason, where the token was ended; ErrInvalidToken
// for everything else; ErrUnavailable where a remote issuer was not heard of for
// so long that it cannot be known.
func (g *Guard) Check(bearer string) (*token.Access, error) {
	now := g.now()
	v, err := g.verify(bearer, now)
	if err != nil {
		return nil, err
	}
	if err := g.ended(v); err != nil {
		return nil, err
	}
	if g.follows != nil {
		if err := g.follows.Fresh(now); err != nil {
			return nil, err
		}
	}
	return &v.access, nil
}

// ended says whether something has ended the token's session.
func (g *Guard) ended(v *verified) error {
	revoked := g.src.Revoked()
	version := revoked.Version() + 1
	if v.clear.Load() == version {
		return nil
	}
	if r, ended := revoked.Covers(&v.access); ended {
		return api.LoginRequired(r.Reason)
	}
	v.clear.Store(version)
	return nil
}

// verify is the check but for revocation: from memory (warm) where the same
// token passed before under the same keys, in full (cold) otherwise.
func (g *Guard) verify(bearer string, now time.Time) (*verified, error) {
	keys := g.src.KeySet()
	if v := g.remembered(bearer, keys); v != nil {
		if !now.Before(v.access.Expires.Add(g.verifier.Leeway)) {
			g.verified.Invalidate(bearer)
			return nil, api.ErrTokenExpired
		}
		if !now.Before(v.access.NotBefore.Add(-g.verifier.Leeway)) {
			return v, nil
		}
	}
	a, err := g.verifier.Verify(keys, bearer, now)
	if g.follows != nil && errors.Is(err, token.ErrUnknownKey) {
		if err := g.follows.Unknown(now); err != nil {
			return nil, err
		}
		keys = g.src.KeySet()
		a, err = g.verifier.Verify(keys, bearer, now)
	}
	if err != nil {
		return nil, wireError(err)
	}
	v := &verified{access: a, keys: keys}
	if g.verified != nil {
		g.verified.Set(bearer, v)
	}
	return v, nil
}

func (g *Guard) remembered(bearer string, keys *token.KeySet) *verified {
	if g.verified == nil {
		return nil
	}
	if v, ok := g.verified.GetIfPresent(bearer); ok && v.keys == keys {
		return v
	}
	return nil
}

func wireError(err error) error {
	if errors.Is(err, token.ErrExpired) {
		return api.ErrTokenExpired.Wrap(err)
	}
	return api.ErrInvalidToken.Wrap(err)
}
