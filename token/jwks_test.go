package token

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestJWKS(t *testing.T) {
	full := setOf(t, keyOf(t, HS256), keyOf(t, ES256), keyOf(t, RS256), keyOf(t, Ed25519))
	t.Run("SECURITY 16: public members only, no symmetric key", func(t *testing.T) {
		var doc struct{ Keys []map[string]string }
		if err := json.Unmarshal(full.JWKS(), &doc); err != nil {
			t.Fatal(err)
		}
		if len(doc.Keys) != 3 {
			t.Fatalf("%d keys", len(doc.Keys))
		}
		allowed := []string{"kty", "kid", "alg", "use", "crv", "x", "y", "n", "e"}
		for _, k := range doc.Keys {
			for name := range k {
				if !slices.Contains(allowed, name) {
					t.Errorf("member %q in %v", name, k)
				}
			}
			if k["use"] != "sig" || !supported(k["alg"]) || k["alg"] == HS256 {
				t.Errorf("%v", k)
			}
		}
	})
	t.Run("what is published verifies what was signed", func(t *testing.T) {
		public, err := ParseJWKS(full.JWKS())
		if err != nil {
			t.Fatal(err)
		}
		for _, alg := range []string{ES256, RS256, Ed25519} {
			if _, err := verifier.Verify(public, signAccess(t, keyOf(t, alg), access()), epoch); err != nil {
				t.Error(alg, err)
			}
		}
		if public.Has(keyOf(t, HS256).ID()) {
			t.Error("the symmetric key is there")
		}
	})
	t.Run("an empty set verifies nothing", func(t *testing.T) {
		empty, err := ParseJWKS([]byte(`{"keys":[]}`))
		if err != nil {
			t.Fatal(err)
		}
		if string(setOf(t, nil).JWKS()) != `{"keys":[]}` {
			t.Errorf("%s", setOf(t, nil).JWKS())
		}
		if _, err := verifier.Verify(empty, signAccess(t, keyOf(t, ES256), access()), epoch); err == nil {
			t.Error("accepted")
		}
	})
}

func TestParseJWKS(t *testing.T) {
	var doc struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(setOf(t, keyOf(t, ES256), keyOf(t, RS256), keyOf(t, Ed25519)).JWKS(), &doc); err != nil {
		t.Fatal(err)
	}
	ec, rsa, ed := string(doc.Keys[0]), string(doc.Keys[1]), string(doc.Keys[2])
	set := func(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }
	change := func(key, old, new string) string {
		if !strings.Contains(key, old) {
			t.Fatalf("no %s in %s", old, key)
		}
		return strings.Replace(key, old, new, 1)
	}
	plus := func(key, member string) string { return change(key, "{", "{"+member+",") }

	for _, c := range []struct {
		name, jwks string
		keys       int // -1: refused
	}{
		{"three keys", set(ec, rsa, ed), 3},
		{"members of the set that nobody knows", `{"x":{},"keys":[` + ec + `]}`, 1},
		{"members of a key that nobody knows", set(plus(ec, `"x-note":[1]`)), 1},
		{"a certificate chain's address, never fetched", set(plus(ec, `"x5u":"https://192.0.2.1/c"`)), 1},
		{"key_ops verify", set(plus(ec, `"key_ops":["verify"]`)), 1},

		{"ignored: unknown kty", set(change(ec, `"EC"`, `"XX"`), ed), 1},
		{"ignored: unknown alg", set(change(ec, `"ES256"`, `"ES384"`), ed), 1},
		{"ignored: EdDSA", set(change(ed, `"alg":"Ed25519"`, `"alg":"EdDSA"`), ec), 1},
		{"SECURITY 4: ignored: no alg", set(change(ec, `"alg":"ES256",`, ``), ed), 1},
		{"ignored: use enc", set(change(ec, `"sig"`, `"enc"`), ed), 1},
		{"ignored: key_ops encrypt", set(plus(ec, `"key_ops":["encrypt"]`), ed), 1},
		{"SECURITY 4: ignored: an EC key for RS256", set(change(ec, `"ES256"`, `"RS256"`), ed), 1},
		{"SECURITY 4: ignored: an RSA key for HS256", set(change(rsa, `"RS256"`, `"HS256"`), ed), 1},
		{"ignored: another curve", set(change(ec, `"P-256"`, `"P-384"`), ed), 1},

		{"SECURITY 16: a symmetric key", set(`{"kty":"oct","alg":"HS256","k":"AAAA","kid":"x"}`, ec), -1},
		{"SECURITY 16: a symmetric key of unknown use", set(`{"kty":"oct"}`, ec), -1},
		{"SECURITY 16: a private EC key", set(plus(ec, `"d":"AAAA"`)), -1},
		{"SECURITY 16: a private member under an unknown kty", set(change(plus(ec, `"d":"AAAA"`), `"EC"`, `"XX"`)), -1},
		{"SECURITY 16: a private member of another type", set(plus(rsa, `"oth":[]`)), -1},
		{"SECURITY 16: a private member in capitals", set(plus(rsa, `"QI":null`)), -1},
		{"SECURITY 12: kid is not the thumbprint", set(change(ec, keyOf(t, ES256).ID(), "x")), -1},
		{"SECURITY 12: no kid", set(change(ec, `"kid":"`+keyOf(t, ES256).ID()+`",`, ``)), -1},
		{"SECURITY 12: the same key twice", set(ec, ec), -1},
		{"SECURITY 14: a short modulus", set(`{"kty":"RSA","alg":"RS256","kid":"x","e":"AQAB","n":"` + strings.Repeat("_", 342) + `"}`), -1},
		{"SECURITY 14: an exponent of one", set(change(rsa, `"AQAB"`, `"AQ"`)), -1},
		{"SECURITY 14: a point off the curve", set(change(ec, `"x":"`, `"x":"AAAA`)), -1},
		{"SECURITY 14: a low-order Ed25519 point", set(`{"kty":"OKP","crv":"Ed25519","alg":"Ed25519","kid":"x","x":"` + strings.Repeat("A", 43) + `"}`), -1},
		{"SECURITY 8: a member twice", set(plus(ec, `"kty":"EC"`)), -1},
		{"SECURITY 8: a member twice in another case", set(plus(ec, `"KTY":"oct"`)), -1},
		{"SECURITY 8: trailing data", set(ec) + "x", -1},
		{"SECURITY 9: too large", set(ec) + strings.Repeat(" ", maxJWKS), -1},
		{"SECURITY 9: too many keys", set(slices.Repeat([]string{`{"kty":"XX"}`}, maxKeys+1)...), -1},
		{"SECURITY 9: too deep", strings.Repeat(`{"keys":`, 20) + strings.Repeat("}", 20), -1},
		{"no keys", `{}`, -1},
		{"keys is null", `{"keys":null}`, -1},
		{"keys is an object", `{"keys":{}}`, -1},
		{"a key is a string", `{"keys":["x"]}`, -1},
		{"an array", `[]`, -1},
		{"nothing", ``, -1},
		{"a page of HTML", `<html>`, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := ParseJWKS([]byte(c.jwks))
			switch {
			case c.keys < 0 && err == nil:
				t.Errorf("accepted: %v", s.Keys())
			case c.keys >= 0 && err != nil:
				t.Error(err)
			case c.keys >= 0 && len(s.Keys()) != c.keys:
				t.Errorf("%v", s.Keys())
			}
		})
	}
}
