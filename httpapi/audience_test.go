package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/guard"
	"github.com/pawlauth/pawl/token"
)

const orders = "https://orders.example.com"

// forge signs an access token as the service would, for the given audiences: the
// service itself never makes most of those.
func (s *server) forge(t api.Tokens, audience ...string) string {
	s.t.Helper()
	a, err := s.Guard().Check(t.AccessToken)
	if err != nil {
		s.t.Fatal(err)
	}
	forged := *a
	forged.Audience, forged.ID = audience, token.NewID()
	compact, err := s.Service.KeySet().SignAccess(forged)
	if err != nil {
		s.t.Fatal(err)
	}
	return compact
}

// ownRoutes take an access token of any user, for one of the configured audiences.
var ownRoutes = []struct {
	route, body string
	status      int
}{
	{"GET /api/session", "", 200},
	{"GET /api/account", "", 200},
	{"GET /api/events", "", 200},
	{"GET /api/sessions", "", 200},
	{"DELETE /api/sessions/unknown", "", 404},
	{"POST /api/password", `{"currentPassword":"` + pass + `","newPassword":"` + pass2 + `"}`, 401},
	{"GET /api/verify", "", 204},
	{"DELETE /api/sessions", "", 200},
}

// SECURITY 60: every route × every audience × who holds the token. What a resource
// server may be sent opens nothing of the administration, in the default
// configuration too; what opens the administration opens nothing else.
func TestWhatATokenOpens(t *testing.T) {
	for _, setting := range []struct {
		name     string
		audience func(issuer string) []string
	}{
		{"the issuer is the audience", func(issuer string) []string { return []string{issuer} }},
		{"a resource server is", func(string) []string { return []string{orders} }},
		{"both are", func(issuer string) []string { return []string{issuer, orders} }},
	} {
		for _, tok := range []struct {
			name     string
			audience func(s *server) []string // nil: as the service gives it
			own      bool                     // opens what is for every user
			admin    bool                     // opens the administration, for an administrator
			unknown  bool                     // is for others altogether
		}{
			{"of a sign-in", nil, true, false, false},
			{"for the first audience alone", func(s *server) []string { return s.Service.Audience()[:1] }, true, false, false},
			{"for an audience and others", func(s *server) []string { return append([]string{"x"}, s.Service.Audience()...) }, true, false, false},
			{"for the administration", func(s *server) []string { return []string{s.Service.AdminAudience()} }, false, true, false},
			{"for the administration and an audience", func(s *server) []string { return append([]string{s.Service.AdminAudience()}, s.Service.Audience()...) }, true, false, false},
			{"for an audience and the administration", func(s *server) []string { return append(s.Service.Audience()[:1:1], s.Service.AdminAudience()) }, true, false, false},
			{"for the administration and a stranger", func(s *server) []string { return []string{s.Service.AdminAudience(), "https://evil.example"} }, false, false, false},
			{"for the administration twice", func(s *server) []string { return []string{s.Service.AdminAudience(), s.Service.AdminAudience()} }, false, false, false},
			{"for the administration of another issuer", func(*server) []string { return []string{"https://evil.example/admin"} }, false, false, true},
			{"for the administration, with a slash", func(s *server) []string { return []string{s.Service.AdminAudience() + "/"} }, false, false, true},
			{"for the administration, in other case", func(s *server) []string { return []string{strings.ToUpper(s.Service.AdminAudience())} }, false, false, true},
		} {
			t.Run(fmt.Sprint(setting.name, "/", tok.name), func(t *testing.T) {
				t.Parallel()
				s := startStaffed(t, withConfig(func(c *pawl.Config) { c.Audience = setting.audience(c.Issuer) }))
				s.anna("reader")
				s.http.Transport.(*http.Transport).DisableKeepAlives = false // there are many requests
				for _, who := range []string{"id-root", "id-anna"} {
					held := s.SignIn(who)
					compact := held.AccessToken
					if tok.audience != nil {
						compact = s.forge(held, tok.audience(s.server)...)
					}
					s.opens(compact, tok.own, tok.admin && who == "id-root", tok.unknown)
				}
			})
		}
	}
}

func (s *staffed) opens(compact string, ownRoute, admin, unknown bool) {
	s.t.Helper()
	for _, r := range adminRoutes {
		method, path := split(strings.NewReplacer("{sid}", "x", "{kid}", "x").Replace(r.route))
		if r.noOne || admin && method != "GET" { // those change what the others need; TestWhoMayAdminister has them
			continue
		}
		a := s.send(method, path, r.body, bearer(compact))
		switch {
		case admin:
			a.is(r.status, "")
		case unknown:
			a.is(401, "invalid_token")
		default:
			a.is(403, "access_denied").says("the role admin", "for the administration alone")
		}
	}
	for _, path := range []string{"/api/revocations", "/api/sessions"} {
		method, body := "GET", ""
		if path == "/api/sessions" {
			method, body = "POST", `{"userId":"id-anna"}`
		}
		s.send(method, path, body, bearer(compact)).is(403, "access_denied").says("registered clients only")
	}
	for _, r := range ownRoutes {
		method, path := split(r.route)
		a := s.send(method, path, r.body, bearer(compact))
		switch {
		case !ownRoute:
			a.is(401, "invalid_token")
		case a.status != r.status:
			s.t.Errorf("%s: %d %s", r.route, a.status, a.body)
		}
	}
}

// What is asked for is given to administrators alone, by the rotation rule as it is.
func TestAskingForTheAdministration(t *testing.T) {
	s := startStaffed(t)
	s.anna("reader")
	ask := func(refresh, audience string, headers ...string) answer {
		return s.send("POST", "/api/reissue", fmt.Sprintf(`{"refreshToken":%q,"audience":%q}`, refresh, audience), headers...)
	}
	admin := s.Service.AdminAudience()
	root := s.SignIn("id-root")

	for _, other := range []string{"admin", "/admin", s.URL, pawltestAudience, admin + "/", "https://evil.example/admin"} {
		ask(root.RefreshToken, other).is(400, "invalid_request").says(admin)
	}
	s.send("POST", "/api/logout", fmt.Sprintf(`{"refreshToken":%q,"audience":%q}`, root.RefreshToken, admin)).is(400, "invalid_request").says("unknown member")
	s.send("POST", "/api/login", fmt.Sprintf(`{"userId":"root","password":%q,"audience":%q}`, pass, admin)).is(400, "invalid_request").says("unknown member")
	ask(s.SignIn("id-anna").RefreshToken, admin).is(403, "access_denied").says("role admin").keepsCookie()

	audience := func(a answer) string {
		t.Helper()
		info, err := token.Inspect(a.is(200, "").tokens.AccessToken)
		if err != nil {
			t.Fatal(err)
		}
		var claims struct{ Aud []string }
		if err := unmarshal(info.Claims, &claims); err != nil {
			t.Fatal(err)
		}
		return strings.Join(claims.Aud, " ")
	}
	for i, audienceAsked := range []string{admin, "", admin, admin, ""} { // in the window, in any order: row 4
		want := audienceAsked
		if want == "" {
			want = pawltestAudience
		}
		a := s.send("POST", "/api/reissue", fmt.Sprintf(`{"audience":%q}`, audienceAsked), cookie(root.RefreshToken), own).keepsCookie()
		if got := audience(a); got != want {
			t.Errorf("%d: for %q, want %q", i, got, want)
		}
	}
}

// pawltestAudience is the configured one.
const pawltestAudience = "pawltest"

// A lost answer is asked for again, with either audience, and rotates once.
func TestALostAnswerOfTheAdministration(t *testing.T) {
	for _, c := range []struct{ first, second string }{{"admin", "admin"}, {"admin", ""}, {"", "admin"}} {
		for _, wait := range []time.Duration{0, time.Hour} { // in the window, and by the key
			s := startStaffed(t)
			names := map[string]string{"admin": s.Service.AdminAudience(), "": ""}
			root := s.SignIn("id-root")
			s.Advance(2 * pawl.DefaultReuseWindow)
			const key = "Idempotency-Key: 0123456789abcdef0123456789"
			send := func(audience string) answer {
				return s.send("POST", "/api/reissue", fmt.Sprintf(`{"audience":%q}`, names[audience]), cookie(root.RefreshToken), own, key)
			}
			first := send(c.first).is(200, "")
			s.Advance(wait)
			second := send(c.second).is(200, "")
			if first.cookie == nil || second.cookie == nil || first.cookie.Value != second.cookie.Value {
				t.Errorf("%+v after %v: not the same refresh token", c, wait)
			}
			status := map[string]int{"admin": 200, "": 403}[c.second]
			if a := s.send("GET", "/admin/api/users", "", bearer(second.tokens.AccessToken)); a.status != status {
				t.Errorf("%+v after %v: /admin/api answers %d, want %d", c, wait, a.status, status)
			}
		}
	}
}

// What is refused for want of the role is not rotated: the client keeps a cookie
// that is good, and asks again without losing the session.
func TestARefusedAudienceRotatesNothing(t *testing.T) {
	s := startStaffed(t)
	s.anna("reader")
	held := s.SignIn("id-anna")
	s.Advance(2 * pawl.DefaultReuseWindow)
	ask := func() answer {
		return s.send("POST", "/api/reissue", fmt.Sprintf(`{"audience":%q}`, s.Service.AdminAudience()), cookie(held.RefreshToken), own)
	}
	for range 3 {
		ask().is(403, "access_denied").keepsCookie()
		s.Advance(2 * pawl.DefaultReuseWindow)
	}
	if a := s.send("POST", "/api/reissue", "", cookie(held.RefreshToken), own).is(200, ""); a.cookie == nil {
		t.Error("the refresh token is not the current one")
	}
	s.Advance(2 * pawl.DefaultReuseWindow)
	ask().is(401, "login_required reused") // a used token is one, whatever it asks for
}

// The role is that of the moment, on the way in and at each call.
func TestTheRoleOfTheMoment(t *testing.T) {
	s := startStaffed(t, withConfig(func(c *pawl.Config) { c.UserCache = pawl.DefaultUserCache }))
	s.Add(pawl.User{ID: "id-two", Login: "two", Roles: []string{pawl.RoleAdmin}})
	two := s.SignIn("id-two")
	ask := func() answer {
		return s.send("POST", "/api/reissue", fmt.Sprintf(`{"refreshToken":%q,"audience":%q}`, two.RefreshToken, s.Service.AdminAudience()))
	}
	held := bearer(ask().is(200, "").tokens.AccessToken)
	s.send("GET", "/admin/api/users", "", held).is(200, "")
	none := []string{}
	if _, _, err := s.store.UpdateUser(context.Background(), "id-two", pawl.UserChange{Roles: &none}); err != nil { // on another node
		t.Fatal(err)
	}
	ask().is(403, "access_denied")
	s.send("GET", "/admin/api/users", "", held).is(403, "access_denied").says("any more")
}

// A guard in another process is a resource server: it is never sent what opens the
// administration.
func TestAGuardElsewhereIsNotForTheAdministration(t *testing.T) {
	s := start(t)
	remote := &guard.RemoteIssuer{}
	for _, audience := range [][]string{{s.Service.AdminAudience()}, {"orders", s.Service.AdminAudience()}} {
		if _, err := guard.New(remote, guard.Options{Issuer: s.URL, Audience: audience}); err == nil || !strings.Contains(err.Error(), "for the issuer alone") {
			t.Errorf("%v: %v", audience, err)
		}
	}
}
