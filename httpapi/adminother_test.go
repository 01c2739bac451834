package httpapi_test

import (
	"context"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/httpapi"
)

func TestSessionsAreFoundAndEnded(t *testing.T) {
	s := startStaffed(t)
	begin := s.Clock.Now()
	var tokens []api.Tokens
	for _, c := range []struct{ user, address string }{
		{"id-anna", "192.0.2.7"}, {"id-anna", "192.0.2.200"}, {"id-bob", "2001:db8::1"}, {"id-bob", "198.51.100.1"},
	} {
		if _, err := s.Service.User(context.Background(), c.user); err != nil {
			s.Add(pawl.User{ID: c.user, Login: c.user})
		}
		s.Advance(time.Minute)
		t1, err := s.Service.Start(context.Background(), c.user, pawl.Client{Address: c.address, Agent: "Firefox", Label: "desk"})
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, t1)
	}
	moment := func(d time.Duration) string { return url.QueryEscape(begin.Add(d).Format(time.RFC3339)) }
	for _, c := range []struct {
		query string
		want  []int
	}{
		{"user=id-anna", []int{0, 1}},
		{"user=nobody", nil},
		{"address=192.0.2.7", []int{0}},
		{"address=192.0.2.0/24", []int{0, 1}},
		{"address=2001:db8::/32", []int{2}},
		{"address=::ffff:192.0.2.7", []int{0}},
		{"user=id-bob&address=0.0.0.0/0", []int{3}},
		{"from=" + moment(2*time.Minute) + "&to=" + moment(4*time.Minute), []int{1, 2}},
		{"from=" + moment(3*time.Minute), []int{2, 3}},
		{"user=id-anna&to=" + moment(2*time.Minute), []int{0}},
	} {
		var got, want []string
		next := ""
		for range 20 {
			p := read[api.SessionPage](s.send("GET", "/admin/api/sessions?limit=1&"+c.query+next, "", s.clients["sessions"]).is(200, ""))
			for _, i := range p.Sessions {
				got = append(got, i.ID)
			}
			if !p.More {
				break
			}
			next = "&after=" + url.QueryEscape(p.Next)
		}
		for _, i := range c.want {
			want = append(want, tokens[i].SessionID)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", c.query, got, want)
		}
	}
	one := read[api.SessionPage](s.send("GET", "/admin/api/users/id-anna/sessions", "", s.root).is(200, "")).Sessions[0]
	if !one.CreatedAt.Equal(begin.Add(time.Minute)) || one.Address != "192.0.2.7" || one.Agent != "Firefox" || one.Label != "desk" {
		t.Errorf("%+v", one)
	}

	// SECURITY 59: one, a user's, everybody's; access tokens too
	alive := func(i int, reason string) {
		t.Helper()
		a := s.send("GET", "/api/session", "", bearer(tokens[i].AccessToken))
		if reason == "" {
			a.is(200, "")
		} else {
			a.is(401, "login_required "+reason)
			s.send("POST", "/api/reissue", "", cookie(tokens[i].RefreshToken), own).is(401, "login_required "+reason)
		}
	}
	const why = "?why=x"
	at := "/admin/api/users/id-anna/sessions/"
	s.send("DELETE", at+tokens[2].SessionID+why, "", s.root).is(404, "not_found") // bob's
	for range 2 {
		s.send("DELETE", at+tokens[0].SessionID+why, "", s.clients["sessions"]).is(204, "")
	}
	alive(0, "ended_by_admin")
	alive(1, "")
	if n := read[api.Ended](s.send("DELETE", "/admin/api/users/id-anna/sessions"+why, "", s.root).is(200, "")); n.Ended != 1 {
		t.Errorf("ended %d", n.Ended)
	}
	alive(1, "ended_by_admin")
	alive(3, "")
	s.send("DELETE", "/admin/api/sessions"+why, "", s.root).is(204, "")
	alive(3, "ended_by_admin")
	s.send("GET", "/admin/api/users", "", s.root).is(401, "login_required ended_by_admin")
	if p := read[api.SessionPage](s.send("GET", "/admin/api/sessions", "", s.clients["sessions"]).is(200, "")); len(p.Sessions) != 0 {
		t.Errorf("left: %+v", p)
	}
}

func TestRegisteredClientsAreManaged(t *testing.T) {
	s := startStaffed(t)
	c := read[api.AddedClient](s.send("POST", "/admin/api/clients", `{"id":"mailer","scopes":["users","sessions","users"]}`, s.root).is(201, ""))
	if c.ID != "mailer" || !slices.Equal(c.Scopes, []string{"sessions", "users"}) || len(c.Secret) != 43 {
		t.Errorf("%s %v, a secret of %d characters", c.ID, c.Scopes, len(c.Secret))
	}
	s.send("GET", "/admin/api/users", "", basic(c.ID, c.Secret)).is(200, "")
	for body, says := range map[string]string{
		`{"id":"Mailer","scopes":["users"]}`:  "a-z",
		`{"id":"","scopes":["users"]}`:        "a-z",
		`{"id":"x","scopes":[]}`:              "needs a scope",
		`{"id":"x"}`:                          "needs a scope",
		`{"id":"x","scopes":["admin"]}`:       "no such scope",
		`{"id":"x","scopes":["users"],"y":1}`: "unknown member",
	} {
		s.send("POST", "/admin/api/clients", body, s.root).is(400, "invalid_request").says(says)
	}
	s.send("POST", "/admin/api/clients", `{"id":"mailer","scopes":["feed"]}`, s.root).is(409, "conflict").says("already")
	list := read[api.ClientList](s.send("GET", "/admin/api/clients", "", s.root).is(200, ""))
	if len(list.Clients) != 4 || list.Clients[0].ID != "mailer" || list.Clients[0].CreatedAt.IsZero() {
		t.Errorf("%+v", list)
	}
	s.send("DELETE", "/admin/api/clients/mailer?why=x", "", s.root).is(204, "")
	s.send("DELETE", "/admin/api/clients/mailer?why=x", "", s.root).is(404, "not_found")
	s.send("GET", "/admin/api/users", "", basic(c.ID, c.Secret)).is(401, "invalid_credentials")
}

func TestKeysAreManaged(t *testing.T) {
	s := startStaffed(t)
	before := read[api.KeyList](s.send("GET", "/admin/api/keys", "", s.root).is(200, "")).Keys
	if len(before) != 2 || before[0].State != "signs" || before[1].State != "signs" {
		t.Fatalf("%+v", before)
	}
	k := read[api.KeyInfo](s.send("POST", "/admin/api/keys?why=x", `{"use":"access"}`, s.root).is(201, ""))
	again := read[api.KeyInfo](s.send("POST", "/admin/api/keys?why=x", `{"use":"access"}`, s.root).is(200, ""))
	if k.ID != again.ID || k.State != "waits" || k.Use != "access" {
		t.Errorf("%+v, then %+v", k, again)
	}
	s.send("POST", "/admin/api/keys?why=x", `{"use":"both"}`, s.root).is(400, "invalid_request")
	s.send("DELETE", "/admin/api/keys/nothing?why=x", "", s.root).is(404, "not_found")
	i := slices.IndexFunc(before, func(k api.KeyInfo) bool { return k.Use == "access" })
	done := read[api.KeyChange](s.send("DELETE", "/admin/api/keys/"+before[i].ID+"?why=x", "", s.root).is(200, ""))
	if len(done.Removed) != 1 || done.Removed[0].ID != before[i].ID || len(done.Added) != 1 {
		t.Errorf("%+v", done)
	}
	s.send("GET", "/admin/api/keys", "", s.root).is(401, "invalid_token") // SECURITY 18: what it signed is refused
	s.send("GET", "/admin/api/keys", "", bearer(s.AdminToken("id-root"))).is(200, "")
}

// SECURITY 55, 60: each change leaves its entries, with who and why.
func TestEveryChangeIsAudited(t *testing.T) {
	s := startStaffed(t)
	s.anna()
	s.Add(pawl.User{ID: "id-bob", Login: "bob"})
	sid := s.SignIn("id-bob").SessionID
	keys, err := s.Service.Keys(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	const root = "user:id-root"
	end := s.auditEnd()
	for _, c := range []struct {
		who, by, route, body, why string
		kinds                     []string
	}{
		{s.root, root, "POST /admin/api/users", `{"userId":"new"}`, "ticket 1", []string{"user_created"}},
		{s.clients["users"], "client:only-users", "POST /admin/api/users", `{"userId":"new2"}`, "", []string{"user_created"}},
		{s.root, root, "PATCH /admin/api/users/id-anna", `{"roles":["x"]}`, "", []string{"user_updated"}},
		{s.root, root, "PATCH /admin/api/users/id-anna", `{"roles":["x"]}`, "again", nil},
		{s.root, root, "PATCH /admin/api/users/id-anna", `{"disabled":true}`, "stolen laptop", []string{"user_disabled", "user_sessions_ended"}},
		{s.root, root, "PATCH /admin/api/users/id-anna", `{"disabled":false}`, "", []string{"user_enabled"}},
		{s.root, root, "PATCH /admin/api/users/id-anna", `{"roles":["admin"]}`, "", []string{"user_updated", "user_sessions_ended"}},
		{s.clients["users"], "client:only-users", "POST /admin/api/users/id-bob/reset", "", "forgot", []string{"reset_offered"}},
		{s.clients["sessions"], "client:only-sessions", "DELETE /admin/api/users/id-bob/sessions/" + sid, "", "x", []string{"session_ended"}},
		{s.clients["sessions"], "client:only-sessions", "DELETE /admin/api/users/id-bob/sessions/" + sid, "", "x", nil},
		{s.clients["sessions"], "client:only-sessions", "DELETE /admin/api/users/id-bob/sessions", "", "x", []string{"user_sessions_ended"}},
		{s.clients["sessions"], "client:only-sessions", "POST /api/sessions", `{"userId":"id-bob","address":"127.0.0.1"}`, "", []string{"sign_in"}},
		{s.clients["sessions"], "client:only-sessions", "POST /api/sessions", `{"userId":"their-7","roles":[]}`, "", []string{"user_created", "sign_in"}},
		{s.clients["sessions"], "client:only-sessions", "POST /api/sessions", `{"userId":"their-7","roles":[],"claims":{}}`, "", []string{"sign_in"}},
		{s.clients["sessions"], "client:only-sessions", "POST /api/sessions", `{"userId":"their-7","roles":["y"]}`, "", []string{"user_updated", "sign_in"}},
		{s.root, root, "DELETE /admin/api/users/id-anna", "", "„left“", []string{"user_disabled", "user_sessions_ended", "user_deleted"}},
		{s.root, root, "POST /admin/api/clients", `{"id":"c","scopes":["feed"]}`, "", []string{"client_added"}},
		{s.root, root, "DELETE /admin/api/clients/c", "", "x", []string{"client_removed"}},
		{s.root, root, "POST /admin/api/keys", `{"use":"refresh"}`, "x", []string{"key_added"}},
		{s.root, root, "DELETE /admin/api/sessions", "", "x", []string{"all_sessions_ended"}},
	} {
		method, path := split(c.route)
		if c.why != "" {
			path += "?why=" + url.QueryEscape(c.why)
		}
		if a := s.send(method, path, c.body, c.who); a.status >= 300 {
			t.Fatalf("%s: %d %s", c.route, a.status, a.body)
		}
		if kinds := s.audited(&end, c.by, c.why); !slices.Equal(kinds, c.kinds) {
			t.Errorf("%s %s: %v, want %v", c.route, c.body, kinds, c.kinds)
		}
	}
	s.root = bearer(s.AdminToken("id-root"))
	end = s.auditEnd()
	s.send("DELETE", "/admin/api/keys/"+keys[0].ID+"?why=leaked", "", s.root).is(200, "")
	if kinds := s.audited(&end, root, "leaked"); !slices.Equal(kinds, []string{"key_added", "key_removed"}) {
		t.Errorf("key removed: %v", kinds)
	}
}

func TestTheAuditLogIsRead(t *testing.T) {
	s := startStaffed(t)
	_, tokens := s.anna()
	s.send("PATCH", "/admin/api/users/id-anna?why=ticket+9", `{"disabled":true}`, s.root).is(200, "")
	s.send("POST", "/admin/api/clients", `{"id":"c","scopes":["feed"]}`, s.root).is(201, "")
	get := func(query string) api.AuditPage {
		return read[api.AuditPage](s.send("GET", "/admin/api/audit?"+query, "", s.root).is(200, ""))
	}
	p := get("user=id-anna&kind=user_disabled")
	if len(p.Entries) != 1 || p.More || p.Next == "" {
		t.Fatalf("%+v", p)
	}
	if e := p.Entries[0]; e.By != "user:id-root" || e.Why != "ticket 9" || e.Login != "anna" || e.Address != "127.0.0.1" || !e.At.Equal(s.Clock.Now()) {
		t.Errorf("%+v", e)
	}
	if p := get("session=" + tokens.SessionID); len(p.Entries) != 1 || p.Entries[0].Kind != "sign_in" {
		t.Errorf("%+v", p)
	}
	if p := get("kind=client_added&from=" + url.QueryEscape(s.Clock.Now().Format(time.RFC3339))); len(p.Entries) != 4 || p.Entries[3].Object != "c" {
		t.Errorf("%+v", p)
	}
	if p := get("to=" + url.QueryEscape(s.Clock.Now().Add(-time.Hour).Format(time.RFC3339))); len(p.Entries) != 0 {
		t.Errorf("%+v", p)
	}
	var all []int64
	for next := ""; ; {
		p := get("limit=2" + next)
		for _, e := range p.Entries {
			all = append(all, e.ID)
		}
		if next = "&after=" + url.QueryEscape(p.Next); !p.More {
			break
		}
	}
	if whole := get(""); len(all) != len(whole.Entries) || !slices.IsSorted(all) {
		t.Errorf("page by page %d, at once %d", len(all), len(whole.Entries))
	}
}

// With a listener of its own, the administration is nowhere else.
func TestTheAdministrationElsewhere(t *testing.T) {
	elsewhere := func(o *httpapi.Options) { o.AdminElsewhere = true }
	s := startStaffed(t, withAPI(elsewhere))
	s.anna()
	for _, r := range adminRoutes {
		method, path := split(r.route)
		if method == "POST" && path == "/api/sessions" {
			continue
		}
		s.send(method, path, r.body, s.root).is(404, "not_found").says("nothing at this path")
	}
	s.send("POST", "/api/sessions", `{"userId":"id-anna"}`, s.clients["sessions"]).is(201, "")

	h, err := httpapi.NewAdmin(s.Service, httpapi.Options{Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	private := s.private(h)
	private.send("GET", "/admin/api/users", "", s.root).is(200, "")
	private.send("GET", "/admin/api/users", "", s.clients["users"]).is(200, "")
	private.send("GET", "/admin/api/users", "", bearer(s.SignIn("id-root").AccessToken)).is(403, "access_denied").says("for the administration alone")
	private.send("GET", "/healthz", "").is(200, "")
	private.send("GET", "/readyz", "").is(200, "")
	private.send("GET", "/openapi.yaml", "").is(200, "")
	for _, route := range []string{"POST /api/login", "POST /api/reissue", "GET /api/session", "POST /api/sessions", "GET /.well-known/jwks.json", "POST /api/setup"} {
		method, path := split(route)
		r := private.request(method, path, "", s.root)
		resp, err := private.http.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != 404 {
			t.Errorf("%s: %d", route, resp.StatusCode)
		}
	}
}

// Pages of other origins administer only where they are listed.
func TestOriginsOfTheAdministration(t *testing.T) {
	s := startStaffed(t, withAPI(func(o *httpapi.Options) { o.TrustedOrigins = []string{"https://ops.example.com"} }))
	s.anna()
	const ask = "Access-Control-Request-Method: PATCH"
	s.send("OPTIONS", "/admin/api/users/id-anna", "", "Origin: https://evil.example.com", ask).is(403, "cross_site")
	a := s.send("OPTIONS", "/admin/api/users/id-anna", "", "Origin: https://ops.example.com", ask).is(204, "")
	if got := a.header.Get("Access-Control-Allow-Methods"); got != "GET, POST, PATCH, DELETE" {
		t.Errorf("methods: %s", got)
	}
	s.send("PATCH", "/admin/api/users/id-anna", `{"roles":[]}`, s.root, "Origin: https://evil.example.com").is(403, "cross_site")
	s.send("PATCH", "/admin/api/users/id-anna", `{"roles":[]}`, s.root, "Origin: https://ops.example.com", "Sec-Fetch-Site: cross-site").is(200, "")
}
