package httpapi_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

// adminRoute is a route of the administration, and how a good request of
// somebody who may is answered.
type adminRoute struct {
	route  string
	body   string
	scope  string // "": administrators only
	noOne  bool   // no administrator either
	status int
}

var adminRoutes = []adminRoute{
	{"GET /admin/api/users", "", "users", false, 200},
	{"POST /admin/api/users", `{"userId":"new"}`, "users", false, 201},
	{"GET /admin/api/users/id-anna", "", "users", false, 200},
	{"PATCH /admin/api/users/id-anna", `{"roles":["reader"]}`, "users", false, 200},
	{"PATCH /admin/api/users/id-anna?why=x", `{"disabled":true}`, "users", false, 200},
	{"DELETE /admin/api/users/id-anna?why=x", "", "users", false, 204},
	{"POST /admin/api/users/id-anna/reset", "", "users", false, 201},
	{"GET /admin/api/users/id-anna/sessions", "", "sessions", false, 200},
	{"DELETE /admin/api/users/id-anna/sessions?why=x", "", "sessions", false, 200},
	{"DELETE /admin/api/users/id-anna/sessions/{sid}?why=x", "", "sessions", false, 204},
	{"GET /admin/api/sessions", "", "sessions", false, 200},
	{"DELETE /admin/api/sessions?why=x", "", "", false, 204},
	{"GET /admin/api/clients", "", "", false, 200},
	{"POST /admin/api/clients", `{"id":"new","scopes":["users"]}`, "", false, 201},
	{"DELETE /admin/api/clients/only-feed?why=x", "", "", false, 204},
	{"GET /admin/api/keys", "", "", false, 200},
	{"POST /admin/api/keys?why=x", `{"use":"access"}`, "", false, 201},
	{"DELETE /admin/api/keys/{kid}?why=x", "", "", false, 200},
	{"GET /admin/api/audit", "", "", false, 200},
	{"GET /admin/api/activity", "", "", false, 200},
	{"GET /admin/api/feed", "", "", false, 200},
	{"POST /api/sessions", `{"userId":"id-anna"}`, "sessions", true, 201},
}

// prepared adds what the routes are about and fills in the path.
func (s *staffed) prepared(route string) (method, path string) {
	s.t.Helper()
	_, tokens := s.anna()
	keys, err := s.Service.Keys(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	return split(strings.NewReplacer("{sid}", tokens.SessionID, "{kid}", keys[0].ID).Replace(route))
}

// SECURITY 60: those who may not, and what they are told. A refusal changes
// nothing and leaves no audit entry.
func TestWhoMayNotAdminister(t *testing.T) {
	ctx := context.Background()
	admin := func(s *staffed, id string) string {
		s.Add(pawl.User{ID: id, Login: id, Roles: []string{pawl.RoleAdmin}})
		return bearer(s.AdminToken(id))
	}
	change := func(s *staffed, id string, c pawl.UserChange) {
		if _, err := s.Service.UpdateUser(ctx, id, c); err != nil {
			s.t.Fatal(err)
		}
	}
	yes, none := true, []string{"reader"}
	for _, c := range []struct {
		name      string
		who       func(*staffed) []string
		status    int
		code      string
		challenge string
	}{
		{"nobody", func(*staffed) []string { return nil }, 401, "access_denied", ""},
		{"a refresh cookie", func(s *staffed) []string {
			s.Add(pawl.User{ID: "c", Login: "c", Roles: []string{pawl.RoleAdmin}})
			return []string{cookie(s.SignIn("c").RefreshToken)}
		}, 401, "access_denied", ""},
		{"a user", func(s *staffed) []string {
			s.Add(pawl.User{ID: "u", Login: "u", Roles: []string{"administrator", "Admin"}})
			return []string{bearer(s.SignIn("u").AccessToken)}
		}, 403, "access_denied", ""},
		{"an administrator whose role was taken, with the old token", func(s *staffed) []string {
			token := admin(s, "demoted")
			change(s, "demoted", pawl.UserChange{Roles: &none})
			return []string{token}
		}, 403, "access_denied", ""},
		{"a disabled administrator", func(s *staffed) []string {
			token := admin(s, "banned")
			change(s, "banned", pawl.UserChange{Disabled: &yes})
			return []string{token}
		}, 401, "login_required disabled", `Bearer realm="pawl", error=`},
		{"an administrator disabled in another user table", func(s *staffed) []string {
			token := admin(s, "banned")
			s.Disable("banned", true)
			return []string{token}
		}, 401, "login_required disabled", `Bearer realm="pawl", error=`},
		{"a deleted administrator", func(s *staffed) []string {
			token := admin(s, "gone")
			if err := s.store.DeleteUser(ctx, "gone"); err != nil {
				s.t.Fatal(err)
			}
			return []string{token}
		}, 401, "login_required disabled", `Bearer realm="pawl", error=`},
		{"an administrator who signed out", func(s *staffed) []string {
			s.Add(pawl.User{ID: "out", Login: "out", Roles: []string{pawl.RoleAdmin}})
			token := s.AdminToken("out")
			if err := s.Service.Logout(ctx, api.ReissueRequest{AccessToken: token}); err != nil {
				s.t.Fatal(err)
			}
			return []string{bearer(token)}
		}, 401, "login_required signed_out", `Bearer realm="pawl", error=`},
		{"a client with another scope", func(s *staffed) []string { return []string{s.clients["feed"]} }, 403, "access_denied", ""},
		{"a wrong secret", func(*staffed) []string { return []string{basic("only-users", "x")} }, 401, "invalid_credentials", `Basic realm="pawl"`},
		{"an unknown client", func(*staffed) []string { return []string{basic("nobody", "x")} }, 401, "invalid_credentials", `Basic realm="pawl"`},
		{"a removed client", func(s *staffed) []string {
			if err := s.Service.RemoveClient(ctx, "only-users"); err != nil {
				s.t.Fatal(err)
			}
			return []string{s.clients["users"]}
		}, 401, "invalid_credentials", `Basic realm="pawl"`},
		{"no base64", func(*staffed) []string { return []string{"Authorization: Basic a:b"} }, 401, "invalid_credentials", `Basic realm="pawl"`},
		{"Basic and nothing", func(*staffed) []string { return []string{"Authorization: basic"} }, 401, "invalid_credentials", `Basic realm="pawl"`},
		{"SECURITY 53: Digest", func(*staffed) []string { return []string{"Authorization: Digest x=y"} }, 401, "access_denied", `Bearer realm="pawl"`},
		{"SECURITY 53: garbage", func(*staffed) []string { return []string{"Authorization: garbage"} }, 401, "access_denied", `Bearer realm="pawl"`},
		{"SECURITY 52: Basic and Bearer", func(s *staffed) []string { return []string{s.clients["users"], s.root} }, 400, "invalid_request", ""},
		{"SECURITY 52: Bearer twice", func(s *staffed) []string { return []string{s.root, s.root} }, 400, "invalid_request", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := startStaffed(t)
			who := c.who(s)
			s.anna()
			end := s.auditEnd()
			for _, r := range adminRoutes {
				method, path := split(strings.NewReplacer("{sid}", "x", "{kid}", "x").Replace(r.route))
				status, code := c.status, c.code
				if r.noOne && len(who) > 0 && strings.HasPrefix(who[0], "Authorization: Bearer") && c.status != 400 {
					status, code = 403, "access_denied" // not even looked at
				}
				a := s.send(method, path, r.body, append(who, own)...).is(status, code).keepsCookie()
				if got := a.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, c.challenge) && !r.noOne {
					t.Errorf("%s: WWW-Authenticate: %s, want %s", r.route, got, c.challenge)
				}
			}
			if kinds := s.audited(&end, "", ""); len(kinds) > 0 {
				t.Errorf("audit entries: %v", kinds)
			}
		})
	}
}

// SECURITY 60: those who may, with the scope that it takes.
func TestWhoMayAdminister(t *testing.T) {
	for _, r := range adminRoutes {
		for _, who := range []string{"admin", "users", "sessions", "feed"} {
			t.Run(fmt.Sprint(r.route, " ", who), func(t *testing.T) {
				t.Parallel()
				s := startStaffed(t)
				method, path := s.prepared(r.route)
				header, may := s.clients[who], r.scope == who
				if who == "admin" {
					header, may = s.root, !r.noOne
				}
				a := s.send(method, path, r.body, header)
				switch {
				case may:
					a.is(r.status, "")
				case r.scope == "":
					a.is(403, "access_denied").says("administrators only")
				default:
					a.is(403, "access_denied").says("registered clients only", "the scope "+r.scope)
				}
			})
		}
	}
}

// What id and secret may be made of, byte for byte (RFC 6749 section 2.3.1).
func TestBasicCredentials(t *testing.T) {
	s := startStaffed(t)
	_, secret, err := s.Service.AddClient(context.Background(), "a.b-c_d", []string{"users"})
	if err != nil {
		t.Fatal(err)
	}
	ok := strings.TrimPrefix(basic("a.b-c_d", secret), "Authorization: Basic ")
	for _, c := range []struct {
		name, header string
		status       int
	}{
		{"plain", "Authorization: Basic " + ok, 200},
		{"another case of the scheme", "Authorization: bASIC " + ok, 200},
		{"two spaces", "Authorization: Basic  " + ok, 200},
		{"percent-encoded", rawBasic("a%2Eb%2Dc_d:" + secret), 200},
		{"the secret of another id", rawBasic("only-users:" + secret), 401},
		{"a letter more", rawBasic("a.b-c_d:" + secret + "x"), 401},
		{"a bad escape", rawBasic("a.b-c_d:%zz"), 401},
		{"no colon", rawBasic("a.b-c_d"), 401},
		{"no id", rawBasic(":" + secret), 401},
		{"no secret", rawBasic("a.b-c_d:"), 401},
		{"an id of another case", rawBasic("A.B-C_D:" + secret), 401},
		{"control characters", rawBasic("a\x00b:c\r\n"), 401},
	} {
		if a := s.send("GET", "/admin/api/users", "", c.header); a.status != c.status {
			t.Errorf("%s: %d %s", c.name, a.status, a.body)
		} else if a.status == 401 && a.header.Get("WWW-Authenticate") != `Basic realm="pawl"` {
			t.Errorf("%s: WWW-Authenticate: %s", c.name, a.header.Get("WWW-Authenticate"))
		}
	}
}

// SECURITY 60: a registered client is no administrator by a detour.
func TestClientsCanNeitherMakeNorTouchAdministrators(t *testing.T) {
	s := startStaffed(t)
	s.anna()
	sid := s.SignIn("id-root").SessionID
	end := s.auditEnd()
	for _, c := range []struct{ scope, route, body string }{
		{"users", "POST /admin/api/users", `{"userId":"eve","roles":["reader","admin"]}`},
		{"users", "PATCH /admin/api/users/id-anna", `{"roles":["admin"]}`},
		{"users", "PATCH /admin/api/users/id-root", `{"userId":"eve"}`},
		{"users", "PATCH /admin/api/users/id-root", `{"claims":{"x":1}}`},
		{"users", "PATCH /admin/api/users/id-root", `{"roles":[]}`},
		{"users", "PATCH /admin/api/users/id-root?why=x", `{"disabled":true}`},
		{"users", "DELETE /admin/api/users/id-root?why=x", ""},
		{"users", "POST /admin/api/users/id-root/reset", ""},
		{"sessions", "DELETE /admin/api/users/id-root/sessions?why=x", ""},
		{"sessions", "DELETE /admin/api/users/id-root/sessions/" + sid + "?why=x", ""},
		{"sessions", "POST /api/sessions", `{"userId":"id-root"}`},
		{"sessions", "POST /api/sessions", `{"userId":"id-root","roles":[]}`},
		{"sessions", "POST /api/sessions", `{"userId":"id-anna","roles":["admin"]}`},
		{"sessions", "POST /api/sessions", `{"userId":"id-new","roles":["admin"]}`},
	} {
		method, path := split(c.route)
		s.send(method, path, c.body, s.clients[c.scope]).is(403, "access_denied").says("administrator")
	}
	s.send("GET", "/admin/api/users/id-root", "", s.root).is(200, "")
	s.send("GET", "/admin/api/users/id-new", "", s.root).is(404, "not_found")
	if kinds := s.audited(&end, "", ""); len(kinds) > 0 {
		t.Errorf("audit entries: %v", kinds)
	}
}

// What a registered client holds of a user does not become an administrator's.
func TestAPromotionVoidsWhatClientsHold(t *testing.T) {
	s := startStaffed(t)
	s.anna()
	offer := read[api.ResetOffer](s.send("POST", "/admin/api/users/id-anna/reset", "", s.clients["users"]).is(201, ""))
	held := s.send("POST", "/api/sessions", `{"userId":"id-anna"}`, s.clients["sessions"]).is(201, "").tokens
	s.send("PATCH", "/admin/api/users/id-anna", `{"roles":["admin"]}`, s.root).is(200, "")

	s.send("GET", "/api/session", "", bearer(held.AccessToken)).is(401, "login_required ended_by_admin")
	s.send("POST", "/api/reissue", refreshBody(held.RefreshToken)).is(401, "login_required ended_by_admin")
	s.send("POST", "/api/password/reset", resetBody(offer.Code, pass)).is(403, "access_denied")
	s.send("POST", "/api/sessions", `{"userId":"id-anna"}`, s.clients["sessions"]).is(403, "access_denied")

	next := bearer(s.AdminToken("id-anna"))
	s.send("PATCH", "/admin/api/users/id-anna", `{"roles":["admin","reader"]}`, s.root).is(200, "")
	s.send("GET", "/admin/api/users", "", next).is(200, "") // no promotion: nothing ends
}

// Demotion acts at once, whatever the token says.
func TestADemotionActsAtOnce(t *testing.T) {
	s := startStaffed(t)
	s.Add(pawl.User{ID: "id-two", Login: "two", Roles: []string{pawl.RoleAdmin}})
	two, own := bearer(s.AdminToken("id-two")), s.SignIn("id-two")
	s.send("GET", "/admin/api/keys", "", two).is(200, "")
	s.send("PATCH", "/admin/api/users/id-two", `{"roles":[]}`, s.root).is(200, "")
	s.send("GET", "/admin/api/keys", "", two).is(403, "access_denied").says("any more")
	s.send("PATCH", "/admin/api/users/id-two", `{"roles":["admin"]}`, two).is(403, "access_denied")
	s.send("GET", "/api/session", "", bearer(own.AccessToken)).is(200, "") // still signed in
}
