package token_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/pawlauth/pawl/token"
)

// An issuer signs; a resource server that knows only the published keys
// verifies, and asks what has been revoked since.
func Example() {
	key, err := token.GenerateKey(token.ES256)
	if err != nil {
		panic(err)
	}
	issuer, err := token.NewKeySet(key)
	if err != nil {
		panic(err)
	}
	now := time.Now()
	session := token.SessionID(token.NewSecret())
	compact, err := issuer.SignAccess(token.Access{
		Issuer: "https://id.example.com", Subject: "alice", ClientID: "web",
		SessionID: session, ID: token.NewID(), Audience: []string{"https://api.example.com"},
		Issued: now, Expires: now.Add(30 * time.Minute), AuthTime: now,
	})
	if err != nil {
		panic(err)
	}

	keys, err := token.ParseJWKS(issuer.JWKS())
	if err != nil {
		panic(err)
	}
	verifier := &token.AccessVerifier{Issuer: "https://id.example.com", Audience: []string{"https://api.example.com"}}
	a, err := verifier.Verify(keys, compact, now)
	fmt.Println(a.Subject, err)

	_, err = verifier.Verify(keys, compact, now.Add(time.Hour))
	fmt.Println(errors.Is(err, token.ErrExpired))

	var revoked token.Revoked
	revoked.Add(token.Revocation{Kind: token.KindSession, ID: session, Reason: "signed_out", At: now})
	r, ok := revoked.Covers(&a)
	fmt.Println(r.Reason, ok)
	// Output:
	// alice <nil>
	// true
	// signed_out true
}
