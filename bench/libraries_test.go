package bench

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	cristal "github.com/cristalhq/jwt/v5"
	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwa"
	jwxjwt "github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/pawlauth/pawl/token"
)

var (
	errRefused  = errors.New("refused")
	errAccepted = errors.New("accepted")
)

func accepted(ok bool) error {
	if !ok {
		return errRefused
	}
	return nil
}

// bare checks the signature and nothing else, all decoding done before.
func bare(b *testing.B, f fixture) func() error {
	dot := strings.LastIndexByte(f.compact, '.')
	input := []byte(f.compact[:dot])
	signature, err := base64.RawURLEncoding.DecodeString(f.compact[dot+1:])
	must(b, err)
	return func() error {
		switch key := f.key.(type) {
		case []byte:
			mac := hmac.New(sha256.New, key)
			mac.Write(input)
			return accepted(hmac.Equal(mac.Sum(nil), signature))
		case *rsa.PublicKey:
			digest := sha256.Sum256(input)
			return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature)
		case *ecdsa.PublicKey:
			digest := sha256.Sum256(input)
			r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
			return accepted(ecdsa.Verify(key, digest[:], r, s))
		case ed25519.PublicKey:
			return accepted(ed25519.Verify(key, input, signature))
		}
		return errRefused
	}
}

func pawl(_ *testing.B, f fixture) func() error {
	v := &token.AccessVerifier{Issuer: issuer, Audience: []string{audience}}
	return func() error {
		_, err := v.Verify(f.keys, f.compact, time.Now())
		return err
	}
}

type claims struct {
	jwt.RegisteredClaims
	private
}

// private are the claims beside the registered ones, for every library.
type private struct {
	ClientID  string   `json:"client_id"`
	SessionID string   `json:"sid"`
	AuthTime  int64    `json:"auth_time"`
	Roles     []string `json:"roles"`
}

type golangEd25519 struct{ *jwt.SigningMethodEd25519 }

func (golangEd25519) Alg() string { return token.Ed25519 }

func golangJWT(_ *testing.B, f fixture) func() error {
	jwt.RegisterSigningMethod(token.Ed25519, func() jwt.SigningMethod { return golangEd25519{jwt.SigningMethodEdDSA} })
	parser := jwt.NewParser(jwt.WithValidMethods([]string{f.alg}), jwt.WithIssuer(issuer),
		jwt.WithAudience(audience), jwt.WithExpirationRequired())
	key := func(*jwt.Token) (any, error) { return f.key, nil }
	return func() error {
		_, err := parser.ParseWithClaims(f.compact, &claims{}, key)
		return err
	}
}

type joseEd25519 struct{ key ed25519.PublicKey }

func (v joseEd25519) VerifyPayload(payload, signature []byte, _ jose.SignatureAlgorithm) error {
	return accepted(ed25519.Verify(v.key, payload, signature))
}

func goJOSE(_ *testing.B, f fixture) func() error {
	algorithms := []jose.SignatureAlgorithm{jose.SignatureAlgorithm(f.alg)}
	key := f.key
	if ed, ok := key.(ed25519.PublicKey); ok {
		key = joseEd25519{ed}
	}
	return func() error {
		parsed, err := josejwt.ParseSigned(f.compact, algorithms)
		if err != nil {
			return err
		}
		var registered josejwt.Claims
		var more private
		if err := parsed.Claims(key, &registered, &more); err != nil {
			return err
		}
		return registered.ValidateWithLeeway(josejwt.Expected{
			Issuer: issuer, AnyAudience: josejwt.Audience{audience}, Time: time.Now(),
		}, 0)
	}
}

func jwx(b *testing.B, f fixture) func() error {
	alg, ok := jwa.LookupSignatureAlgorithm(f.alg)
	must(b, accepted(ok))
	compact := []byte(f.compact)
	return func() error {
		_, err := jwxjwt.Parse(compact, jwxjwt.WithKey(alg, f.key), jwxjwt.WithValidate(true),
			jwxjwt.WithIssuer(issuer), jwxjwt.WithAudience(audience))
		return err
	}
}

type cristalEd25519 struct{ key ed25519.PublicKey }

func (cristalEd25519) Algorithm() cristal.Algorithm { return token.Ed25519 }

func (v cristalEd25519) Verify(t *cristal.Token) error {
	return accepted(t.Header().Algorithm == token.Ed25519 && ed25519.Verify(v.key, t.PayloadPart(), t.Signature()))
}

func cristalVerifier(f fixture) (cristal.Verifier, error) {
	switch key := f.key.(type) {
	case []byte:
		return cristal.NewVerifierHS(cristal.HS256, key)
	case *rsa.PublicKey:
		return cristal.NewVerifierRS(cristal.RS256, key)
	case *ecdsa.PublicKey:
		return cristal.NewVerifierES(cristal.ES256, key)
	case ed25519.PublicKey:
		return cristalEd25519{key}, nil
	}
	return nil, errRefused
}

func cristalhq(b *testing.B, f fixture) func() error {
	verifier, err := cristalVerifier(f)
	must(b, err)
	compact := []byte(f.compact)
	return func() error {
		var c struct {
			cristal.RegisteredClaims
			private
		}
		if err := cristal.ParseClaims(compact, verifier, &c); err != nil {
			return err
		}
		return accepted(c.IsIssuer(issuer) && c.IsForAudience(audience) && c.IsValidAt(time.Now()))
	}
}
