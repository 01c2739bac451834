package token

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
)

// Neither library knows the name Ed25519 (RFC 9864) yet. Both let us add it.

type ed25519Method struct{ *jwt.SigningMethodEd25519 }

func (ed25519Method) Alg() string { return Ed25519 }

func init() {
	jwt.RegisterSigningMethod(Ed25519, func() jwt.SigningMethod { return ed25519Method{jwt.SigningMethodEdDSA} })
}

type ed25519Opaque struct{ k *Key }

func (o ed25519Opaque) VerifyPayload(payload, signature []byte, alg jose.SignatureAlgorithm) error {
	if alg != Ed25519 || !ed25519.Verify(o.k.public.(ed25519.PublicKey), payload, signature) {
		return errors.New("refused")
	}
	return nil
}

func (o ed25519Opaque) Public() *jose.JSONWebKey {
	return &jose.JSONWebKey{Key: o.k.public, KeyID: o.k.id, Algorithm: Ed25519}
}

func (o ed25519Opaque) Algs() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{Ed25519}
}

func (o ed25519Opaque) SignPayload(payload []byte, _ jose.SignatureAlgorithm) ([]byte, error) {
	return o.k.private.Sign(rand.Reader, payload, crypto.Hash(0))
}

func verifyingKey(k *Key) any {
	if k.secret != nil {
		return k.secret
	}
	return k.public
}

// golangJWT reads a token as golang-jwt does when it is asked to be careful.
func golangJWT(k *Key, compact string, now time.Time) (map[string]any, error) {
	claims := jwt.MapClaims{}
	_, err := jwt.ParseWithClaims(compact, claims, func(*jwt.Token) (any, error) { return verifyingKey(k), nil },
		jwt.WithValidMethods([]string{k.alg}), jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithStrictDecoding(), jwt.WithTimeFunc(func() time.Time { return now }))
	return claims, err
}

// goJOSE reads a token with go-jose.
func goJOSE(k *Key, compact string, now time.Time) (map[string]any, error) {
	parsed, err := josejwt.ParseSigned(compact, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(k.alg)})
	if err != nil {
		return nil, err
	}
	key := verifyingKey(k)
	if k.alg == Ed25519 {
		key = ed25519Opaque{k}
	}
	var standard josejwt.Claims
	var all map[string]any
	if err := parsed.Claims(key, &standard, &all); err != nil {
		return nil, err
	}
	err = standard.ValidateWithLeeway(josejwt.Expected{Issuer: issuer, AnyAudience: josejwt.Audience{audience}, Time: now}, 0)
	if errors.Is(err, josejwt.ErrIssuedInTheFuture) {
		err = nil // iat is when it was made, not from when it is good: that is nbf
	}
	return all, err
}

// claimsMap is a as a generic reader sees it.
func claimsMap(a Access) map[string]any {
	m := map[string]any{
		"iss": a.Issuer, "sub": a.Subject, "client_id": a.ClientID, "sid": a.SessionID, "jti": a.ID,
		"aud": anys(a.Audience), "exp": float64(a.Expires.Unix()),
		"iat": float64(a.Issued.Unix()), "auth_time": float64(a.AuthTime.Unix()),
	}
	if a.Roles != nil {
		m["roles"] = anys(a.Roles)
	}
	if !a.NotBefore.IsZero() {
		m["nbf"] = float64(a.NotBefore.Unix())
	}
	for name, v := range a.Extra {
		m[name] = v
	}
	return m
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// sameClaims compares what others read with what we read: aud may be one
// string or a list.
func sameClaims(ours Access, theirs map[string]any) string {
	if aud, ok := theirs["aud"].(string); ok {
		theirs["aud"] = []any{aud}
	}
	return cmp.Diff(claimsMap(ours), theirs)
}

func TestOthersAcceptOurTokens(t *testing.T) {
	a := access()
	a.NotBefore = epoch
	a.Extra = map[string]any{"tenant": "t\"1\u2028<&>", "n": 3.5, "list": []any{nil, true, map[string]any{}}}
	for _, alg := range algorithms {
		k := keyOf(t, alg)
		compact := signAccess(t, k, a)
		for name, read := range map[string]func(*Key, string, time.Time) (map[string]any, error){"golang-jwt": golangJWT, "go-jose": goJOSE} {
			t.Run(name+" reads the same claims, "+alg, func(t *testing.T) {
				got, err := read(k, compact, epoch)
				if err != nil {
					t.Fatal(err)
				}
				if diff := sameClaims(a, got); diff != "" {
					t.Error(diff)
				}
				if _, err := read(k, compact, a.Expires.Add(time.Second)); err == nil {
					t.Error("accepted after expiry")
				}
			})
		}
	}
	t.Run("go-jose verifies with the published JWKS", func(t *testing.T) {
		for _, alg := range []string{ES256, RS256} {
			public, err := ParseJWKS(setOf(t, keyOf(t, alg)).JWKS())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := goJOSE(public.Keys()[0], signAccess(t, keyOf(t, alg), a), epoch); err != nil {
				t.Error(alg, err)
			}
		}
	})
}

func TestWeAcceptOthersTokensOfOurForm(t *testing.T) {
	a := access()
	a.Extra = map[string]any{"tenant": "t<1>"}
	for _, alg := range algorithms {
		k := keyOf(t, alg)
		signing := any(k.private)
		if k.secret != nil {
			signing = k.secret
		}
		check := func(t *testing.T, compact string, err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			got, err := verifier.Verify(setOf(t, nil, k), compact, epoch)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(a, got); diff != "" {
				t.Error(diff)
			}
		}
		t.Run("golang-jwt's, "+alg, func(t *testing.T) {
			token := jwt.NewWithClaims(jwt.GetSigningMethod(alg), jwt.MapClaims(claimsMap(a)))
			token.Header["typ"], token.Header["kid"] = "at+jwt", k.id
			compact, err := token.SignedString(signing)
			check(t, compact, err)
		})
		t.Run("go-jose's, "+alg, func(t *testing.T) {
			if alg == Ed25519 {
				signing = ed25519Opaque{k}
			}
			options := (&jose.SignerOptions{}).WithType("at+jwt").WithHeader("kid", k.id)
			signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: signing}, options)
			if err != nil {
				t.Fatal(err)
			}
			claims := claimsMap(a)
			for _, name := range []string{"iat", "exp", "auth_time"} {
				claims[name] = int64(claims[name].(float64)) // or it is written 1.8e+09
			}
			compact, err := josejwt.Signed(signer).Claims(claims).Serialize()
			check(t, compact, err)
		})
	}
	t.Run("SECURITY 13: but not under the name EdDSA", func(t *testing.T) {
		k := keyOf(t, Ed25519)
		token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims(claimsMap(a)))
		token.Header["typ"], token.Header["kid"] = "at+jwt", k.id
		compact, err := token.SignedString(k.private)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verifier.Verify(setOf(t, k), compact, epoch); !errors.Is(err, errAlgorithm) {
			t.Error(err)
		}
	})
}

func TestInspect(t *testing.T) {
	for name, compact := range map[string]string{
		"SECURITY 7: not compact":        `{"payload":""}`,
		"SECURITY 7: not base64url":      "e30.e3=.",
		"SECURITY 8: duplicate in it":    b64.EncodeToString([]byte(`{"a":1,"a":2}`)) + ".e30.",
		"SECURITY 8: trailing data":      "e30." + b64.EncodeToString([]byte(`{}{}`)) + ".",
		"SECURITY 9: deep":               "e30." + b64.EncodeToString(slices.Repeat([]byte(`{"a":`), 1000)) + ".",
		"SECURITY 6: encrypted (JWE)":    "e30.e30.e30.e30.e30",
		"payload that is not an object":  "e30.MQ.",
		"header that is not an object":   "MQ.e30.",
		"header that is not JSON at all": "AAAA.e30.",
	} {
		t.Run(name, func(t *testing.T) {
			if info, err := Inspect(compact); !errors.Is(err, ErrInvalid) {
				t.Errorf("%v %v", info, err)
			}
		})
	}
	t.Run("it verifies nothing", func(t *testing.T) {
		info, err := Inspect(`eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.`)
		if err != nil || string(info.Header) != `{"alg":"none"}` || string(info.Claims) != `{"sub":"x"}` {
			t.Error(info, err)
		}
	})
}
