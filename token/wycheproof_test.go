package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"testing"

	"github.com/c2sp/wycheproof"
	"github.com/go-jose/go-jose/v4"
)

// The vectors of project Wycheproof: nobody here wrote them.

type jwsVectors struct {
	TestGroups []struct {
		Comment         string
		Public, Private json.RawMessage
		Tests           []struct {
			TcID    int
			Comment string
			JWS     string
			Result  string
		}
	}
}

// jwsExceptions are the vectors whose verdict is not ours, and why.
var jwsExceptions = map[int]string{
	332: "a good RS256 signature by a key meant for PS512; such a key never becomes one of ours, see jwk.known",
	367: "byte for byte the group's valid token: the padding it speaks of is not there",
	370: "byte for byte the group's valid token: the padding it speaks of is not there",
	372: "called valid with a ? in the header; RFC 7515 section 2 has no such character in base64url",
	373: "called valid with a ? in the payload; RFC 7515 section 2 has no such character in base64url",
}

func TestWycheproofJWS(t *testing.T) {
	var vectors jwsVectors
	load(t, "json_web_signature_test.json", &vectors)
	accepted, refused := 0, 0
	for _, g := range vectors.TestGroups {
		raw := g.Public
		if raw == nil {
			raw = g.Private
		}
		k, reason := wycheproofKey(t, raw)
		for _, c := range g.Tests {
			t.Run(fmt.Sprintf("SECURITY 3, 6, 7: %s %d %s", g.Comment, c.TcID, c.Comment), func(t *testing.T) {
				if k == nil {
					t.Logf("the key itself is refused: %s", reason)
					refused++
					return
				}
				_, err := k.openCompact(c.JWS)
				want := c.Result == "valid" && reason == ""
				if jwsExceptions[c.TcID] != "" {
					want = c.Result != "valid"
				}
				if want != (err == nil) {
					t.Errorf("%s: %v\n%s", c.Result, err, c.JWS)
				}
				if err == nil {
					accepted++
				} else {
					refused++
				}
			})
		}
	}
	t.Logf("%d accepted, %d refused", accepted, refused)
	if accepted < 10 || refused < 300 {
		t.Error("too few vectors were run")
	}
}

// wycheproofKey returns the group's key under the algorithm of ours that comes
// nearest. reason says why nothing signed for the group can be accepted. The
// strength of keys is checked when they are parsed, not here: some groups have
// RSA keys of 2048 bits.
func wycheproofKey(t *testing.T, raw []byte) (k *Key, reason string) {
	t.Helper()
	var j jwk
	var parsed jose.JSONWebKey
	if err := json.Unmarshal(raw, &j); err != nil {
		t.Fatal(err)
	}
	if err := parsed.UnmarshalJSON(raw); err != nil {
		t.Fatal(err)
	}
	if j.Alg != "" && !supported(j.Alg) {
		reason = "the algorithm " + j.Alg + " is not on the list"
	}
	switch p := parsed.Key.(type) {
	case []byte:
		return &Key{alg: HS256, secret: p}, reason
	case *rsa.PublicKey:
		k = &Key{alg: RS256, public: p}
	case *ecdsa.PublicKey:
		if err := checkPublic(ES256, p); err != nil {
			return nil, err.Error()
		}
		k = &Key{alg: ES256, public: p}
	default:
		t.Fatalf("a %T", p)
	}
	if j.Use == "enc" || j.KeyOps != nil {
		j.Alg = k.alg
		if j.known() != (j.Use != "enc" && j.KeyOps[0] == "verify") {
			t.Errorf("an encryption key counts as one for signatures: %s", raw)
		}
		if !j.known() {
			return nil, "it is for encryption, by use or key_ops"
		}
	}
	return k, reason
}

func load(t *testing.T, name string, into any) {
	t.Helper()
	b, err := fs.ReadFile(wycheproof.TestVectors, name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

type signatureVectors struct {
	TestGroups []struct {
		PublicKeyDer string
		PublicKey    json.RawMessage
		Tests        []struct {
			TcID             int
			Comment          string
			Msg, Sig, Result string
		}
	}
}

// The signatures below the JWS layer, in the very form JWS has them.
func TestWycheproofSignatures(t *testing.T) {
	for alg, file := range map[string]string{
		ES256:   "ecdsa_secp256r1_sha256_p1363_test.json",
		RS256:   "rsa_signature_3072_sha256_test.json",
		Ed25519: "ed25519_test.json",
	} {
		t.Run(alg, func(t *testing.T) {
			var vectors signatureVectors
			load(t, file, &vectors)
			valid := 0
			for _, g := range vectors.TestGroups {
				der := unhex(t, g.PublicKeyDer)
				public, err := x509.ParsePKIXPublicKey(der)
				if err != nil {
					t.Fatal(err)
				}
				k := &Key{alg: alg, public: crypto.PublicKey(public)}
				for _, c := range g.Tests {
					sig := unhex(t, c.Sig)
					got := len(sig) == k.signatureSize() && k.matches(unhex(t, c.Msg), sig)
					if c.Result == "acceptable" {
						continue // missing NULL in the RSA encoding: either answer conforms
					}
					if got != (c.Result == "valid") {
						t.Errorf("%d %s: %s, got %t", c.TcID, c.Comment, c.Result, got)
					}
					if got {
						valid++
					}
				}
			}
			t.Logf("%d valid", valid)
			if valid == 0 {
				t.Error("nothing was accepted")
			}
		})
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
