package httpapi_test

import (
	"context"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/httpapi"
)

func resetBody(code, password string) string {
	return fmt.Sprintf(`{"code":%q,"newPassword":%q}`, code, password)
}

func TestTheLifeOfAUser(t *testing.T) {
	s := startStaffed(t)
	why := "?why=" + url.QueryEscape("ticket 7: „left“")
	path := func(u api.UserInfo) string { return "/admin/api/users/" + url.PathEscape(u.ID) }

	u := read[api.UserInfo](s.send("POST", "/admin/api/users", `{"userId":" Bob@Example.com ","roles":["reader"],"claims":{"team":"blue"}}`, s.root).is(201, ""))
	want := api.UserInfo{ID: u.ID, UserID: "bob@example.com", Roles: []string{"reader"}, Claims: map[string]any{"team": "blue"}}
	if u.ID == "" || !reflect.DeepEqual(u, want) {
		t.Errorf("created %+v", u)
	}
	s.send("POST", "/admin/api/users", `{"userId":"BOB@example.com"}`, s.root).is(409, "conflict").says("taken")
	s.send("POST", "/admin/api/users", `{"userId":"eve","password":"chosen by somebody else"}`, s.root).is(400, "invalid_request").says(`unknown member "password"`)

	// SECURITY 59: the password is the person's.
	offer := read[api.ResetOffer](s.send("POST", path(u)+"/reset", "", s.root).is(201, ""))
	s.send("POST", "/api/password/reset", resetBody(offer.Code, pass)).is(204, "").keepsCookie()
	in := s.send("POST", "/api/login", loginBody("bob@example.com", pass), own).is(200, "")
	if got := read[api.UserInfo](s.send("GET", path(u), "", s.root).is(200, "")); !got.HasPassword {
		t.Errorf("%+v", got)
	}

	got := read[api.UserInfo](s.send("PATCH", path(u), `{"userId":"robert","roles":["writer"]}`, s.root).is(200, ""))
	if got.UserID != "robert" || !slices.Equal(got.Roles, []string{"writer"}) || got.Claims["team"] != "blue" || got.Disabled {
		t.Errorf("changed: %+v", got)
	}
	s.send("PATCH", path(u), `{"claims":{}}`, s.root).is(200, "")
	turned := s.turn(in.cookie.Value)
	if me := read[api.Me](s.send("GET", "/api/session", "", bearer(s.send("POST", "/api/reissue", "", cookie(turned), own).is(200, "").tokens.AccessToken)).is(200, "")); !slices.Equal(me.Roles, []string{"writer"}) || len(me.Claims) > 0 {
		t.Errorf("after the reissue: %+v", me)
	}
	s.send("PATCH", path(u), `{"userId":"root"}`, s.root).is(409, "conflict").says("taken")

	// SECURITY 25: out is out.
	s.send("PATCH", path(u)+why, `{"disabled":true}`, s.root).is(200, "")
	s.send("GET", "/api/session", "", bearer(in.tokens.AccessToken)).is(401, "login_required disabled")
	s.send("POST", "/api/reissue", "", cookie(turned), own).is(401, "login_required disabled").keepsCookie()
	s.send("POST", "/api/login", loginBody("robert", pass), own).is(401, "login_required disabled")
	s.send("PATCH", path(u), `{"disabled":false}`, s.root).is(200, "")
	again := s.send("POST", "/api/login", loginBody("robert", pass), own).is(200, "")

	// SYSTEM B13
	s.send("DELETE", path(u)+why, "", s.root).is(204, "")
	s.send("GET", "/api/session", "", bearer(again.tokens.AccessToken)).is(401, "login_required disabled")
	s.send("POST", "/api/reissue", "", cookie(again.cookie.Value), own).is(401, "login_required disabled").keepsCookie()
	s.send("POST", "/api/login", loginBody("robert", pass), own).is(401, "invalid_credentials")
	for _, route := range []string{"GET ", "PATCH ", "DELETE ", "POST "} {
		method, _ := split(route + "x")
		at, body := path(u)+why, ""
		switch method {
		case "GET":
			at = path(u)
		case "PATCH":
			body = `{"roles":[]}`
		case "POST":
			at = path(u) + "/reset"
		}
		s.send(method, at, body, s.root).is(404, "not_found").says("no user")
	}
}

func TestWhatAPatchMayBe(t *testing.T) {
	s := startStaffed(t)
	u := s.Add(pawl.User{ID: "id-anna", Login: "anna", Roles: []string{"a"}, Claims: map[string]any{"b": "c"}})
	for _, c := range []struct {
		body   string
		status int
		says   string
	}{
		{`{}`, 400, "changes nothing"},
		{``, 400, "missing"},
		{`{"userId":null}`, 400, `"userId" is null`},
		{`{"roles":null}`, 400, `"roles" is null`},
		{`{"claims":null}`, 400, `"claims" is null`},
		{`{"disabled":null}`, 400, `"disabled" is null`},
		{`{"disabled":true}`, 400, "why"},
		{`{"userId":""}`, 400, "missing"},
		{`{"userId":"a\u0000b"}`, 400, "control"},
		{`{"roles":[""]}`, 400, "a role is empty"},
		{`{"roles":[null]}`, 400, "a role is empty"},
		{`{"claims":{"sub":"id-root"}}`, 400, "sub"},
		{`{"claims":{"x":"` + strings.Repeat("y", 5000) + `"}}`, 400, "bytes"},
		{`{"claims":[]}`, 400, `"claims" must be a map`},
		{`{"password":"x"}`, 400, "unknown member"},
		{`{"passwordHash":"x"}`, 400, "unknown member"},
		{`{"id":"x"}`, 400, "unknown member"},
		{`{"claims":{"x":"` + strings.Repeat("y", httpapi.MaxBody) + `"}}`, 413, "KiB"},
	} {
		s.send("PATCH", "/admin/api/users/id-anna", c.body, s.root).is(c.status, "invalid_request").says(c.says)
	}
	if now, err := s.Service.User(context.Background(), u.ID); err != nil || !reflect.DeepEqual(now, u) {
		t.Errorf("%v; now %+v", err, now)
	}
	s.send("POST", "/admin/api/users", `{"userId":"x","claims":{"exp":1}}`, s.root).is(400, "invalid_request")
}

func TestUsersArePaged(t *testing.T) {
	s := startStaffed(t)
	want := []string{"id-root"}
	for i := range 23 {
		u := pawl.User{ID: fmt.Sprintf("Person/%02d", i)}
		if i%3 > 0 { // every third has no login
			u.Login = fmt.Sprintf("p%02d@example.com", (i*7)%23)
		}
		s.Add(u)
		want = append(want, u.ID)
	}
	all := func(query string) (ids []string) {
		next := ""
		for range 40 {
			p := read[api.UserPage](s.send("GET", "/admin/api/users?limit=4"+query+next, "", s.root).is(200, ""))
			for _, u := range p.Users {
				ids = append(ids, u.ID)
			}
			if len(p.Users) > 4 || p.More != (p.Next != "") {
				t.Fatalf("page %+v", p)
			}
			if !p.More {
				return ids
			}
			next = "&after=" + p.Next
		}
		t.Fatal("no end of pages")
		return nil
	}
	check := func(query string, want []string) {
		got := all(query)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d users %v, want %d %v", query, len(got), got, len(want), want)
		}
	}
	check("", want)
	var logins []string
	for i := range 23 {
		if i%3 > 0 {
			logins = append(logins, fmt.Sprintf("Person/%02d", i))
		}
	}
	check("&search=%20@EXAMPLE.", logins)
	check("&search=Person/06", []string{"Person/06"}) // has no login
	check("&search=person/06", nil)
	check("&search=nobody", nil)
	if p := read[api.UserPage](s.send("GET", "/admin/api/users", "", s.root).is(200, "")); len(p.Users) != 24 || p.More {
		t.Errorf("without parameters: %d users, more: %v", len(p.Users), p.More)
	}
}

func TestQueriesAreStrict(t *testing.T) {
	s := startStaffed(t)
	long := strings.Repeat("é", 201)
	for _, c := range []struct {
		route, says string
	}{
		{"GET /admin/api/users?limit=0", "1 to 200"},
		{"GET /admin/api/users?limit=201", "1 to 200"},
		{"GET /admin/api/users?limit=", "1 to 200"},
		{"GET /admin/api/users?limit=1&limit=2", "twice"},
		{"GET /admin/api/users?after=%21", "unchanged"},
		{"GET /admin/api/users?Search=x", "unknown query parameter"},
		{"GET /admin/api/users?why=x", "unknown query parameter"},
		{"GET /admin/api/users?search=%zz", "well-formed"},
		{"GET /admin/api/users?search=a;b=c", "well-formed"},
		{"GET /admin/api/clients?limit=201", "1 to 200"},
		{"GET /admin/api/clients?after=%21", "unchanged"},
		{"GET /admin/api/feed?limit=0", "1 to 200"},
		{"GET /admin/api/keys?limit=1", "no query parameters"},
		{"GET /admin/api/users/id-root/sessions?limit=0", "1 to 200"},
		{"GET /admin/api/users/id-root/sessions?after=1.x", "Begin without one"},
		{"GET /admin/api/users?access_token=x", "never in the URL"}, // SECURITY 52
		{"GET /admin/api/sessions?from=yesterday", "must be a time"},
		{"GET /admin/api/sessions?to=2026-01-02", "must be a time"},
		{"GET /admin/api/sessions?address=example.com", "must be an address"},
		{"GET /admin/api/sessions?address=10.0.0.0/33", "must be an address"},
		{"GET /admin/api/sessions?after=x", "Begin without one"},
		{"GET /admin/api/audit?after=x", "Begin without one"},
		{"GET /admin/api/audit?limit=x", "1 to 200"},
		{"GET /admin/api/audit?from=x", "must be a time"},
		{"DELETE /admin/api/sessions", "Say why"},
		{"DELETE /admin/api/sessions?why=", "1 to 200 printable"},
		{"DELETE /admin/api/sessions?why=%20", "1 to 200 printable"},
		{"DELETE /admin/api/sessions?why=a%0Ab", "printable"},
		{"DELETE /admin/api/sessions?why=%E2%80%AEa", "printable"},
		{"DELETE /admin/api/sessions?why=%ff", "UTF-8"},
		{"DELETE /admin/api/sessions?why=" + url.QueryEscape(long), "1 to 200"},
		{"DELETE /admin/api/sessions?why=a&why=b", "twice"},
		{"DELETE /admin/api/users/id-root", "Say why"},
		{"DELETE /admin/api/users/id-root/sessions", "Say why"},
		{"DELETE /admin/api/users/id-root/sessions/x", "Say why"},
		{"DELETE /admin/api/clients/only-feed", "Say why"},
		{"DELETE /admin/api/keys/x", "Say why"},
		{"POST /admin/api/keys", "Say why"},
	} {
		method, path := split(c.route)
		s.send(method, path, "", s.root).is(400, "invalid_request").says(c.says)
	}
	s.send("DELETE", "/admin/api/users/id-root/sessions?why="+url.QueryEscape(long[2:]), "", s.root).is(200, "")
}

// Subjects are the user table's: any byte can be in them.
func TestSubjectsArePathSegments(t *testing.T) {
	s := startStaffed(t)
	for i, id := range []string{
		"a@example.com", "a/b", "//", "/a/", "a//b", "../../healthz", "..", ".", "a b", "ä€", "a%2Fb", "a?b#c", "sessions", "a+b", "a:b;c,d=e&f", `"\<>`, "\x7f",
	} {
		t.Run(fmt.Sprintf("%q", id), func(t *testing.T) {
			s.Add(pawl.User{ID: id, Login: fmt.Sprint("login", i)})
			tokens := s.SignIn(id)
			at := "/admin/api/users/" + strings.ReplaceAll(url.PathEscape(id), ".", "%2E")
			if got := read[api.UserInfo](s.send("GET", at, "", s.root).is(200, "")); got.ID != id {
				t.Errorf("got %q", got.ID)
			}
			p := read[api.SessionPage](s.send("GET", at+"/sessions", "", s.root).is(200, ""))
			if len(p.Sessions) != 1 || p.Sessions[0].User != id || p.Sessions[0].ID != tokens.SessionID {
				t.Errorf("sessions %+v", p)
			}
			s.send("DELETE", at+"/sessions/"+tokens.SessionID+"?why=x", "", s.root).is(204, "")
			s.send("DELETE", at+"?why=x", "", s.root).is(204, "")
			s.send("GET", at, "", s.root).is(404, "not_found")
		})
	}
	// What is not encoded is a path, and no other name of a user.
	for _, path := range []string{"/admin/api/users/../users", "/admin/api/users//sessions", "/admin/api/users/", "/admin/api/users/./sessions", "/admin/api/users/a/b"} {
		s.send("GET", path, "", s.root).is(404, "not_found").says("nothing at this path")
	}
}
