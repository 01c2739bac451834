package httpapi_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/token"
)

func TestTheKeysCheckTheTokens(t *testing.T) {
	for _, alg := range []string{token.ES256, token.Ed25519} {
		s := start(t, withConfig(func(c *pawl.Config) { c.KeyPolicy.Algorithm = alg }))
		_, tokens := s.anna()
		a := s.send("GET", "/.well-known/jwks.json", "").is(200, "")
		if got := a.header.Get("Content-Type"); got != "application/jwk-set+json" {
			t.Errorf("Content-Type: %s", got)
		}
		keys, err := token.ParseJWKS([]byte(a.body)) // SECURITY 16: it refuses private members
		if err != nil {
			t.Fatal(err)
		}
		v := token.AccessVerifier{Issuer: s.Service.Issuer(), Audience: s.Service.Audience()}
		if _, err := v.Verify(keys, tokens.AccessToken, s.Clock.Now()); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
	}
}

func TestASecretKeyIsNotPublished(t *testing.T) { // SECURITY 16
	s := start(t, withConfig(func(c *pawl.Config) { c.KeyPolicy.Algorithm = token.HS256 }))
	if a := s.send("GET", "/.well-known/jwks.json", "").is(200, ""); a.body != `{"keys":[]}` {
		t.Errorf("keys: %s", a.body)
	}
}

func TestPublicDocumentsAreCached(t *testing.T) { // SECURITY 17
	s := start(t)
	for _, path := range []string{"/.well-known/jwks.json", "/.well-known/oauth-authorization-server", "/openapi.yaml"} {
		a := s.send("GET", path, "").is(200, "")
		if got := a.header.Get("Cache-Control"); !strings.HasPrefix(got, "public, max-age=") {
			t.Errorf("%s: Cache-Control: %s", path, got)
		}
		etag := a.header.Get("ETag")
		if b := s.send("GET", path, "", `If-None-Match: "other", W/`+etag).is(304, ""); b.body != "" || b.header.Get("ETag") != etag {
			t.Errorf("%s: 304 with %q, %q", path, b.body, b.header.Get("ETag"))
		}
		s.send("GET", path, "", `If-None-Match: "other"`).is(200, "")
		if h := s.send("HEAD", path, "").is(200, ""); h.header.Get("ETag") != etag || h.body != "" {
			t.Errorf("%s: HEAD: %q", path, h.body)
		}
	}
}

func TestTheMetadataIsTrue(t *testing.T) { // SECURITY 19
	s := start(t)
	var m map[string]any
	a := s.send("GET", "/.well-known/oauth-authorization-server", "").is(200, "")
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		t.Fatal(err)
	}
	if m["issuer"] != s.Service.Issuer() {
		t.Errorf("issuer %v, the tokens have %v", m["issuer"], s.Service.Issuer())
	}
	uri, _ := m["jwks_uri"].(string)
	path, ok := strings.CutPrefix(uri, s.URL)
	if !ok {
		t.Fatalf("jwks_uri: %s", uri)
	}
	s.send("GET", path, "").is(200, "")
}

func TestTheDocumentIsServed(t *testing.T) {
	s := start(t)
	if a := s.send("GET", "/openapi.yaml", "").is(200, ""); !strings.HasPrefix(a.body, "openapi: 3.1") {
		t.Errorf("the document begins %.20q", a.body)
	}
}
