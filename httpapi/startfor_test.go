package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/httpapi"
	"github.com/pawlauth/pawl/pawltest"
)

// private serves another handler of the same service.
func (s *server) private(h http.Handler) *server {
	srv := httptest.NewTLSServer(h)
	s.t.Cleanup(srv.Close)
	return &server{Server: &pawltest.Server{URL: srv.URL}, t: s.t, http: srv.Client()}
}

// What a back end does that checks passwords itself: it starts the session, and
// sends the cookie on.
func TestABackEndSignsSomebodyIn(t *testing.T) {
	s := startStaffed(t)
	a := s.send("POST", "/api/sessions", `{"userId":"their/7","roles":["reader"],"claims":{"team":"blue"},"address":"::ffff:192.0.2.7","agent":"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0","label":"desk"}`, s.clients["sessions"]).is(201, "").keepsCookie()
	set, err := http.ParseSetCookie(a.tokens.SetCookie)
	if err != nil || set.Name != api.CookieName || set.Value != a.tokens.RefreshToken || !set.HttpOnly || !set.Secure ||
		set.SameSite != http.SameSiteLaxMode || set.Path != "/" || set.Domain != "" || set.MaxAge != int((90*24)*3600) {
		t.Errorf("%v: %+v", err, set)
	}
	browser := cookie(set.Value)
	me := read[api.Me](s.send("GET", "/api/session", "", bearer(a.tokens.AccessToken)).is(200, ""))
	if me.Subject != "their/7" || me.Claims["team"] != "blue" || len(me.Roles) != 1 {
		t.Errorf("%+v", me)
	}
	list := read[api.SessionPage](s.send("GET", "/admin/api/users/their%2F7/sessions", "", s.clients["sessions"]).is(200, ""))
	if got := list.Sessions[0]; got.Address != "192.0.2.7" || got.Agent != "Firefox on Linux" || got.Label != "desk" {
		t.Errorf("%+v", got)
	}
	s.turn(set.Value) // reissues go on with what the table keeps
	s.send("PATCH", "/admin/api/users/their%2F7?why=left", `{"disabled":true}`, s.clients["users"]).is(200, "")
	s.send("POST", "/api/reissue", "", browser, own).is(401, "login_required disabled")
	s.send("POST", "/api/sessions", `{"userId":"their/7"}`, s.clients["sessions"]).is(401, "login_required disabled")
	s.send("POST", "/api/login", loginBody("their/7", pass), own).is(401, "invalid_credentials") // they have no login
}

func TestWhatABackEndMaySay(t *testing.T) {
	s := startStaffed(t)
	for _, c := range []struct {
		body   string
		status int
		says   string
	}{
		{``, 400, "missing"},
		{`{}`, 400, "userId is missing"},
		{`{"userId":" x"}`, 400, "printable"},
		{`{"userId":"a\nb"}`, 400, "printable"},
		{`{"userId":".."}`, 400, "no URL"},
		{`{"userId":"/"}`, 400, "no URL"},
		{`{"userId":"` + strings.Repeat("é", 65) + `"}`, 400, "128 bytes"},
		{`{"userId":"x","roles":null}`, 400, `"roles" is null`},
		{`{"userId":"x","claims":null}`, 400, `"claims" is null`},
		{`{"userId":"x","claims":{"aud":"y"}}`, 400, "aud"},
		{`{"userId":"x","roles":[""]}`, 400, "role"},
		{`{"userId":"x","address":"example.com"}`, 400, "address must be"},
		{`{"userId":"x","label":"` + strings.Repeat("y", 65) + `"}`, 400, "label"},
		{`{"userId":"x","password":"y"}`, 400, "unknown member"},
		{`{"userId":"x","agent":"` + strings.Repeat("y", httpapi.MaxBody) + `"}`, 413, "KiB"},
	} {
		s.send("POST", "/api/sessions", c.body, s.clients["sessions"]).is(c.status, "invalid_request").says(c.says)
	}
	s.send("POST", "/api/sessions", `{"userId":"x"}`, s.clients["sessions"], "Content-Type: text/plain").is(415, "invalid_request")
	s.send("GET", "/admin/api/users/x", "", s.root).is(404, "not_found")
	a := s.send("POST", "/api/sessions", `{"userId":"x","agent":"`+strings.Repeat("y", 5000)+`","address":"[2001:db8::1]:443"}`, s.clients["sessions"]).is(201, "")
	list := read[api.SessionPage](s.send("GET", "/admin/api/users/x/sessions", "", s.root).is(200, ""))
	if got := list.Sessions[0]; got.ID != a.tokens.SessionID || len(got.Agent) > 64 || got.Address != "2001:db8::1" {
		t.Errorf("%+v", got)
	}
}
