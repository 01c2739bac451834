package httpapi_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/httpapi"
)

func TestResetCodes(t *testing.T) {
	s := startStaffed(t, withAPI(func(o *httpapi.Options) { o.ResetURL = "https://app.example.com/new-password" }),
		withConfig(func(c *pawl.Config) { c.ResetTTL = 10 * time.Minute }))
	s.AddUser("anna", pass)
	offer := func() api.ResetOffer {
		return read[api.ResetOffer](s.send("POST", "/admin/api/users/id-anna/reset", "", s.clients["users"]).is(201, ""))
	}
	o := offer()
	if o.Link != "https://app.example.com/new-password#code="+o.Code || !o.ExpiresAt.Equal(s.Clock.Now().Add(10*time.Minute)) {
		t.Errorf("link %s, expires %v", o.Link, o.ExpiresAt)
	}
	session := s.SignIn("id-anna")
	for _, c := range []struct {
		name, body string
		status     int
		code       string
	}{
		{"too short", resetBody(o.Code, "short"), 400, "invalid_request"},
		{"no password", `{"code":"` + o.Code + `"}`, 400, "invalid_request"},
		{"no code", `{"newPassword":"` + pass2 + `"}`, 403, "access_denied"},
		{"a wrong code", resetBody(strings.Repeat("a", 26), pass2), 403, "access_denied"},
		{"too large", resetBody(strings.Repeat("a", httpapi.MaxBody), pass2), 413, "invalid_request"},
		{"right, in upper case", resetBody(" "+strings.ToUpper(o.Code), pass2), 204, ""},
		{"right, once more: the answer was lost", resetBody(o.Code, pass2), 204, ""},
		{"used", resetBody(o.Code, pass), 403, "access_denied"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.send("POST", "/api/password/reset", c.body).is(c.status, c.code).keepsCookie()
		})
	}
	s.send("GET", "/api/session", "", bearer(session.AccessToken)).is(401, "login_required password_changed")
	s.send("POST", "/api/reissue", "", cookie(session.RefreshToken), own).is(401, "login_required password_changed")
	s.send("POST", "/api/login", loginBody("anna", pass2), own).is(200, "")
	s.send("POST", "/api/login", loginBody("anna", pass), own).is(401, "invalid_credentials")

	late := offer()
	s.Advance(10 * time.Minute)
	s.send("POST", "/api/password/reset", resetBody(late.Code, pass)).is(403, "access_denied").says("expired")
	// SECURITY 36: no other site's page sets a password
	s.send("POST", "/api/password/reset", resetBody(offer().Code, pass), "Sec-Fetch-Site: cross-site").is(403, "cross_site")
}

// errClients is a store of clients that cannot answer.
type errClients struct{ pawl.ClientStore }

func (errClients) ClientByID(context.Context, string) (pawl.RegisteredClient, error) {
	return pawl.RegisteredClient{}, errors.New("down")
}

// SECURITY 62: a failing store is 503 for everybody who may, loses nothing and
// changes nothing.
func TestAFailingStoreLosesNothing(t *testing.T) {
	for _, r := range adminRoutes {
		if strings.Contains(r.route, "/clients") || strings.Contains(r.route, "/audit") {
			continue // in stores that the faults leave alone
		}
		t.Run(r.route, func(t *testing.T) {
			t.Parallel()
			s := startStaffed(t)
			method, path := s.prepared(r.route)
			who := s.root
			if r.scope != "" {
				who = s.clients[r.scope]
			}
			s.StoreDown(true)
			a := s.send(method, path, r.body, who).is(503, "unavailable").keepsCookie()
			if a.header.Get("Retry-After") == "" || a.header.Get("WWW-Authenticate") != "" {
				t.Errorf("headers %v", a.header)
			}
			s.StoreDown(false)
			s.send(method, path, r.body, who).is(r.status, "")
		})
	}
	s := startStaffed(t, withConfig(func(c *pawl.Config) { c.Clients = errClients{c.Clients} }))
	if a := s.send("GET", "/admin/api/users", "", s.clients["users"]).is(503, "unavailable"); a.header.Get("WWW-Authenticate") != "" {
		t.Error("a 503 with a challenge")
	}
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	s := start(t, withConfig(func(c *pawl.Config) {
		c.Audit, c.Clients = nil, nil
		c.Users = struct{ pawl.Users }{c.Users} // somebody else's table
	}))
	if err := s.store.CreateUser(t.Context(), pawl.User{ID: "id-root", Login: "root", Roles: []string{pawl.RoleAdmin}}); err != nil {
		t.Fatal(err)
	}
	root := bearer(s.AdminToken("id-root"))
	s.send("GET", "/admin/api/clients", "", root).is(404, "not_found").says("no registered clients")
	s.send("GET", "/admin/api/users", "", basic("a", "b")).is(401, "invalid_credentials")
	s.send("GET", "/admin/api/audit", "", root).is(404, "not_found")
	s.send("GET", "/admin/api/users", "", root).is(404, "not_found").says("not kept here")
	s.send("POST", "/admin/api/users", `{"userId":"x"}`, root).is(404, "not_found")
	s.send("POST", "/api/password/reset", resetBody("x", pass)).is(404, "not_found")
}
