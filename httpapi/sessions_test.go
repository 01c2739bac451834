package httpapi_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

func TestWhoAmI(t *testing.T) {
	s := start(t)
	u := s.Add(pawl.User{ID: "id-anna", Login: "anna", Roles: []string{"reader", "writer"}, Claims: map[string]any{"team": "blue"}})
	tokens := s.SignIn(u.ID)
	a := s.send("GET", "/api/session", "", bearer(tokens.AccessToken)).is(200, "")
	var me api.Me
	if err := json.Unmarshal([]byte(a.body), &me); err != nil {
		t.Fatal(err)
	}
	if me.Subject != u.ID || me.SessionID != tokens.SessionID || len(me.Roles) != 2 || me.Claims["team"] != "blue" {
		t.Errorf("me: %+v", me)
	}
	if want := s.Clock.Now().Truncate(time.Second); !me.AuthTime.Equal(want) || !me.ExpiresAt.Equal(tokens.AccessExpires.Truncate(time.Second)) {
		t.Errorf("authTime %v, expiresAt %v", me.AuthTime, me.ExpiresAt)
	}
}

func TestAccessTokensThatAreRefused(t *testing.T) {
	s := start(t)
	u, tokens := s.anna()
	marked := s.SignIn(u.ID)
	for _, c := range []struct {
		name    string
		headers []string
		status  int
		code    string
		says    string
	}{
		{"none", nil, 401, "access_denied", "Sign in first"},
		{"the cookie alone", []string{cookie(tokens.RefreshToken), own}, 401, "access_denied", ""},
		{"garbage", []string{bearer("garbage")}, 401, "invalid_token", ""},
		{"SECURITY 2: a refresh token", []string{bearer(tokens.RefreshToken)}, 401, "invalid_token", ""},
		{"another scheme", []string{"Authorization: Basic YTpi"}, 401, "access_denied", ""},
		{"SECURITY 52: two at once", []string{bearer(tokens.AccessToken), bearer(tokens.AccessToken)}, 400, "invalid_request", "two"},
	} {
		for _, route := range []string{"GET /api/session", "GET /api/sessions", "DELETE /api/sessions", "DELETE /api/sessions/x", "POST /api/password"} {
			t.Run(c.name+" at "+route, func(t *testing.T) {
				method, path := split(route)
				s.send(method, path, "", append(c.headers, own)...).is(c.status, c.code).says(c.says)
			})
		}
	}
	t.Run("SECURITY 52: in the query", func(t *testing.T) {
		for _, name := range []string{"access_token", "refresh_token", "refreshToken", "token"} {
			s.send("GET", "/api/session?"+name+"="+tokens.AccessToken, "", bearer(tokens.AccessToken)).is(400, "invalid_request").says("never in the URL")
		}
		s.send("POST", "/api/reissue?refreshToken="+tokens.RefreshToken, "", own).is(400, "invalid_request").says("never in the URL")
		s.send("POST", "/api/logout?refresh_token="+tokens.RefreshToken, "", own).is(400, "invalid_request").says("never in the URL")
	})
	t.Run("ended by an administrator", func(t *testing.T) {
		if _, err := s.Service.EndUser(t.Context(), u.ID, api.ReasonEndedByAdmin); err != nil {
			t.Fatal(err)
		}
		s.send("GET", "/api/session", "", bearer(marked.AccessToken)).is(401, "login_required ended_by_admin").says("administrator")
		s.send("POST", "/api/reissue", "", cookie(marked.RefreshToken), own).is(401, "login_required ended_by_admin").keepsCookie()
	})
	t.Run("expired", func(t *testing.T) {
		late := s.SignIn(u.ID)
		s.Advance(pawl.DefaultAccessTTL)
		a := s.send("GET", "/api/session", "", bearer(late.AccessToken)).is(401, "token_expired").says("Reissue")
		if got := a.header.Get("WWW-Authenticate"); got != `Bearer realm="pawl", error="invalid_token", error_description="token_expired"` {
			t.Errorf("WWW-Authenticate: %s", got)
		}
	})
}

func TestSessionsAreListedAndEnded(t *testing.T) { // SECURITY 48
	s := start(t)
	u := s.AddUser("anna", pass)
	s.AddUser("eve", pass)
	eve := s.SignIn("id-eve")
	phone := s.send("POST", "/api/login", `{"userId":"anna","password":"`+pass+`","label":" my\u0007 phone "}`, own,
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0").is(200, "")
	here, other := s.SignIn(u.ID), s.SignIn(u.ID)
	me := bearer(here.AccessToken)

	var list api.SessionList
	a := s.send("GET", "/api/sessions", "", me).is(200, "")
	if err := json.Unmarshal([]byte(a.body), &list); err != nil || len(list.Sessions) != 3 {
		t.Fatalf("%v: %s", err, a.body)
	}
	for _, info := range list.Sessions {
		if info.Current != (info.ID == here.SessionID) {
			t.Errorf("session %s: current is %v", info.ID, info.Current)
		}
		if !info.CreatedAt.Equal(info.CreatedAt.Truncate(time.Hour)) || !info.LastUse.Equal(info.LastUse.Truncate(time.Hour)) {
			t.Errorf("times finer than the hour: %+v", info)
		}
		if info.ID == phone.tokens.SessionID && (info.Label != "my phone" || info.Agent != "Firefox on Linux" || info.Address != "127.0.0.1") {
			t.Errorf("the phone: %+v", info)
		}
	}

	s.send("DELETE", "/api/sessions/"+eve.SessionID, "", me).is(404, "not_found")
	s.send("DELETE", "/api/sessions/nonsense", "", me).is(404, "not_found")
	s.send("GET", "/api/session", "", bearer(eve.AccessToken)).is(200, "")

	for range 2 {
		s.send("DELETE", "/api/sessions/"+phone.tokens.SessionID, "", me).is(204, "")
	}
	s.send("GET", "/api/session", "", bearer(phone.tokens.AccessToken)).is(401, "login_required signed_out_elsewhere")
	s.send("POST", "/api/reissue", "", cookie(phone.cookie.Value), own).is(401, "login_required signed_out_elsewhere").keepsCookie()

	if a := s.send("DELETE", "/api/sessions", "", me).is(200, ""); a.body != `{"ended":1}`+"\n" {
		t.Errorf("ended: %s", a.body)
	}
	s.send("GET", "/api/session", "", bearer(other.AccessToken)).is(401, "login_required signed_out_elsewhere")
	s.send("GET", "/api/session", "", me).is(200, "")

	s.StoreDown(true)
	s.send("GET", "/api/sessions", "", me).is(503, "unavailable")
	s.send("DELETE", "/api/sessions", "", me).is(503, "unavailable")
	s.send("DELETE", "/api/sessions/"+here.SessionID, "", me).is(503, "unavailable")
	s.StoreDown(false)

	s.send("DELETE", "/api/sessions/"+here.SessionID, "", me).is(204, "").keepsCookie()
	s.send("GET", "/api/session", "", me).is(401, "login_required signed_out")
}
