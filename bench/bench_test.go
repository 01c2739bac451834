// Package bench compares the check of an access token with other libraries.
package bench

import (
	"crypto"
	"crypto/x509"
	"testing"
	"time"

	"github.com/pawlauth/pawl/token"
)

const (
	issuer   = "https://id.example.com"
	audience = "https://api.example.com"
)

// A fixture is one token and the key that checks it.
type fixture struct {
	alg     string
	compact string
	keys    *token.KeySet
	key     any // []byte, *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
}

// A library prepares a check of f's token; the check is what is measured.
type library struct {
	name    string
	prepare func(b *testing.B, f fixture) func() error
}

var libraries = []library{
	{"bare", bare},
	{"pawl", pawl},
	{"golang-jwt", golangJWT},
	{"go-jose", goJOSE},
	{"jwx", jwx},
	{"cristalhq", cristalhq},
}

func BenchmarkVerify(b *testing.B) {
	for _, alg := range []string{token.HS256, token.RS256, token.ES256, token.Ed25519} {
		f := newFixture(b, alg)
		for _, lib := range libraries {
			b.Run("alg="+alg+"/lib="+lib.name, func(b *testing.B) {
				check := lib.prepare(b, f)
				b.ReportAllocs()
				for b.Loop() {
					if err := check(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func newFixture(b *testing.B, alg string) fixture {
	b.Helper()
	k, err := token.GenerateKey(alg)
	must(b, err)
	keys, err := token.NewKeySet(k)
	must(b, err)
	now := time.Now()
	compact, err := keys.SignAccess(token.Access{
		Issuer: issuer, Subject: token.NewID(), ClientID: "web",
		SessionID: token.SessionID(token.NewSecret()), ID: token.NewID(),
		Audience: []string{audience}, Roles: []string{"user", "admin"},
		Issued: now, Expires: now.Add(24 * time.Hour), AuthTime: now,
	})
	must(b, err)
	return fixture{alg, compact, keys, material(b, k)}
}

// material is the key as other libraries take it.
func material(b *testing.B, k *token.Key) any {
	b.Helper()
	private, err := k.MarshalPrivate()
	must(b, err)
	if k.Algorithm() == token.HS256 {
		return private
	}
	parsed, err := x509.ParsePKCS8PrivateKey(private)
	must(b, err)
	return parsed.(crypto.Signer).Public()
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
