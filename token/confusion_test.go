package token

import (
	"crypto/x509"
	"errors"
	"testing"
)

func TestKindsAreNotConfused(t *testing.T) {
	k := keyOf(t, HS256)
	both := setOf(t, k) // a mistake of configuration: one key for both kinds
	t.Run("SECURITY 2: a refresh token as access token", func(t *testing.T) {
		if _, err := verifier.Verify(both, signRefresh(t, k, refresh()), epoch); !errors.Is(err, errTyp) {
			t.Error(err)
		}
	})
	t.Run("SECURITY 2: an access token as refresh token", func(t *testing.T) {
		if _, err := refresher.Verify(both, signAccess(t, k, access())); !errors.Is(err, errTyp) {
			t.Error(err)
		}
	})
	t.Run("SECURITY 2: access claims under a refresh header", func(t *testing.T) {
		if _, err := refresher.Verify(both, forge(t, k, headerOf(k, "rt+jwt"), accessPayload(t))); !errors.Is(err, ErrInvalid) {
			t.Error(err)
		}
	})
	t.Run("SECURITY 2: refresh claims under an access header", func(t *testing.T) {
		r := refresh()
		payload, _ := r.marshal()
		if _, err := verifier.Verify(both, forge(t, k, headerOf(k, "at+jwt"), string(payload)), epoch); !errors.Is(err, errClaimMissing) {
			t.Error(err)
		}
	})
	t.Run("SECURITY 15: with keys of their own, neither key is known to the other", func(t *testing.T) {
		other := setOf(t, keyNamed(t, HS256, "second"))
		if _, err := verifier.Verify(other, signAccess(t, k, access()), epoch); !errors.Is(err, ErrUnknownKey) {
			t.Error(err)
		}
		if _, err := refresher.Verify(other, signRefresh(t, k, refresh())); !errors.Is(err, ErrUnknownKey) {
			t.Error(err)
		}
	})
	t.Run("a refresh token under an asymmetric key that is accepted", func(t *testing.T) {
		r := refresh()
		payload, _ := r.marshal()
		ec := keyOf(t, ES256)
		if _, err := refresher.Verify(setOf(t, k, ec), forge(t, ec, headerOf(ec, "rt+jwt"), string(payload))); !errors.Is(err, errAlgorithm) {
			t.Error(err)
		}
	})
}

func TestAlgorithmsAreNotConfused(t *testing.T) {
	for _, alg := range []string{RS256, ES256, Ed25519} {
		k := keyOf(t, alg)
		der, err := x509.MarshalPKIXPublicKey(k.public)
		if err != nil {
			t.Fatal(err)
		}
		for name, secret := range map[string][]byte{
			"SubjectPublicKeyInfo": der,
			"JWKS":                 setOf(t, k).JWKS(),
			"thumbprint":           []byte(k.id),
		} {
			t.Run("SECURITY 4: HS256 keyed with the "+name+" of "+alg, func(t *testing.T) {
				attacker := &Key{alg: HS256, id: k.id, secret: secret}
				compact := forge(t, attacker, headerOf(attacker, "at+jwt"), accessPayload(t))
				if _, err := verifier.Verify(setOf(t, k), compact, epoch); !errors.Is(err, errAlgorithm) {
					t.Error(err)
				}
				// The same signature under the key's own header.
				compact = forge(t, attacker, headerOf(k, "at+jwt"), accessPayload(t))
				if _, err := verifier.Verify(setOf(t, k), compact, epoch); !errors.Is(err, ErrInvalid) {
					t.Error(err)
				}
			})
		}
	}
	for _, a := range algorithms {
		for _, b := range algorithms {
			if a == b {
				continue
			}
			t.Run("SECURITY 4: signed with "+a+", kid and alg of "+b, func(t *testing.T) {
				compact := forge(t, keyOf(t, a), headerOf(keyOf(t, b), "at+jwt"), accessPayload(t))
				if _, err := verifier.Verify(setOf(t, nil, keyOf(t, a), keyOf(t, b)), compact, epoch); !errors.Is(err, ErrInvalid) {
					t.Error(err)
				}
			})
		}
		t.Run("another key of the same algorithm, "+a, func(t *testing.T) {
			first, second := keyOf(t, a), keyNamed(t, a, "second")
			compact := forge(t, second, headerOf(first, "at+jwt"), accessPayload(t))
			if _, err := verifier.Verify(setOf(t, first, second), compact, epoch); !errors.Is(err, errSignature) {
				t.Error(err)
			}
		})
		t.Run("every flipped bit is noticed, "+a, func(t *testing.T) {
			k := keyOf(t, a)
			good := signAccess(t, k, access())
			set := setOf(t, k)
			for i := 0; i < len(good); i += 7 {
				bad := []byte(good)
				bad[i] ^= 1
				if _, err := verifier.Verify(set, string(bad), epoch); !errors.Is(err, ErrInvalid) {
					t.Fatalf("bit 0 of byte %d: %v", i, err)
				}
			}
		})
	}
}
