package httpapi_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

func TestTheAccountIsAsTheUserTableHasIt(t *testing.T) {
	s := start(t)
	s.AddUser("anna", pass, "reader")
	token := s.SignIn("id-anna").AccessToken
	var got api.Account
	a := s.send("GET", "/api/account", "", bearer(token)).is(200, "")
	if err := unmarshal([]byte(a.body), &got); err != nil || got.Subject != "id-anna" || got.UserID != "anna" || !got.HasPassword || strings.Join(got.Roles, ",") != "reader" {
		t.Errorf("%s, %v", a.body, err)
	}
	s.send("GET", "/api/account", "").is(401, "access_denied")
	s.Disable("id-anna", true)
	s.send("GET", "/api/account", "", bearer(token)).is(401, "login_required disabled")
}

func (s *server) events(token string) []api.OwnEvent {
	s.t.Helper()
	var list api.OwnEventList
	a := s.send("GET", "/api/events", "", bearer(token)).is(200, "")
	if err := unmarshal([]byte(a.body), &list); err != nil {
		s.t.Fatal(err)
	}
	return list.Events
}

func TestPeopleSeeWhatHappenedToTheirAccountAndNoMore(t *testing.T) {
	s := start(t)
	s.AddUser("anna", pass)
	s.AddUser("bob", pass)
	s.send("POST", "/api/login", loginBody("anna", "not her password"), own)
	s.send("POST", "/api/login", loginBody("bob", "not his password"), own)
	phone := s.SignIn("id-anna")
	laptop := s.SignIn("id-anna")
	operator := pawl.WithActor(context.Background(), pawl.Actor{By: "user:root", Client: pawl.Client{Address: "203.0.113.9", Agent: "Admin's browser"}})
	if err := s.Service.EndSessionOf(operator, pawl.SessionKey{User: "id-anna", ID: phone.SessionID}, pawl.Client{Address: "203.0.113.9"}); err != nil {
		t.Fatal(err)
	}
	s.send("GET", "/api/events", "").is(401, "access_denied")
	got := s.events(laptop.AccessToken)
	var kinds []string
	for _, e := range got {
		kinds = append(kinds, e.Kind+" "+e.Reason)
		if !e.At.Equal(e.At.Truncate(time.Hour)) {
			t.Errorf("%s is told to the second: %v", e.Kind, e.At)
		}
		if e.Current != (e.SessionID == laptop.SessionID) {
			t.Errorf("current is %v for %s", e.Current, e.SessionID)
		}
	}
	if list := strings.Join(kinds, ", "); list != "session_ended ended_by_admin, sign_in , sign_in , sign_in_failed invalid_credentials" {
		t.Errorf("the events: %s", list)
	}
	if end := got[0]; !end.ByOperator || end.Address != "" || end.Agent != "" {
		t.Errorf("where an operator is, is told: %+v", end)
	}
	if failed := got[len(got)-1]; failed.Address == "" || failed.ByOperator {
		t.Errorf("a failure without its address: %+v", failed)
	}
}

// A flood of failures must not bury what happened last, nor cost the store all of
// it at each look.
func TestAFloodOfEventsBuriesNothing(t *testing.T) {
	pages := &counted{}
	s := start(t, withConfig(func(c *pawl.Config) { pages.AuditStore = c.Audit; c.Audit = pages }))
	s.AddUser("anna", pass)
	token := s.SignIn("id-anna").AccessToken
	now := s.Service.Now()
	var flood []pawl.Event
	for i := range 3000 {
		flood = append(flood, pawl.Event{At: now.Add(-2*time.Hour + time.Duration(i)*time.Millisecond), Kind: pawl.EventSignInFailed, User: "id-anna"})
	}
	flood = append(flood, pawl.Event{At: now, Kind: pawl.EventPasswordChanged, User: "id-anna"})
	if err := s.store.Append(context.Background(), flood...); err != nil {
		t.Fatal(err)
	}
	got := s.events(token)
	if len(got) == 0 || len(got) > 50 || got[0].Kind != pawl.EventPasswordChanged {
		t.Errorf("%d events, the first is %+v", len(got), got[:min(1, len(got))])
	}
	if n := pages.read.Load(); n > 11 {
		t.Errorf("%d pages of the log were read", n)
	}
}

// counted counts the pages that are read.
type counted struct {
	pawl.AuditStore
	read atomic.Int64
}

func (c *counted) Audit(ctx context.Context, q pawl.AuditQuery) (pawl.AuditPage, error) {
	c.read.Add(1)
	return c.AuditStore.Audit(ctx, q)
}

func TestWithoutAnAuditLogThereAreNoEvents(t *testing.T) {
	s := start(t, withConfig(func(c *pawl.Config) { c.Audit = nil }))
	s.AddUser("anna", pass)
	if got := s.events(s.SignIn("id-anna").AccessToken); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestActivityCountsByTheMinute(t *testing.T) {
	s := start(t)
	root := s.Add(pawl.User{ID: "root", Login: "root", Roles: []string{pawl.RoleAdmin}})
	s.AddUser("anna", pass)
	admin := bearer(s.AdminToken(root.ID))
	ask := func() (a api.Activity, last api.ActivityMinute) {
		t.Helper()
		answer := s.send("GET", "/admin/api/activity", "", admin).is(200, "")
		if err := unmarshal([]byte(answer.body), &a); err != nil || len(a.Minutes) == 0 {
			t.Fatalf("%s, %v", answer.body, err)
		}
		return a, a.Minutes[len(a.Minutes)-1]
	}
	first := s.SignIn("id-anna")
	s.send("POST", "/api/login", loginBody("anna", "wrong password"), own)
	s.send("POST", "/api/reissue", refreshBody(first.RefreshToken)).is(200, "") // row 4, as was the administrator's
	_, m := ask()
	if m.SignIns != 2 || m.SignInsFailed != 1 || m.Row4 != 2 || m.LiveSessions == nil || *m.LiveSessions != 2 {
		t.Errorf("the first minute: %+v", m)
	}

	s.Advance(2 * time.Minute)
	s.send("POST", "/api/reissue", refreshBody(first.RefreshToken)).is(200, "") // row 5
	s.send("POST", "/api/reissue", refreshBody(first.RefreshToken)).is(200, "") // row 6
	s.Advance(2 * time.Minute)
	s.send("POST", "/api/reissue", refreshBody(first.RefreshToken)).is(401, "login_required reused")
	s.send("POST", "/api/reissue", refreshBody(first.RefreshToken)).is(401, "login_required reused")
	a, m := ask()
	if turned := a.Minutes[len(a.Minutes)-2]; turned.Row5 != 1 || turned.Row6 != 1 || turned.SignIns != 0 {
		t.Errorf("the minute of the turn: %+v", turned)
	}
	if m.Reused != 1 || m.Refused != 1 || m.Ended != 1 || m.LiveSessions == nil || *m.LiveSessions != 1 {
		t.Errorf("the minute of the theft: %+v", m)
	}
	if len(a.Minutes) != 3 {
		t.Errorf("%d minutes: quiet ones are left out", len(a.Minutes))
	}

	s.Advance(4 * time.Hour) // as long ago as a token lives
	admin = bearer(s.AdminToken(root.ID))
	a, m = ask()
	if len(a.Minutes) != 1 || m.SignIns != 1 || a.Now.Sub(a.Since) > 3*time.Hour {
		t.Errorf("after four hours: %+v", a)
	}
	s.StoreDown(true)
	s.Advance(time.Minute)
	s.send("GET", "/admin/api/activity", "", admin).is(503, "unavailable") // the role cannot be looked up
}
