package httpapi_test

import (
	"testing"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/httpapi"
)

const app = "https://app.example.com"

func TestVerifyTellsTheProxyWhoItIs(t *testing.T) {
	s := start(t)
	s.Add(pawl.User{ID: "id-anna", Login: "anna", Roles: []string{"reader", "of a,b"}})
	tokens := s.SignIn("id-anna")
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"} {
		a := s.send(method, "/api/verify", "", bearer(tokens.AccessToken)).is(204, "").keepsCookie()
		for name, want := range map[string]string{
			"Pawl-Subject": "id-anna", "Pawl-Session": tokens.SessionID, "Pawl-Roles": "reader,of%20a%2Cb", "Cache-Control": "no-store",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %s: %q, want %q", method, name, got, want)
			}
		}
	}
	t.Run("Envoy wants 200", func(t *testing.T) {
		a := s.send("GET", "/api/verify?ok=200&of=/orders?a=1&ok=0", "", bearer(tokens.AccessToken)).is(200, "").keepsCookie()
		if a.header.Get("Pawl-Subject") != "id-anna" {
			t.Errorf("%v", a.header)
		}
		s.send("GET", "/api/verify?ok=200", "").is(401, "access_denied")
		s.send("GET", "/api/verify?of=/orders", "", bearer(tokens.AccessToken)).is(204, "")
	})
	t.Run("no roles: the header is there, to overwrite the client's", func(t *testing.T) {
		s.Add(pawl.User{ID: "id-bob", Login: "bob"})
		a := s.send("GET", "/api/verify", "", bearer(s.SignIn("id-bob").AccessToken)).is(204, "")
		if got := a.header.Values("Pawl-Roles"); len(got) != 1 || got[0] != "" {
			t.Errorf("Pawl-Roles: %q", got)
		}
	})
	t.Run("another site's request to the application is the application's business", func(t *testing.T) {
		s.send("POST", "/api/verify", "", bearer(tokens.AccessToken), "Sec-Fetch-Site: cross-site", "Origin: https://elsewhere.example").is(204, "")
	})
}

func TestVerifyRefusesWith401Only(t *testing.T) {
	s := start(t, withAPI(func(o *httpapi.Options) { o.TrustedOrigins = []string{app} }))
	_, tokens := s.anna()
	for _, c := range []struct {
		name, method, path string
		headers            []string
		code, challenge    string
	}{
		{"nothing", "GET", "", nil, "access_denied", `Bearer realm="pawl"`},
		{"the cookie is no identity", "GET", "", []string{cookie(tokens.RefreshToken), own}, "access_denied", `Bearer realm="pawl"`},
		{"garbage", "GET", "", []string{bearer("x")}, "invalid_token", `Bearer realm="pawl", error="invalid_token", error_description="invalid_token"`},
		{"a refresh token", "GET", "", []string{bearer(tokens.RefreshToken)}, "invalid_token", `Bearer realm="pawl", error="invalid_token", error_description="invalid_token"`},
		{"another scheme", "GET", "", []string{"Authorization: Basic YTpi"}, "access_denied", `Bearer realm="pawl"`},
		{"two headers", "GET", "", []string{bearer(tokens.AccessToken), bearer("x")}, "invalid_token", `Bearer realm="pawl", error="invalid_token", error_description="invalid_token"`},
		{"SECURITY 52: in the query", "GET", "?access_token=" + tokens.AccessToken, nil, "invalid_token", `Bearer realm="pawl"`},
		// Answered as a preflight, 204 would mean: signed in.
		{"a preflight of the application's", "OPTIONS", "", []string{"Origin: " + app, "Access-Control-Request-Method: POST"}, "access_denied", `Bearer realm="pawl"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := s.send(c.method, "/api/verify"+c.path, "", c.headers...).is(401, c.code)
			if got := a.header.Get("WWW-Authenticate"); got != c.challenge {
				t.Errorf("SECURITY 53: WWW-Authenticate: %s, want %s", got, c.challenge)
			}
			for _, name := range []string{"Pawl-Subject", "Pawl-Session", "Pawl-Roles"} {
				if a.header.Get(name) != "" {
					t.Errorf("a refusal with %s", name)
				}
			}
		})
	}
}

func TestHeaderValuesAreHarmlessAndStayDifferent(t *testing.T) { // SECURITY 57
	for in, want := range map[string]string{
		"id-anna":            "id-anna",
		"anna@example.com":   "anna@example.com",
		"a\r\nPawl-Roles: x": "a%0D%0APawl-Roles:%20x",
		"a,b":                "a%2Cb",
		"a%2Cb":              "a%252Cb",
		"é":                  "%C3%A9",
		" ":                  "%20",
		"":                   "",
		"\x00\x7f":           "%00%7F",
	} {
		if got := httpapi.HeaderValue(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}
