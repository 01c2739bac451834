package load

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"github.com/pawlauth/pawl/token"
)

// claims are what the checks look at, of either token.
type claims struct {
	Subject    string `json:"sub"`
	Session    string `json:"sid"` // of an access token
	Secret     string `json:"sec"` // of a refresh token
	Generation uint64 `json:"gen"`
}

// session is the id of a refresh token's session.
func (c claims) session() string {
	var secret [16]byte
	if n, err := base64.RawURLEncoding.Decode(secret[:], []byte(c.Secret)); len(c.Secret) != 22 || n != len(secret) || err != nil {
		return ""
	}
	return token.SessionID(secret)
}

// decode reads a token's claims. Signatures are not verified: that would cost
// as much as the server that is measured.
func decode(compact string) (c claims, err error) {
	parts := strings.Split(compact, ".")
	if len(parts) != 3 {
		return c, errors.New("it does not have three parts")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return c, errors.New("its claims are not base64url")
	}
	if json.Unmarshal(payload, &c) != nil {
		return c, errors.New("its claims are not the documented JSON")
	}
	return c, nil
}
