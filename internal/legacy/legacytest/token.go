package legacytest

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"time"
)

// Headers as jjwt writes them, and as most others do.
const (
	HeaderHS512 = `{"alg":"HS512"}`
	HeaderHS256 = `{"alg":"HS256","typ":"JWT"}`
)

// Claims are those of
// Jwts.builder().setSubject(user).setIssuedAt(issued).setExpiration(expires).
func Claims(user string, issued, expires time.Time) string {
	return fmt.Sprintf(`{"sub":"%s","iat":%d,"exp":%d}`, user, issued.Unix(), expires.Unix())
}

// Sign makes a compact JWT. The header is written as it stands; an algorithm of
// SHA-512 is used if it names HS512, SHA-256 otherwise.
func Sign(header, claims string, secret []byte) string {
	input := Encode(header) + "." + Encode(claims)
	h := hmac.New(sha256.New, secret)
	if header == HeaderHS512 {
		h = hmac.New(sha512.New, secret)
	}
	h.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// Encode is base64url without padding.
func Encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
