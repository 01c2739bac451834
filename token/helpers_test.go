package token

import (
	"sync"
	"testing"
	"time"
)

const (
	issuer   = "https://id.example.com"
	audience = "https://api.example.com"
)

var (
	algorithms = []string{HS256, RS256, ES256, Ed25519}
	epoch      = time.Unix(1_800_000_000, 0).UTC()
	verifier   = &AccessVerifier{Issuer: issuer, Audience: []string{audience}}
	refresher  = &RefreshVerifier{Issuer: issuer}
)

// keys are made once: RSA keys are slow to find.
var keys sync.Map

func keyOf(t testing.TB, alg string) *Key { return keyNamed(t, alg, "first") }

func keyNamed(t testing.TB, alg, name string) *Key {
	t.Helper()
	generate := sync.OnceValues(func() (*Key, error) { return GenerateKey(alg) })
	once, _ := keys.LoadOrStore(alg+" "+name, generate)
	k, err := once.(func() (*Key, error))()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func setOf(t testing.TB, signing *Key, accepted ...*Key) *KeySet {
	t.Helper()
	s, err := NewKeySet(signing, accepted...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func access() Access {
	return Access{
		Issuer: issuer, Subject: "u-1", ClientID: "web", SessionID: SessionID([16]byte{1}), ID: "id-1",
		Audience: []string{audience}, Roles: []string{"admin", "user"},
		Issued: epoch, Expires: epoch.Add(30 * time.Minute), AuthTime: epoch,
	}
}

func refresh() Refresh {
	return Refresh{
		Issuer: issuer, Subject: "u-1", Secret: [16]byte{1}, Generation: 7,
		Issued: epoch, Expires: epoch.Add(time.Hour), End: epoch.Add(24 * time.Hour), AuthTime: epoch,
	}
}

func signAccess(t testing.TB, k *Key, a Access) string {
	t.Helper()
	compact, err := setOf(t, k).SignAccess(a)
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

func signRefresh(t testing.TB, k *Key, r Refresh) string {
	t.Helper()
	compact, err := setOf(t, k).SignRefresh(r)
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

// forge signs any header and any payload: the attacker who somehow got an
// honest signature, and the only way to see the checks behind the signature.
func forge(t testing.TB, k *Key, header, payload string) string {
	t.Helper()
	input := b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(payload))
	signature, err := k.sign(nil, []byte(input))
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + b64.EncodeToString(signature)
}

func headerOf(k *Key, typ string) string {
	return `{"alg":"` + k.alg + `","kid":"` + k.id + `","typ":"` + typ + `"}`
}

func accessPayload(t testing.TB) string {
	t.Helper()
	a := access()
	b, err := a.marshal()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
