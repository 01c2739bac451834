package httpapi_test

import (
	"strings"
	"testing"

	"github.com/pawlauth/pawl/httpapi"
)

func TestCrossSite(t *testing.T) { // SECURITY 35, 36
	s := start(t, withAPI(func(o *httpapi.Options) { o.TrustedOrigins = []string{app} }))
	u := s.AddUser("anna", pass)
	self := "Origin: " + s.URL
	for _, c := range []struct {
		name    string
		headers []string
		ok      bool
		says    string
	}{
		{"a page of our own", []string{"Sec-Fetch-Site: same-origin", self}, true, ""},
		{"typed into the address bar", []string{"Sec-Fetch-Site: none"}, true, ""},
		{"another site", []string{"Sec-Fetch-Site: cross-site", "Origin: https://evil.example"}, false, "another site"},
		{"a sibling subdomain", []string{"Sec-Fetch-Site: same-site", "Origin: https://sibling.example.com"}, false, "another site"},
		{"a sibling subdomain, without Origin", []string{"Sec-Fetch-Site: same-site"}, false, "another site"},
		{"a browser without Sec-Fetch-Site, own origin", []string{self}, true, ""},
		{"a browser without Sec-Fetch-Site, another origin", []string{"Origin: https://evil.example"}, false, "another site"},
		{"an opaque origin", []string{"Origin: null"}, false, "another site"},
		{"a trusted origin", []string{"Sec-Fetch-Site: same-site", "Origin: " + app}, true, ""},
		{"a trusted origin on another port", []string{"Sec-Fetch-Site: same-site", "Origin: " + app + ":8443"}, false, "another site"},
		{"a trusted origin without TLS", []string{"Sec-Fetch-Site: same-site", "Origin: http://app.example.com"}, false, "another site"},
		{"nothing at all", nil, false, "-H 'Pawl-Request: 1'"},
		{"curl as told", []string{"Pawl-Request: 1"}, true, ""},
		{"Pawl-Request does not outweigh the browser", []string{"Pawl-Request: 1", "Sec-Fetch-Site: cross-site", "Origin: https://evil.example"}, false, "another site"},
		{"Authorization does not outweigh the browser", []string{bearer("x"), "Sec-Fetch-Site: cross-site"}, false, "another site"},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := func(a answer, status int) {
				t.Helper()
				if c.ok {
					a.is(status, "")
				} else {
					a.is(403, "cross_site").says(c.says).keepsCookie()
				}
			}
			refresh := s.SignIn(u.ID).RefreshToken
			if a := s.send("POST", "/api/login", loginBody("", pass), c.headers...); c.ok {
				a.is(400, "invalid_request").says("userId") // it got as far as the service
			} else {
				want(a, 0)
			}
			with := append(c.headers, cookie(refresh))
			want(s.send("POST", "/api/reissue", "", with...), 200)
			want(s.send("POST", "/api/logout", "", with...), 204)
		})
	}
	// Browsers add these to whatever another site makes them send.
	for _, credentials := range []string{"Basic YTpi", "Digest x=y", "Negotiate YII=", "NTLM x"} {
		t.Run(credentials+" shows nothing", func(t *testing.T) {
			tokens := s.SignIn(u.ID)
			for _, path := range []string{"/api/reissue", "/api/logout"} {
				s.send("POST", path, "", cookie(tokens.RefreshToken), "Authorization: "+credentials).is(403, "cross_site").keepsCookie()
			}
			s.send("POST", "/api/login", loginBody("anna", pass), "Authorization: "+credentials).is(403, "cross_site")
			s.send("POST", "/api/reissue", "", cookie(tokens.RefreshToken), "Authorization: "+credentials, own).is(200, "")
			s.send("POST", "/api/logout", "", cookie(tokens.RefreshToken), "Authorization: "+credentials, own).is(204, "")
		})
	}
	t.Run("Authorization or Idempotency-Key beside the cookie are enough", func(t *testing.T) {
		tokens := s.SignIn(u.ID)
		s.send("POST", "/api/reissue", "", cookie(tokens.RefreshToken), bearer(tokens.AccessToken)).is(200, "")
		s.send("POST", "/api/reissue", "", cookie(tokens.RefreshToken), "Idempotency-Key: 0123456789abcdefghijkl").is(200, "")
		s.send("POST", "/api/logout", "", cookie(tokens.RefreshToken), bearer(tokens.AccessToken)).is(204, "")
	})
	t.Run("without the cookie there is nothing to forge", func(t *testing.T) {
		tokens := s.SignIn(u.ID)
		s.send("POST", "/api/login", `{"userId":"anna","password":"`+pass+`","delivery":"body"}`).is(200, "")
		s.send("POST", "/api/reissue", refreshBody(tokens.RefreshToken)).is(200, "")
		s.send("POST", "/api/logout", refreshBody(tokens.RefreshToken)).is(204, "")
	})
	t.Run("a refused sign-in checks no password and ends no session", func(t *testing.T) {
		tokens := s.SignIn(u.ID)
		s.send("POST", "/api/login", loginBody("anna", pass), cookie(tokens.RefreshToken), "Sec-Fetch-Site: cross-site").is(403, "cross_site")
		s.send("POST", "/api/login", loginBody("anna", pass), cookie(tokens.RefreshToken)).is(403, "cross_site")
		s.send("POST", "/api/reissue", "", cookie(tokens.RefreshToken), own).is(200, "")
	})
	t.Run("what changes something by Bearer is protected as well", func(t *testing.T) {
		tokens := s.SignIn(u.ID)
		for _, route := range []string{"DELETE /api/sessions", "DELETE /api/sessions/x", "POST /api/password", "POST /api/setup"} {
			method, path := split(route)
			s.send(method, path, "", bearer(tokens.AccessToken), "Sec-Fetch-Site: cross-site").is(403, "cross_site")
		}
	})
}

func TestCORS(t *testing.T) { // SECURITY 37
	s := start(t, withAPI(func(o *httpapi.Options) { o.TrustedOrigins = []string{app} }))
	s.AddUser("anna", pass)
	const asks = "Access-Control-Request-Method: POST"
	for _, c := range []struct {
		name, method, path, origin string
		headers                    []string
		status                     int
		code                       string
		allowed                    bool
	}{
		{"a preflight of a trusted origin", "OPTIONS", "/api/login", app, []string{asks, "Access-Control-Request-Headers: content-type"}, 204, "", true},
		{"a preflight of another origin", "OPTIONS", "/api/login", "https://evil.example", []string{asks}, 403, "cross_site", false},
		{"of a look-alike", "OPTIONS", "/api/login", app + ".evil.example", []string{asks}, 403, "cross_site", false},
		{"of null", "OPTIONS", "/api/login", "null", []string{asks}, 403, "cross_site", false},
		{"in capitals", "OPTIONS", "/api/login", strings.ToUpper(app), []string{asks}, 403, "cross_site", false},
		{"a trusted origin reads", "GET", "/healthz", app, nil, 200, "", true},
		{"a trusted origin reads why it was refused", "GET", "/api/session", app, nil, 401, "access_denied", true},
		{"another origin does not", "GET", "/healthz", "https://evil.example", nil, 200, "", false},
		{"no origin", "GET", "/healthz", "", nil, 200, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			headers := c.headers
			if c.origin != "" {
				headers = append(headers, "Origin: "+c.origin)
			}
			a := s.send(c.method, c.path, "", headers...).is(c.status, c.code)
			origin, credentials := "", ""
			if c.allowed {
				origin, credentials = c.origin, "true"
			}
			if got := a.header.Get("Access-Control-Allow-Origin"); got != origin {
				t.Errorf("Access-Control-Allow-Origin: %q, want %q", got, origin)
			}
			if got := a.header.Get("Access-Control-Allow-Credentials"); got != credentials {
				t.Errorf("Access-Control-Allow-Credentials: %q, want %q", got, credentials)
			}
			if got := a.header.Get("Vary"); got != "Origin" {
				t.Errorf("Vary: %q", got)
			}
		})
	}
	t.Run("a trusted page signs in", func(t *testing.T) {
		a := s.send("POST", "/api/login", loginBody("anna", pass), "Origin: "+app, "Sec-Fetch-Site: cross-site").is(200, "")
		if a.cookie == nil || a.header.Get("Access-Control-Allow-Origin") != app {
			t.Error("no cookie, or not readable")
		}
	})
}
