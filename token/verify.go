package token

import (
	"slices"
	"time"
)

const maxLeeway = 60 * time.Second

var (
	errAudience = refuse("aud names none of the expected audiences")
	errNotYet   = refuse("nbf lies in the future")
)

// An AccessVerifier is what a resource server expects of an access token. Copy
// it freely; do not change it while in use.
type AccessVerifier struct {
	// Issuer must equal iss exactly, byte for byte.
	Issuer string

	// Audience is the names this resource server answers to; one of them must
	// be in aud. Empty is a mistake: a token for another service would do, so
	// every token is refused.
	Audience []string

	// Leeway tolerates clocks that differ, on exp and nbf. Zero is none, more
	// than 60 s counts as 60 s, less than zero as zero.
	Leeway time.Duration
}

// Verify checks an access token as RFC 9068 section 4 asks and returns its
// claims: size and form, header, signature under one of keys, every claim, the
// issuer, the audience, and then the time: it is expired when
// now >= exp + leeway.
//
// Errors: [ErrExpired] for a token that is right but for its age; everything
// else matches [ErrInvalid], and [ErrUnknownKey] too when the key set does not
// have its kid. Verify knows nothing of revocations: see [Revoked].
func (v *AccessVerifier) Verify(keys *KeySet, compact string, now time.Time) (Access, error) {
	if v.Issuer == "" || len(v.Audience) == 0 {
		return Access{}, errVerifier
	}
	payload, err := keys.open(compact, typAccess, maxAccess)
	if err != nil {
		return Access{}, err
	}
	a, err := parseAccess(payload)
	if err == nil {
		err = v.judge(&a, now)
	}
	if err != nil {
		return Access{}, err
	}
	return a, nil
}

// judge compares authentic claims with what is expected. Expiry comes last, so
// that ErrExpired speaks of nothing but time.
func (v *AccessVerifier) judge(a *Access, now time.Time) error {
	leeway := min(max(v.Leeway, 0), maxLeeway)
	switch {
	case a.Issuer != v.Issuer:
		return errIssuer
	case !slices.ContainsFunc(a.Audience, v.expects):
		return errAudience
	case now.Add(leeway).Before(a.NotBefore):
		return errNotYet
	case !now.Before(a.Expires.Add(leeway)):
		return ErrExpired
	}
	return nil
}

func (v *AccessVerifier) expects(aud string) bool {
	return aud != "" && slices.Contains(v.Audience, aud)
}
