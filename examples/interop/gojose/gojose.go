// Package gojose checks Pawl's access tokens with github.com/go-jose/go-jose/v4.
package gojose

import (
	"context"
	"crypto/ed25519"
	"errors"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Claims are those that a service usually needs.
type Claims struct {
	jwt.Claims
	SessionID string   `json:"sid"`
	Roles     []string `json:"roles"`
}

var algorithms = []jose.SignatureAlgorithm{jose.ES256, jose.RS256, "Ed25519"}

// New gives a function that checks an access token offline. The client needs a
// time-out.
func New(client *http.Client, keysURL, issuer, audience string) func(context.Context, string) (*Claims, error) {
	keys := newKeySet(client, keysURL)
	return func(ctx context.Context, token string) (*Claims, error) {
		parsed, err := jwt.ParseSigned(token, algorithms)
		if err != nil {
			return nil, err
		}
		header := parsed.Headers[0]
		if header.ExtraHeaders[jose.HeaderType] != "at+jwt" { // RFC 9068, 4
			return nil, errors.New("not an access token")
		}
		key, err := keys.find(ctx, header.KeyID)
		if err != nil {
			return nil, err
		}
		if key.Algorithm != header.Algorithm {
			return nil, errors.New("the key is for another algorithm")
		}
		claims := &Claims{}
		if err := parsed.Claims(verifier(key), claims); err != nil {
			return nil, err
		}
		if claims.Expiry == nil { // ValidateWithLeeway would take it for one that lasts for ever
			return nil, errors.New("no exp")
		}
		return claims, claims.ValidateWithLeeway(jwt.Expected{Issuer: issuer, AnyAudience: jwt.Audience{audience}}, 5*time.Second)
	}
}

// verifier is the key as go-jose wants it. Only Ed25519 needs this: by the name
// that RFC 9864 gave it, go-jose does not know it.
func verifier(key jose.JSONWebKey) any {
	if public, ok := key.Key.(ed25519.PublicKey); ok {
		return edKey(public)
	}
	return key
}

// edKey is a jose.OpaqueVerifier.
type edKey ed25519.PublicKey

// VerifyPayload checks an Ed25519 signature.
func (k edKey) VerifyPayload(payload, signature []byte, alg jose.SignatureAlgorithm) error {
	if alg != "Ed25519" || !ed25519.Verify(ed25519.PublicKey(k), payload, signature) {
		return jose.ErrCryptoFailure
	}
	return nil
}
