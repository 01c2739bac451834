package token

import (
	"strings"
	"time"
)

// maxTime is the end of the year 9999, in seconds: beyond it time.Time no
// longer formats, and sums overflow.
const maxTime = 253402300799

var (
	errClaimMissing = refuse("a required claim is missing or empty")
	errClaimName    = refuse("claim is a case variant of a registered name")
	errClaimUnknown = refuse("claim that this kind of token does not have")
	errIssuer       = refuse("iss is not the expected issuer")
	errVerifier     = refuse("the verifier has no issuer, no audience or no keys configured")
	errTime         = refuse("time out of range")
	errSecret       = refuse("sec is not 128 bits")
)

// Registered names, each with its bit. Other members of an access token are
// the user table's.
type claimSet uint16

const (
	claimIss claimSet = 1 << iota
	claimSub
	claimAud
	claimExp
	claimNbf
	claimIat
	claimJti
	claimClientID
	claimSid
	claimAuthTime
	claimRoles
)

const requiredAccess = claimIss | claimSub | claimAud | claimExp | claimIat |
	claimJti | claimClientID | claimSid | claimAuthTime

var registered = [...]string{
	"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "sid", "auth_time", "roles",
}

// isRegistered reports whether name is a registered claim in any case. Readers
// that ignore case (encoding/json) would take "ISS" or "ROLES" for the real
// one, so the user table must not be able to write it.
func isRegistered(name string) bool {
	for _, r := range registered {
		if strings.EqualFold(r, name) {
			return true
		}
	}
	return false
}

// A claimReader is a scanner with an error that sticks.
type claimReader struct {
	scanner
	err error
}

// text reads a non-empty string.
func (r *claimReader) text(dst *string) {
	s, err := r.str()
	if err == nil && s == "" {
		err = errClaimMissing
	}
	*dst, r.err = s, err
}

func (r *claimReader) time(dst *time.Time) {
	n, err := r.uint()
	if err == nil && n > maxTime {
		err = errTime
	}
	*dst, r.err = time.Unix(int64(n), 0).UTC(), err
}

// audience reads the one-or-many form of RFC 7519 section 4.1.3.
func (r *claimReader) audience(dst *[]string) {
	if r.peek() == '"' {
		list := make([]string, 1)
		r.text(&list[0])
		*dst = list
		return
	}
	r.texts(dst)
	if r.err == nil && len(*dst) == 0 {
		r.err = errClaimMissing
	}
}

// texts reads an array of non-empty strings.
func (r *claimReader) texts(dst *[]string) {
	list, err := r.strs()
	for _, s := range list {
		if s == "" && err == nil {
			err = errClaimMissing
		}
	}
	*dst, r.err = list, err
}
