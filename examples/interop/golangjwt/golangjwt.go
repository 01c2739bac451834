// Package golangjwt checks Pawl's access tokens with github.com/golang-jwt/jwt/v5,
// and github.com/MicahParks/keyfunc/v3 for the keys.
package golangjwt

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"
)

// Claims are those that a service usually needs.
type Claims struct {
	jwt.RegisteredClaims
	SessionID string   `json:"sid"`
	Roles     []string `json:"roles"`
}

// ed25519 is EdDSA by the name that RFC 9864 gave it; golang-jwt knows the old one.
type ed25519 struct{ *jwt.SigningMethodEd25519 }

func (ed25519) Alg() string { return "Ed25519" }

// Only where Pawl has signing_algorithm: Ed25519.
func init() {
	jwt.RegisterSigningMethod("Ed25519", func() jwt.SigningMethod { return ed25519{jwt.SigningMethodEdDSA} })
}

// New gives a function that checks an access token offline. It fetches the keys
// here, every five minutes until ctx ends, and when a token names an unknown one.
func New(ctx context.Context, client *http.Client, keysURL, issuer, audience string) (func(context.Context, string) (*Claims, error), error) {
	keys, err := keyfunc.NewDefaultOverrideCtx(ctx, []string{keysURL}, keyfunc.Override{
		Client: client,
		// Pawl publishes a key ten minutes before it signs: unknown key IDs are
		// garbage, nearly always, and must not cause a fetch each.
		RefreshInterval:   5 * time.Minute,
		RefreshUnknownKID: rate.NewLimiter(rate.Every(time.Minute), 2),
		RateLimitWaitMax:  5 * time.Second, // for the limit, and for the fetch
	})
	if err != nil {
		return nil, err
	}
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{"ES256", "RS256", "Ed25519"}),
		jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithLeeway(5*time.Second),
	)
	return func(ctx context.Context, token string) (*Claims, error) {
		claims := &Claims{}
		parsed, err := parser.ParseWithClaims(token, claims, keys.KeyfuncCtx(ctx))
		if err != nil {
			return nil, err
		}
		if parsed.Header["typ"] != "at+jwt" { // RFC 9068, 4
			return nil, errors.New("not an access token")
		}
		return claims, nil
	}, nil
}
