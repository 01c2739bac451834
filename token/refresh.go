package token

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Refresh is the claims of a refresh token. Times are whole seconds, UTC. It
// prints without its secret.
type Refresh struct {
	Issuer     string    // iss
	Subject    string    // sub: the user
	Secret     [16]byte  // sec: made at sign-in, never stored
	Generation uint64    // gen: counts rotations, at most 2^53-1
	Issued     time.Time // iat
	Expires    time.Time // exp: informs the client only
	End        time.Time // end: when the session ends for good
	AuthTime   time.Time // auth_time: when the user signed in
}

// NewSecret returns 128 bits from crypto/rand: a new session's secret.
func NewSecret() (s [16]byte) {
	rand.Read(s[:])
	return s
}

// NewID returns 128 bits from crypto/rand, base64url, 22 characters: a jti or a
// user id.
func NewID() string {
	s := NewSecret()
	return b64.EncodeToString(s[:])
}

// SessionID returns the public id of the session with this secret: the first
// 128 bits of its SHA-256, base64url, 22 characters. The store and access
// tokens hold the id; neither tells the secret.
func SessionID(secret [16]byte) string {
	sum := sha256.Sum256(secret[:])
	return b64.EncodeToString(sum[:16])
}

// SessionID returns the public id of r's session.
func (r Refresh) SessionID() string { return SessionID(r.Secret) }

// String shows the session and generation, not the secret.
func (r Refresh) String() string {
	return fmt.Sprintf("token.Refresh(sub %q sid %s gen %d)", r.Subject, r.SessionID(), r.Generation)
}

// GoString shows the session and generation, not the secret.
func (r Refresh) GoString() string { return r.String() }

// Format shows the session and generation, not the secret, under every verb.
func (r Refresh) Format(f fmt.State, _ rune) { fmt.Fprint(f, r.String()) }

// LogValue shows the session and generation, not the secret.
func (r Refresh) LogValue() slog.Value { return slog.StringValue(r.String()) }

// MarshalJSON refuses: a refresh token leaves the process signed or not at all.
func (r Refresh) MarshalJSON() ([]byte, error) {
	return nil, errors.New("token: refresh claims are not marshalled; sign them")
}

// SignRefresh returns the compact refresh token of r, times floored to seconds.
// The same key and claims give the same bytes, always: a generation can be sent
// again without having been kept. The signing key must be an HS256 key, and
// should sign nothing else.
func (s *KeySet) SignRefresh(r Refresh) (string, error) {
	if s.signing == nil || s.signing.alg != HS256 {
		return "", errors.New("token: refresh tokens are signed with an HS256 key of their own")
	}
	if r.Issuer == "" || r.Subject == "" {
		return "", errors.New("token: refresh token without issuer or subject")
	}
	payload, err := r.marshal()
	if err != nil {
		return "", err
	}
	return s.seal(s.signing.refreshHeader, payload, maxRefresh)
}

func (r *Refresh) marshal() ([]byte, error) {
	w := writer{b: make([]byte, 0, 256)}
	w.text("iss", r.Issuer)
	w.text("sub", r.Subject)
	w.text("sec", b64.EncodeToString(r.Secret[:]))
	w.uint("gen", r.Generation)
	w.time("iat", r.Issued)
	w.time("exp", r.Expires)
	w.time("end", r.End)
	w.time("auth_time", r.AuthTime)
	return w.end()
}

// A RefreshVerifier is what the issuer expects of its own refresh tokens.
type RefreshVerifier struct {
	// Issuer must equal iss exactly. Empty is a mistake, and refuses all.
	Issuer string
}

// Verify checks the form, the signature and the issuer of a refresh token and
// returns its claims. It never judges exp: whether the session still lives is
// the record's to say, and a thief's rotation must be noticed however old the
// victim's token is. Every error matches [ErrInvalid].
func (v *RefreshVerifier) Verify(keys *KeySet, compact string) (Refresh, error) {
	if v.Issuer == "" {
		return Refresh{}, errVerifier
	}
	payload, err := keys.open(compact, typRefresh, maxRefresh)
	if err != nil {
		return Refresh{}, err
	}
	r, err := parseRefresh(payload)
	if err == nil && r.Issuer != v.Issuer {
		err = errIssuer
	}
	if err != nil {
		return Refresh{}, err
	}
	return r, nil
}

const refreshClaims = 8

// parseRefresh reads exactly the eight claims of a refresh token. As names are
// not repeated and none is unknown, eight of them are all of them.
func parseRefresh(payload string) (t Refresh, err error) {
	r := claimReader{scanner: scanner{s: payload}}
	o := object{p: &r.scanner}
	if err := o.open(); err != nil {
		return t, err
	}
	for {
		name, more, err := o.next()
		if err != nil {
			return t, err
		}
		if !more {
			break
		}
		if t.read(name, &r); r.err != nil {
			return t, r.err
		}
	}
	if o.seen != refreshClaims {
		return t, errClaimMissing
	}
	return t, r.end()
}

func (r *Refresh) read(name string, c *claimReader) {
	switch name {
	case "iss":
		c.text(&r.Issuer)
	case "sub":
		c.text(&r.Subject)
	case "sec":
		c.secret(&r.Secret)
	case "gen":
		r.Generation, c.err = c.uint()
	case "iat":
		c.time(&r.Issued)
	case "exp":
		c.time(&r.Expires)
	case "end":
		c.time(&r.End)
	case "auth_time":
		c.time(&r.AuthTime)
	default:
		c.err = errClaimUnknown
	}
}

func (r *claimReader) secret(dst *[16]byte) {
	var s string
	if r.text(&s); r.err != nil {
		return
	}
	if len(s) != b64.EncodedLen(len(dst)) {
		r.err = errSecret
		return
	}
	_, r.err = decodeSegment(dst[:0], s)
}
