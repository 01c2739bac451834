// Package gooidc checks Pawl's access tokens with github.com/coreos/go-oidc/v3,
// which was made for ID tokens: Pawl is no OpenID provider and has no discovery
// document, so the issuer and the address of the keys are given, and the audience
// stands where go-oidc has the client ID.
package gooidc

import (
	"context"
	"net/http"

	"github.com/coreos/go-oidc/v3/oidc"
)

// Claims are those that a service usually needs.
type Claims struct {
	Subject   string   `json:"sub"`
	SessionID string   `json:"sid"`
	Roles     []string `json:"roles"`
}

// New gives a function that checks an access token offline. The keys are fetched
// at the first token, and again for each that names a key not known.
//
// go-oidc knows Ed25519 by its old name only and refuses these tokens; and it
// does not show typ, which does no harm: Pawl signs nothing else with these keys.
func New(ctx context.Context, client *http.Client, keysURL, issuer, audience string) func(context.Context, string) (*Claims, error) {
	keys := oidc.NewRemoteKeySet(oidc.ClientContext(ctx, client), keysURL)
	verifier := oidc.NewVerifier(issuer, keys, &oidc.Config{
		ClientID:             audience,
		SupportedSigningAlgs: []string{oidc.ES256, oidc.RS256}, // without this: RS256 alone
	})
	return func(ctx context.Context, token string) (*Claims, error) {
		verified, err := verifier.Verify(ctx, token)
		if err != nil {
			return nil, err
		}
		claims := &Claims{}
		return claims, verified.Claims(claims)
	}
}
