package guard

import (
	"encoding/json"
	"time"

	"github.com/pawlauth/pawl/token"
)

// peeked is what a token says of itself. Nothing of it is verified: it may
// only lead to asking the issuer, or to letting a request have less.
type peeked struct {
	Subject   string
	SessionID string
	Expires   time.Time // zero: not said
}

func peek(compact string) peeked {
	info, err := token.Inspect(compact)
	if err != nil {
		return peeked{}
	}
	var c struct {
		Sub string `json:"sub"`
		SID string `json:"sid"` // an access token's
		Sec string `json:"sec"` // a refresh token's
		Exp int64  `json:"exp"`
	}
	if json.Unmarshal(info.Claims, &c) != nil {
		return peeked{}
	}
	p := peeked{Subject: c.Sub, SessionID: c.SID}
	if c.Exp > 0 {
		p.Expires = time.Unix(c.Exp, 0)
	}
	if sec, err := token.DecodeBase64URL(c.Sec); err == nil && len(sec) == 16 {
		p.SessionID = token.SessionID([16]byte(sec))
	}
	return p
}

// differ reports whether both are known and not the same.
func differ(a, b string) bool { return a != "" && b != "" && a != b }
