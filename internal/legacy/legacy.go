package legacy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pawlauth/pawl"
)

// Options say what the old system's tokens look like. Exactly one of Secret
// and JWKS must be set.
type Options struct {
	Secret []byte // of HS256, HS384 and HS512, as bytes; MinSecret at least
	JWKS   string // the old system's public keys: a file, or an https URL (http on this machine)

	Issuer       string // iss, exactly; empty: not checked
	Audience     string // one of aud; empty: not checked
	UserClaim    string // the claim that names the user; empty: sub
	RefreshClaim string // "name=value": a claim that only refresh tokens have; empty: none is asked for

	Redis    string // URL of the old system's Redis; empty: not asked
	RedisKey string // its key for a user's token, with {user} for the user

	Until time.Time        // old tokens are refused from then on; zero: never
	Now   func() time.Time // nil: time.Now
}

// MinSecret is the least length of a secret, in bytes. A shorter one can be
// found by trial from any one token, and then makes tokens for everybody
// (RFC 7518 §3.2).
const MinSecret = 32

// UserPart is what stands for the user in Options.RedisKey.
const UserPart = "{user}"

// Verifier is a pawl.LegacyVerifier.
type Verifier struct {
	o                     Options
	keys                  keySource
	claimName, claimValue string
	redis                 *redisStore // nil: none
}

var _ pawl.LegacyVerifier = (*Verifier)(nil)

// New checks the options. It reads a JWKS file, and connects to nothing: an old
// system that is down keeps nobody else from signing in. The error quotes no
// secret.
func New(o Options) (*Verifier, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.UserClaim == "" {
		o.UserClaim = "sub"
	}
	v := &Verifier{o: o}
	var err error
	if v.keys, err = newKeySource(o); err != nil {
		return nil, err
	}
	if o.RefreshClaim != "" {
		var ok bool
		if v.claimName, v.claimValue, ok = strings.Cut(o.RefreshClaim, "="); !ok || v.claimName == "" || v.claimValue == "" {
			return nil, errors.New("legacy: the claim of refresh tokens must be written name=value, such as type=refresh")
		}
	}
	if o.Redis != "" {
		if v.redis, err = newRedisStore(o); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func newKeySource(o Options) (keySource, error) {
	switch {
	case (len(o.Secret) > 0) == (o.JWKS != ""):
		return nil, errors.New("legacy: either a secret or a JWKS is needed")
	case o.JWKS != "":
		return newJWKS(o.JWKS, o.Now)
	case len(o.Secret) < MinSecret:
		return nil, fmt.Errorf("legacy: the secret has %d bytes; %d are the least", len(o.Secret), MinSecret)
	}
	return secretKey(o.Secret), nil
}

// Close ends the connections.
func (v *Verifier) Close() {
	if v.redis != nil {
		v.redis.close()
	}
}

// Verify implements pawl.LegacyVerifier.
func (v *Verifier) Verify(ctx context.Context, compact string) (pawl.LegacyToken, error) {
	if !v.o.Until.IsZero() && !v.o.Now().Before(v.o.Until) {
		return pawl.LegacyToken{}, refuse("moving in is over")
	}
	t, err := parse(compact)
	if err != nil {
		return pawl.LegacyToken{}, err
	}
	keys, err := v.keys.keys(ctx, t.header)
	if err != nil {
		return pawl.LegacyToken{}, err
	}
	if err := t.verify(keys); err != nil {
		return pawl.LegacyToken{}, err
	}
	return v.read(t)
}

// read judges what an authentic token says.
func (v *Verifier) read(t *jws) (pawl.LegacyToken, error) {
	none := pawl.LegacyToken{}
	c := claims(t.claims)
	switch {
	case v.o.Issuer != "" && c["iss"] != v.o.Issuer:
		return none, refuse("another issuer")
	case v.o.Audience != "" && !c.audience(v.o.Audience):
		return none, refuse("another audience")
	case v.claimName != "" && c.text(v.claimName) != v.claimValue:
		return none, refuse("the claim of refresh tokens is missing or different")
	}
	user := c.text(v.o.UserClaim)
	if user == "" || len(user) > maxUser {
		return none, refuse("the user's claim is missing or cannot be one")
	}
	out := pawl.LegacyToken{User: user, Secret: t.secret()}
	var err error
	for _, m := range []struct {
		name string
		to   *time.Time
	}{{"iat", &out.Issued}, {"exp", &out.Expires}, {"auth_time", &out.AuthTime}} {
		if *m.to, err = c.time(m.name); err != nil {
			return none, err
		}
	}
	nbf, err := c.time("nbf")
	switch {
	case err != nil:
		return none, err
	case out.Expires.IsZero():
		return none, refuse("exp is missing")
	case v.o.Now().Add(leeway).Before(nbf):
		return none, refuse("nbf lies in the future")
	}
	return out, nil
}

// leeway is how far the old system's clock may be ahead.
const leeway = time.Minute

// Current implements pawl.LegacyVerifier. Without a Redis the token alone
// counts, as in a system that keeps none.
func (v *Verifier) Current(ctx context.Context, t pawl.LegacyToken, compact string) (bool, error) {
	if v.redis == nil {
		return true, nil
	}
	return v.redis.holds(ctx, t.User, compact)
}

// refuse gives an error that says why, and nothing of the token.
func refuse(why string) error { return fmt.Errorf("%w: %s", pawl.ErrNotLegacy, why) }
