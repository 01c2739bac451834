package legacy_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/legacy"
	"github.com/pawlauth/pawl/internal/legacy/legacytest"
)

// sign makes a token by a library of its own.
func sign(t testing.TB, alg jose.SignatureAlgorithm, kid string, private any) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: private, KeyID: kid}}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

func jwks(t testing.TB, keys ...jose.JSONWebKey) []byte {
	t.Helper()
	b, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func file(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheOldSystemsPublicKeys(t *testing.T) {
	rsaKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	other, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	set := jwks(t,
		jose.JSONWebKey{KeyID: "rsa", Key: rsaKey.Public()},
		jose.JSONWebKey{KeyID: "ec", Key: ec.Public(), Algorithm: "ES256", Use: "sig"},
		jose.JSONWebKey{KeyID: "ed", Key: ed.Public()},
		jose.JSONWebKey{KeyID: "shared", Key: secret}, // whoever published this has no secret
		jose.JSONWebKey{KeyID: "enc", Key: other.Public(), Use: "enc"},
	)
	v := verifier(t, legacy.Options{JWKS: file(t, set)})
	for _, c := range []struct {
		name, compact string
		good          bool
	}{
		{"RS256", sign(t, jose.RS256, "rsa", rsaKey), true},
		{"RS512", sign(t, jose.RS512, "rsa", rsaKey), true},
		{"ES256", sign(t, jose.ES256, "ec", ec), true},
		{"EdDSA", sign(t, jose.EdDSA, "ed", ed), true},
		{"without a kid", sign(t, jose.ES256, "", ec), true},
		{"PS256: one message has many signatures", sign(t, jose.PS256, "rsa", rsaKey), false},
		{"another key", sign(t, jose.ES256, "ec", other), false},
		{"an unknown kid", sign(t, jose.ES256, "../../etc/passwd", ec), false},
		{"a key for encryption", sign(t, jose.ES256, "enc", other), false},
		{"SECURITY 3: a secret from the key set", sign(t, jose.HS256, "shared", secret), false},
		{"SECURITY 3: the public key as a secret", sign(t, jose.HS256, "rsa", rsaKey.N.Bytes()), false},
	} {
		got, err := v.Verify(t.Context(), c.compact)
		if c.good != (err == nil && got.User == "user01") || !c.good && !errors.Is(err, pawl.ErrNotLegacy) {
			t.Errorf("%s: %v", c.name, err)
		}
	}

	t.Run("the two signatures of one ECDSA token are one token", func(t *testing.T) {
		compact := sign(t, jose.ES256, "ec", ec)
		a, errA := v.Verify(t.Context(), compact)
		b, errB := v.Verify(t.Context(), negated(t, compact))
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if a.Secret != b.Secret {
			t.Error("whoever has the token has two")
		}
	})
}

// negated replaces s by n−s, which is as valid.
func negated(t testing.TB, compact string) string {
	t.Helper()
	parsed, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	sig := parsed.Signatures[0].Signature
	s := new(big.Int).Sub(elliptic.P256().Params().N, new(big.Int).SetBytes(sig[32:]))
	s.FillBytes(sig[32:])
	return compact[:strings.LastIndexByte(compact, '.')+1] + legacytest.Encode(string(sig))
}

func TestKeysOfAnAddress(t *testing.T) {
	first, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	second, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	var asked, down atomic.Int32
	var set atomic.Pointer[[]byte]
	old := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		if down.Load() > 0 {
			http.Error(w, "down", http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(*set.Load())
	}))
	t.Cleanup(old.Close)
	publish := func(keys ...jose.JSONWebKey) { b := jwks(t, keys...); set.Store(&b) }
	a, b := jose.JSONWebKey{KeyID: "a", Key: first.Public()}, jose.JSONWebKey{KeyID: "b", Key: second.Public()}
	byA, byB := sign(t, jose.ES256, "a", first), sign(t, jose.ES256, "b", second)

	now := issued
	v := verifier(t, legacy.Options{JWKS: old.URL, Now: func() time.Time { return now }})
	check := func(what, compact string, want error, asks int32) {
		t.Helper()
		before := asked.Load()
		_, err := v.Verify(t.Context(), compact)
		if want == nil && err != nil || want != nil && (err == nil || errors.Is(err, pawl.ErrNotLegacy) != errors.Is(want, pawl.ErrNotLegacy)) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
		if n := asked.Load() - before; n != asks {
			t.Errorf("%s: the old system was asked %d times, not %d", what, n, asks)
		}
	}
	unavailable := errors.New("503")

	down.Store(1)
	check("down before anything is known", byA, unavailable, 1)
	check("and not asked again at once", byA, unavailable, 0)
	down.Store(0)
	publish(a)
	now = now.Add(10 * time.Second)
	check("the first time", byA, nil, 1)
	check("then from memory", byA, nil, 0)
	check("SECURITY 18: an unknown kid within 10 s", byB, pawl.ErrNotLegacy, 0)
	now = now.Add(10 * time.Second)
	check("an unknown kid", byB, pawl.ErrNotLegacy, 1)
	publish(a, b)
	now = now.Add(10 * time.Second)
	check("a new key", byB, nil, 1)
	publish(b)
	now = now.Add(5*time.Minute - time.Second)
	check("SECURITY 18: a removed key, for five minutes", byA, nil, 0)
	now = now.Add(time.Second)
	check("and then not", byA, pawl.ErrNotLegacy, 1)
	down.Store(1)
	now = now.Add(50 * time.Minute)
	check("down: what is known counts", byB, nil, 1)
	now = now.Add(10 * time.Minute)
	check("for an hour", byB, unavailable, 1)
	down.Store(0)
	now = now.Add(10 * time.Second)
	check("up again", byB, nil, 1)
}

func TestAnAddressThatMisbehaves(t *testing.T) {
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	set := jwks(t, jose.JSONWebKey{KeyID: "ec", Key: ec.Public()})
	good := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(set) }))
	t.Cleanup(good.Close)
	for name, answer := range map[string]http.HandlerFunc{
		"too much": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(strings.Repeat(" ", 257<<10) + string(set)))
		},
		"no JWKS":     func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"no keys":     func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":[]}`)) },
		"a detour":    func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, good.URL, http.StatusFound) },
		"short words": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
	} {
		old := httptest.NewServer(answer)
		_, err := verifier(t, legacy.Options{JWKS: old.URL}).Verify(t.Context(), sign(t, jose.ES256, "ec", ec))
		if err == nil || errors.Is(err, pawl.ErrNotLegacy) {
			t.Errorf("%s: %v: nobody must be told that their token is no good", name, err)
		}
		old.Close()
	}
}

// Whoever makes up key ids keeps the old system busy, and nobody else waiting.
func TestAKnownKeyDoesNotWaitForAnUnknownOne(t *testing.T) {
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	set := jwks(t, jose.JSONWebKey{KeyID: "ec", Key: ec.Public()})
	asked, answer := make(chan struct{}, 8), make(chan struct{}, 8)
	old := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked <- struct{}{}
		<-answer
		_, _ = w.Write(set)
	}))
	t.Cleanup(old.Close)
	var now atomic.Pointer[time.Time]
	now.Store(&issued)
	v := verifier(t, legacy.Options{JWKS: old.URL, Now: func() time.Time { return *now.Load() }})
	answer <- struct{}{}
	if _, err := v.Verify(t.Context(), sign(t, jose.ES256, "ec", ec)); err != nil {
		t.Fatal(err)
	}
	<-asked
	later := issued.Add(10 * time.Second)
	now.Store(&later)

	stranger := make(chan error, 1)
	madeUp, good := sign(t, jose.ES256, "made up", ec), sign(t, jose.ES256, "ec", ec)
	go func() { _, err := v.Verify(context.Background(), madeUp); stranger <- err }()
	<-asked
	owner := make(chan error, 1)
	go func() { _, err := v.Verify(context.Background(), good); owner <- err }()
	select {
	case err := <-owner:
		if err != nil {
			t.Error(err)
		}
	case err := <-stranger: // the old system's patience is over, and the owner still waits
		t.Errorf("the stranger was first: %v", err)
	}
	answer <- struct{}{}
}
