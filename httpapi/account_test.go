package httpapi_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

func split(route string) (method, path string) {
	method, path, _ = strings.Cut(route, " ")
	return method, path
}

func passwordBody(current, next string) string {
	b, _ := json.Marshal(api.PasswordRequest{CurrentPassword: current, NewPassword: next})
	return string(b)
}

func setupBody(code, login, password string) string {
	b, _ := json.Marshal(api.SetupRequest{Code: code, UserID: login, Password: password})
	return string(b)
}

func TestAPasswordChangeEndsTheOtherSessions(t *testing.T) {
	s := start(t)
	u := s.AddUser("anna", pass)
	here, other := s.SignIn(u.ID), s.SignIn(u.ID)
	s.send("POST", "/api/password", passwordBody("not the password", pass2), bearer(here.AccessToken)).is(401, "invalid_credentials")
	s.send("POST", "/api/password", passwordBody(pass, "short"), bearer(here.AccessToken)).is(400, "invalid_request")
	s.send("GET", "/api/session", "", bearer(other.AccessToken)).is(200, "")

	a := s.send("POST", "/api/password", passwordBody(pass, pass2), bearer(here.AccessToken)).is(200, "").keepsCookie()
	if a.header.Get("Cache-Control") != "no-store" {
		t.Error("SECURITY 50: the answer may be cached")
	}
	s.send("GET", "/api/session", "", bearer(a.tokens.AccessToken)).is(200, "")
	s.send("GET", "/api/session", "", bearer(other.AccessToken)).is(401, "login_required password_changed")
	s.send("POST", "/api/reissue", "", cookie(other.RefreshToken), own).is(401, "login_required password_changed").keepsCookie()
	s.send("POST", "/api/reissue", "", cookie(here.RefreshToken), own).is(200, "")
	s.send("POST", "/api/login", loginBody("anna", pass), own).is(401, "invalid_credentials")
	s.send("POST", "/api/login", loginBody("anna", pass2), own).is(200, "")
}

func TestWhereUsersAreSomebodyElsesPasswordsAreNotChangedHere(t *testing.T) {
	s := start(t, withConfig(func(c *pawl.Config) { c.Users = struct{ pawl.Users }{c.Users} }))
	if err := s.store.CreateUser(t.Context(), pawl.User{ID: "id-anna", Login: "anna"}); err != nil {
		t.Fatal(err)
	}
	tokens := s.SignIn("id-anna")
	s.send("POST", "/api/password", passwordBody(pass, pass2), bearer(tokens.AccessToken)).is(404, "not_found")
	s.send("POST", "/api/setup", setupBody("x", "root", pass), own).is(404, "not_found")
}

func TestSetupMakesTheFirstAdministratorOnce(t *testing.T) { // SECURITY 44
	s := start(t)
	s.AddUser("anna", pass)
	code, err := s.Service.OfferSetup(t.Context())
	if err != nil || code == "" {
		t.Fatalf("code %q: %v", code, err)
	}
	s.send("POST", "/api/setup", setupBody("not the code", "root", pass)).is(403, "access_denied").says("code")
	s.send("POST", "/api/setup", setupBody(code, "", pass)).is(400, "invalid_request").says("userId")
	s.send("POST", "/api/setup", setupBody(code, "root", "short")).is(400, "invalid_request")
	s.send("POST", "/api/setup", setupBody(code, "Anna", pass)).is(409, "conflict")
	a := s.send("POST", "/api/setup", setupBody(code, "Root", pass)).is(201, "").keepsCookie()
	var made api.Created
	if err := json.Unmarshal([]byte(a.body), &made); err != nil || made.UserID != "root" || made.ID == "" {
		t.Errorf("%v: %s", err, a.body)
	}
	s.send("POST", "/api/setup", setupBody(code, "root2", pass)).is(403, "access_denied")

	login := s.send("POST", "/api/login", loginBody("root", pass), own).is(200, "")
	me := s.send("GET", "/api/session", "", bearer(login.tokens.AccessToken)).is(200, "")
	if !strings.Contains(me.body, `"roles":["admin"]`) {
		t.Errorf("me: %s", me.body)
	}
}

func TestTheStoreFailingIsAlways503(t *testing.T) { // SECURITY 62
	s := start(t)
	u := s.AddUser("anna", pass)
	tokens := s.SignIn(u.ID)
	s.StoreDown(true)
	for _, c := range []struct {
		route, body string
		headers     []string
	}{
		{"POST /api/login", loginBody("anna", pass), []string{own}},
		{"POST /api/reissue", "", []string{cookie(tokens.RefreshToken), own}},
		{"POST /api/logout", "", []string{cookie(tokens.RefreshToken), own}},
		{"GET /api/sessions", "", []string{bearer(tokens.AccessToken)}},
		{"POST /api/password", passwordBody(pass, pass2), []string{bearer(tokens.AccessToken)}},
		{"POST /api/setup", setupBody("x", "root", pass), nil},
		{"GET /readyz", "", nil},
	} {
		t.Run(c.route, func(t *testing.T) {
			method, path := split(c.route)
			a := s.send(method, path, c.body, c.headers...).is(503, "unavailable").keepsCookie()
			if a.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			if strings.Contains(a.body, "pawltest") {
				t.Errorf("SECURITY 61: the cause is told: %s", a.body)
			}
		})
	}
	// What needs no store goes on.
	s.send("GET", "/api/session", "", bearer(tokens.AccessToken)).is(200, "")
	s.send("GET", "/api/verify", "", bearer(tokens.AccessToken)).is(204, "")
	s.send("GET", "/.well-known/jwks.json", "").is(200, "")
	s.send("GET", "/healthz", "").is(200, "")
}

func TestARacedPasswordChangeIsAConflict(t *testing.T) {
	s := start(t, withConfig(func(c *pawl.Config) { c.Users = racedUsers{c.Users.(pawl.UserStore)} }))
	u := s.AddUser("anna", pass)
	tokens := s.SignIn(u.ID)
	s.send("POST", "/api/password", passwordBody(pass, pass2), bearer(tokens.AccessToken)).is(409, "conflict")
}

// racedUsers is a user table where somebody else is always faster.
type racedUsers struct{ pawl.UserStore }

func (racedUsers) SetPasswordHash(context.Context, string, string, string) error {
	return pawl.ErrConflict
}
