package token

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func TestKeys(t *testing.T) {
	for _, alg := range algorithms {
		k := keyOf(t, alg)
		t.Run("a private key survives marshalling, "+alg, func(t *testing.T) {
			b, err := k.MarshalPrivate()
			if err != nil {
				t.Fatal(err)
			}
			again, err := ParseKey(alg, b)
			if err != nil {
				t.Fatal(err)
			}
			if again.ID() != k.ID() || again.Algorithm() != alg {
				t.Errorf("%v became %v", k, again)
			}
			if _, err := verifier.Verify(setOf(t, k), signAccess(t, again, access()), epoch); err != nil {
				t.Error(err)
			}
		})
		t.Run("SECURITY 4: a key is for one algorithm, "+alg, func(t *testing.T) {
			b, err := k.MarshalPrivate()
			if err != nil {
				t.Fatal(err)
			}
			for _, other := range append(algorithms, "EdDSA", "ed25519", "none", "", "RS384") {
				if other == alg || other == HS256 {
					continue // HS256 takes bytes; PKCS #8 is refused below
				}
				if _, err := ParseKey(other, b); err == nil {
					t.Errorf("a key for %s was accepted for %q", alg, other)
				}
			}
		})
		t.Run("it prints without its secret, "+alg, func(t *testing.T) {
			b, _ := k.MarshalPrivate()
			var log strings.Builder
			slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", k, "keys", []*Key{k})
			j, _ := json.Marshal(k)
			all := log.String() + string(j)
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				all += fmt.Sprintf(verb, k) + fmt.Sprintf(verb, []*Key{k}) + fmt.Sprintf(verb, struct{ K *Key }{k})
			}
			tail := b[len(b)-8:]
			for _, leak := range []string{fmt.Sprintf("%x", tail), strings.Trim(fmt.Sprint(tail), "[]"), string(tail)} {
				if strings.Contains(all, leak) {
					t.Errorf("the key shows in %s", all)
				}
			}
			if !strings.Contains(all, k.ID()) {
				t.Error("the id does not show")
			}
		})
	}
	t.Run("RFC 7638 section 3.1: the example's thumbprint", func(t *testing.T) {
		var j jose.JSONWebKey
		err := j.UnmarshalJSON([]byte(`{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB"}`))
		if err != nil {
			t.Fatal(err)
		}
		thumb, err := j.Thumbprint(crypto.SHA256)
		if got := b64.EncodeToString(thumb); err != nil || got != "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" {
			t.Error(got, err)
		}
	})
	t.Run("a public key has nothing private to marshal or sign with", func(t *testing.T) {
		k := setOf(t, keyOf(t, ES256))
		public, err := ParseJWKS(k.JWKS())
		if err != nil {
			t.Fatal(err)
		}
		p := public.Keys()[0]
		if _, err := p.MarshalPrivate(); err == nil || p.CanSign() {
			t.Error("it has")
		}
		if _, err := NewKeySet(p); err == nil {
			t.Error("accepted as signing key")
		}
	})
}

func TestWeakKeys(t *testing.T) {
	pkcs8 := func(k any, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		b, err := x509.MarshalPKCS8PrivateKey(k)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	random := func(n int) []byte {
		b := make([]byte, n)
		rand.Read(b)
		return b
	}
	sequence := make([]byte, 64)
	for i := range sequence {
		sequence[i] = byte(i*3 + 7)
	}
	t.Run("SECURITY 14: HMAC keys of 256 random bits and more", func(t *testing.T) {
		for _, n := range []int{32, 33, 48, 64, 1024} {
			for range 200 {
				if _, err := ParseKey(HS256, random(n)); err != nil {
					t.Fatal(n, err)
				}
			}
		}
	})
	for _, c := range []struct {
		name, alg string
		key       []byte
	}{
		{"RSA 1024", RS256, pkcs8(rsa.GenerateKey(rand.Reader, 1024))},
		{"RSA 2048", RS256, pkcs8(rsa.GenerateKey(rand.Reader, 2048))},
		{"P-224", ES256, pkcs8(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))},
		{"P-384", ES256, pkcs8(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))},
		{"P-521", ES256, pkcs8(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))},
		{"no key", ES256, nil},
		{"no HMAC key", HS256, nil},
		{"HMAC of 31 bytes", HS256, random(31)},
		{"HMAC of 1025 bytes", HS256, random(1025)},
		{"HMAC, a passphrase", HS256, []byte("correct horse battery staple, many times")},
		{"HMAC, a passphrase in Korean", HS256, []byte("비밀번호를 길게 써도 비밀번호는 비밀번호")},
		{"HMAC, a passphrase with a line break", HS256, []byte("correct horse battery staple,\nmany times\n")},
		{"HMAC, the articles' secret", HS256, []byte("vmfhaltmskdlstkfkdgodyroqkfwkdbalroqkfwkdbalaaaaaaaaaaaaaaaabbbbb")},
		{"HMAC, hexadecimal", HS256, fmt.Appendf(nil, "%x", random(32))},
		{"HMAC, base64", HS256, []byte(b64.EncodeToString(random(32)))},
		{"HMAC, zeros", HS256, make([]byte, 32)},
		{"HMAC, a repetition", HS256, bytes.Repeat([]byte{1, 0x80, 0xfe, 7}, 16)},
		{"HMAC, a sequence", HS256, sequence},
	} {
		t.Run("SECURITY 14: refused: "+c.name, func(t *testing.T) {
			if k, err := ParseKey(c.alg, c.key); err == nil {
				t.Errorf("accepted: %v", k)
			} else if len(c.key) > 8 && strings.Contains(err.Error(), string(c.key[:8])) {
				t.Errorf("the message quotes the key: %v", err)
			}
		})
	}
}

func TestKeySet(t *testing.T) {
	a, b := keyOf(t, ES256), keyNamed(t, ES256, "second")
	t.Run("the signing key is accepted, and first", func(t *testing.T) {
		s := setOf(t, a, b)
		if s.Signing() != a || !s.Has(a.ID()) || !s.Has(b.ID()) || s.Has("") || len(s.Keys()) != 2 || s.Keys()[0] != a {
			t.Error(s.Keys())
		}
	})
	t.Run("the same key twice is one", func(t *testing.T) {
		if s := setOf(t, a, a, b); len(s.Keys()) != 2 {
			t.Error(s.Keys())
		}
	})
	t.Run("SECURITY 12: two keys of one kid are refused", func(t *testing.T) {
		der, _ := a.MarshalPrivate()
		twin, err := ParseKey(ES256, der)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := NewKeySet(a, twin); err == nil {
			t.Error("accepted")
		}
	})
	t.Run("a nil key is refused", func(t *testing.T) {
		if _, err := NewKeySet(a, nil); err == nil {
			t.Error("accepted")
		}
	})
	t.Run("64 keys and no more", func(t *testing.T) {
		var many []*Key
		for range maxKeys + 1 {
			k, err := GenerateKey(Ed25519)
			if err != nil {
				t.Fatal(err)
			}
			many = append(many, k)
		}
		s := setOf(t, many[0], many[1:maxKeys]...)
		if _, err := ParseJWKS(s.JWKS()); err != nil {
			t.Error(err)
		}
		if _, err := NewKeySet(many[0], many[1:]...); err == nil {
			t.Error("65 accepted")
		}
	})
	t.Run("SECURITY 17: what was signed before a rotation is accepted after it", func(t *testing.T) {
		before, after := setOf(t, a, b), setOf(t, b, a)
		compact, err := before.SignAccess(access())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verifier.Verify(after, compact, epoch); err != nil {
			t.Error(err)
		}
		if _, err := verifier.Verify(setOf(t, b), compact, epoch); err == nil {
			t.Error("accepted after its key was removed")
		}
	})
}
