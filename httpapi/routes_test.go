package httpapi_test

import (
	"testing"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/httpapi"
)

func TestUnknownPathsAndMethodsAreProblems(t *testing.T) {
	s := start(t)
	for _, c := range []struct {
		route  string
		status int
		code   string
		allow  string
	}{
		{"GET /", 404, "not_found", ""},
		{"GET /api", 404, "not_found", ""},
		{"POST /api/login/", 404, "not_found", ""},
		{"POST /api//login", 404, "not_found", ""},
		{"GET /api/../healthz", 404, "not_found", ""},
		{"GET /api/verify/more", 404, "not_found", ""},
		{"DELETE /api/sessions/a/b", 404, "not_found", ""},
		{"DELETE /api/sessions/", 404, "not_found", ""},
		{"POST /nothing", 404, "not_found", ""},
		// SECURITY 34: nothing changes by GET
		{"GET /api/login", 405, "invalid_request", "POST"},
		{"GET /api/reissue", 405, "invalid_request", "POST"},
		{"HEAD /api/reissue", 405, "", "POST"},
		{"GET /api/logout", 405, "invalid_request", "POST"},
		{"GET /api/password", 405, "invalid_request", "POST"},
		{"GET /api/setup", 405, "invalid_request", "POST"},
		{"PUT /api/session", 405, "invalid_request", "GET, HEAD"},
		{"PUT /api/sessions", 405, "invalid_request", "DELETE, GET, POST, HEAD"},
		{"GET /api/password/reset", 405, "invalid_request", "POST"},
		{"GET /admin/api/users/x/reset", 405, "invalid_request", "POST"},
		{"GET /admin/api", 404, "not_found", ""},
		{"GET /admin/api/nothing", 404, "not_found", ""},
		{"GET /api/sessions/x", 405, "invalid_request", "DELETE"},
		{"POST /.well-known/jwks.json", 405, "invalid_request", "GET, HEAD"},
		{"OPTIONS /api/login", 405, "invalid_request", "POST"},
		{"TRACE /healthz", 405, "invalid_request", "GET, HEAD"},
	} {
		method, path := split(c.route)
		a := s.send(method, path, "", own).is(c.status, c.code).keepsCookie()
		if got := a.header.Get("Allow"); got != c.allow {
			t.Errorf("%s: Allow: %s, want %s", c.route, got, c.allow)
		}
	}
}

func TestHealth(t *testing.T) {
	s := start(t, withAPI(func(o *httpapi.Options) { o.Version = "1.2.3" }))
	if a := s.send("GET", "/healthz", "").is(200, ""); a.body != `{"status":"ok","version":"1.2.3"}`+"\n" {
		t.Errorf("healthz: %s", a.body)
	}
	s.send("GET", "/readyz", "").is(200, "")
	s.StoreDown(true)
	s.send("GET", "/readyz", "").is(503, "unavailable")
	s.send("GET", "/healthz", "").is(200, "")
}

func TestNewRefusesWhatItCannotUse(t *testing.T) {
	s := start(t)
	for _, c := range []struct {
		name string
		svc  *pawl.Service
		o    httpapi.Options
	}{
		{"no service", nil, httpapi.Options{}},
		{"an origin without scheme", s.Service, httpapi.Options{TrustedOrigins: []string{"app.example.com"}}},
		{"an origin with a path", s.Service, httpapi.Options{TrustedOrigins: []string{"https://app.example.com/"}}},
		{"a pattern", s.Service, httpapi.Options{TrustedOrigins: []string{"*"}}},
	} {
		if h, err := httpapi.New(c.svc, c.o); err == nil || h != nil {
			t.Errorf("%s was taken", c.name)
		}
	}
}
