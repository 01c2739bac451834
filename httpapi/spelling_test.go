package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/httpapi"
)

// A filter in front that goes by the path as it was sent must see every request
// for a route.
func TestRoutesHaveOneSpelling(t *testing.T) {
	s := startStaffed(t)
	s.Add(pawl.User{ID: "ann", Login: "ann@example.com"})
	s.Add(pawl.User{ID: "their/7", Login: "seven@example.com"})
	s.Add(pawl.User{ID: "a b~c:d", Login: "eight@example.com"})
	public, err := httpapi.New(s.Service, httpapi.Options{Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	admin, err := httpapi.NewAdmin(s.Service, httpapi.Options{Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path   string
		status int
	}{
		{"/admin/api/users", 200},
		{"/%61dmin/api/users", 404},
		{"/admin/%61pi/users", 404},
		{"/admin/api/user%73", 404},
		{"/admin/api/users?limit=%31", 200}, // the query is decoded as ever
		{"/admin%2fapi/users", 404},
		{"/admin/api%2Fusers", 404},
		{"/admin%2fapi%2fusers", 404},
		{"/admin//api/users", 404},
		{"//admin/api/users", 404},
		{"/./admin/api/users", 404},
		{"/admin/./api/users", 404},
		{"/x/../admin/api/users", 404},
		{"/admin/x/../api/users", 404},
		{"/x/%2e%2e/admin/api/users", 404},
		{"/admin/%2e/api/users", 404},
		{"/admin/api/users/", 404},
		{"/admin/api/users%2f", 404},
		{"/admin/api/users%00", 404},
		{"/admin/api/users%20", 404},
		{"/admin%5capi/users", 404},
		{`/admin\api/users`, 404},
		{"/admin/api/users;x", 404},
		{"/Admin/api/users", 404},
		{"/%2561dmin/api/users", 404},
		// identifiers
		{"/admin/api/users/ann", 200},
		{"/admin/api/users/%61nn", 404},
		{"/admin/api/users/an%6E", 404},
		{"/admin/api/users/ann/session%73", 404},
		{"/admin/api/users/ann%2fsessions", 404},
		{"/%61dmin/api/users/their%2F7", 404},
		{"/admin/api/users/their%2F7", 200},
		{"/admin/api/users/their%2f7", 200},
		{"/admin/api/users/their%2F7/sessions", 200},
		{"/admin/api/users/their%2F7/%73essions", 404},
		{"/admin/api/users/their/7", 404},
		{"/admin/api/users/a%20b~c:d", 200},
		{"/admin/api/users/a%20b~c%3Ad", 200}, // as encodeURIComponent writes it
		{"/admin/api/users/a%20b%7Ec:d", 404},
		// what needs no token
		{"/healthz", 200},
		{"/health%7a", 404},
		{"//healthz", 404},
		{"/openapi.yaml", 200},
		{"/openapi%2eyaml", 404},
	} {
		t.Run(c.path, func(t *testing.T) {
			for name, h := range map[string]http.Handler{"public": public, "admin_listen": admin} {
				w := httptest.NewRecorder()
				r := httptest.NewRequest("GET", "https://pawl.example"+c.path, http.NoBody)
				header, value, _ := strings.Cut(s.root, ": ")
				r.Header.Set(header, value)
				h.ServeHTTP(w, r)
				if w.Code != c.status {
					t.Errorf("%s: %d, want %d", name, w.Code, c.status)
				}
			}
		})
	}
	// The public listener's other roots.
	for _, path := range []string{"/%61pi/session", "/api/sess%69on", "/%2ewell-known/jwks.json", "/.well-known/jwks%2Ejson", "/api%2fsession", "/api/x/../session"} {
		s.send("GET", path, "", s.root).is(404, "not_found").says("nothing at this path")
	}
}
