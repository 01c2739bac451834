package token

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Access is the claims of an access token (RFC 9068 section 2.2). Times are
// whole seconds, UTC.
type Access struct {
	Issuer    string   // iss
	Subject   string   // sub: the user
	ClientID  string   // client_id
	SessionID string   // sid
	ID        string   // jti: this token
	Audience  []string // aud: at least one
	Roles     []string // roles: none is an empty array

	Issued    time.Time // iat
	Expires   time.Time // exp: refused from this second on
	NotBefore time.Time // nbf: zero when the token has none
	AuthTime  time.Time // auth_time: when the user signed in

	// Extra are the claims the user table adds. Registered names, in any case,
	// cannot be among them. Read back, numbers are float64, arrays []any and
	// objects map[string]any; integers beyond ±(2^53-1) are refused at signing
	// (write them as strings). nil when there are none.
	Extra map[string]any
}

// SignAccess returns the compact access token of a, times floored to seconds.
// It refuses claims that [AccessVerifier.Verify] would refuse: a required one
// missing, a registered name in Extra, more than 8 KiB in all.
func (s *KeySet) SignAccess(a Access) (string, error) {
	if s.signing == nil {
		return "", errors.New("token: this key set only verifies")
	}
	payload, err := a.marshal()
	if err != nil {
		return "", err
	}
	return s.seal(s.signing.accessHeader, payload, maxAccess)
}

func (a *Access) marshal() ([]byte, error) {
	if err := a.complete(); err != nil {
		return nil, err
	}
	w := writer{b: make([]byte, 0, 512)}
	w.text("iss", a.Issuer)
	w.text("sub", a.Subject)
	w.texts("aud", a.Audience)
	w.time("exp", a.Expires)
	if !a.NotBefore.IsZero() {
		w.time("nbf", a.NotBefore)
	}
	w.time("iat", a.Issued)
	w.text("jti", a.ID)
	w.text("client_id", a.ClientID)
	w.text("sid", a.SessionID)
	w.time("auth_time", a.AuthTime)
	w.texts("roles", a.Roles)
	if len(a.Extra) == 0 {
		return w.end()
	}
	return a.marshalExtra(&w)
}

func (a *Access) marshalExtra(w *writer) ([]byte, error) {
	for _, name := range slices.Sorted(maps.Keys(a.Extra)) {
		if isRegistered(name) {
			return nil, fmt.Errorf("token: the claim %q is reserved; rename it in the user's claims", name)
		}
		w.name(name)
		w.any(a.Extra[name])
	}
	payload, err := w.end()
	if err == nil {
		err = checkJSON(string(payload))
	}
	if err != nil {
		return nil, fmt.Errorf("token: the user's claims cannot be written so that every reader agrees: %w", err)
	}
	return payload, nil
}

// maxUserClaims bounds what a user adds to the access token, in bytes of JSON,
// so that it always stays within 8 KiB.
const maxUserClaims = 4 << 10

// CheckUserClaims reports why roles or extra claims cannot be in an access
// token: an empty role, a registered name, a value that is not JSON, more than
// 4 KiB in all.
func CheckUserClaims(roles []string, extra map[string]any) error {
	if slices.Contains(roles, "") {
		return errors.New("a role is empty")
	}
	w := writer{b: make([]byte, 0, 512)}
	w.texts("roles", roles)
	a := Access{Extra: extra}
	payload, err := a.marshalExtra(&w)
	if err == nil && len(payload) > maxUserClaims {
		err = fmt.Errorf("they take %d bytes, at most %d fit", len(payload), maxUserClaims)
	}
	return err
}

// complete reports what a lacks.
func (a *Access) complete() error {
	for _, c := range []struct{ name, value string }{
		{"issuer", a.Issuer},
		{"subject", a.Subject},
		{"client id", a.ClientID},
		{"session id", a.SessionID},
		{"token id", a.ID},
	} {
		if c.value == "" {
			return errors.New("token: access token without " + c.name)
		}
	}
	if len(a.Audience) == 0 || slices.Contains(a.Audience, "") {
		return errors.New("token: access token without audience, or with an empty one")
	}
	if slices.Contains(a.Roles, "") {
		return errors.New("token: access token with an empty role")
	}
	return nil
}

// parseAccess reads the claims of an authentic token.
func parseAccess(payload string) (a Access, err error) {
	var have claimSet
	r := claimReader{scanner: scanner{s: payload}}
	o := object{p: &r.scanner}
	if err := o.open(); err != nil {
		return a, err
	}
	for {
		name, more, err := o.next()
		if err != nil {
			return a, err
		}
		if !more {
			break
		}
		have |= a.read(name, &r)
		if r.err != nil {
			return a, r.err
		}
	}
	if have&requiredAccess != requiredAccess {
		return a, errClaimMissing
	}
	return a, r.end()
}

// read reads one member and says which registered claim it was.
func (a *Access) read(name string, r *claimReader) claimSet {
	switch name {
	case "iss":
		r.text(&a.Issuer)
		return claimIss
	case "sub":
		r.text(&a.Subject)
		return claimSub
	case "aud":
		r.audience(&a.Audience)
		return claimAud
	case "exp":
		r.time(&a.Expires)
		return claimExp
	case "nbf":
		r.time(&a.NotBefore)
		return claimNbf
	case "iat":
		r.time(&a.Issued)
		return claimIat
	case "jti":
		r.text(&a.ID)
		return claimJti
	case "client_id":
		r.text(&a.ClientID)
		return claimClientID
	case "sid":
		r.text(&a.SessionID)
		return claimSid
	case "auth_time":
		r.time(&a.AuthTime)
		return claimAuthTime
	case "roles":
		r.texts(&a.Roles)
		return claimRoles
	}
	a.readExtra(name, r)
	return 0
}

func (a *Access) readExtra(name string, r *claimReader) {
	if isRegistered(name) {
		r.err = errClaimName
		return
	}
	if a.Extra == nil {
		a.Extra = map[string]any{}
	}
	a.Extra[name], r.err = r.value()
}
