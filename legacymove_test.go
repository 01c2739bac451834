package pawl_test

import (
	"errors"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

// SECURITY 25: somebody who was disabled, and is in again, is not signed out by
// an old token of theirs that was still about, however often it comes.
func TestAnOldTokenOfBeforeABanEndsNothingAfterIt(t *testing.T) {
	m := newMoving(t)
	old := m.ann(time.Hour, fortnight)
	for _, disabled := range []bool{true, false} {
		if _, err := m.UpdateUser(t.Context(), "id-ann", pawl.UserChange{Disabled: &disabled}); err != nil {
			t.Fatal(err)
		}
	}
	m.advance(time.Minute)
	in := m.login()
	for range 2 {
		m.refused(old, api.ReasonDisabled)
		m.advance(2 * time.Minute)
	}
	if _, err := m.guard.Check(in.AccessToken); err != nil {
		t.Errorf("access token: %v", err)
	}
	m.mustReissue(in.RefreshToken, "", "")
	if n := len(m.happened(pawl.EventUserEnded)); n != 1 {
		t.Errorf("the sessions were ended %d times, want once, by the ban", n)
	}
}

// While somebody is disabled, their old tokens cost one write in all.
func TestABanIsMadeToLastOnce(t *testing.T) {
	m := newMoving(t)
	if _, _, err := m.store.UpdateUser(t.Context(), "id-ann", pawl.UserChange{Disabled: ptr(true)}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		m.refused(m.ann(time.Hour, fortnight), api.ReasonDisabled)
	}
	if n := len(m.happened(pawl.EventUserEnded)); n != 1 {
		t.Errorf("the sessions were ended %d times, want once", n)
	}
}

// A name that is one person's subject and another's login names nobody: the old
// system meant one of them, and the other one's account is not for guessing.
func TestAnOldTokenOfADoubtfulNameIsNobodys(t *testing.T) {
	m := newMoving(t)
	m.addUser("42", pawl.User{}) // id-42
	if err := m.store.CreateUser(t.Context(), pawl.User{ID: "42", Login: "boss", Roles: []string{pawl.RoleAdmin}}); err != nil {
		t.Fatal(err)
	}
	if err := m.store.CreateUser(t.Context(), pawl.User{ID: "same", Login: "Same"}); err != nil {
		t.Fatal(err)
	}
	issue := func(user string) string {
		return m.old.issue(pawl.LegacyToken{User: user, Issued: m.clock(), Expires: m.clock().Add(time.Hour)})
	}
	m.refused(issue("42"), api.ReasonUnknown)
	for name, want := range map[string]string{"id-42": "id-42", "boss": "42", "same": "same"} {
		got, err := m.use(issue(name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if sub := m.claims(got.AccessToken).Subject; sub != want {
			t.Errorf("%s moved in as %s, want %s", name, sub, want)
		}
	}
}

// An old token asks for the administration as any other: where its user may not
// have that, it has not been used up.
func TestAnOldTokenAsksForTheAdministration(t *testing.T) {
	m := newMoving(t)
	m.addUser("boss", pawl.User{Roles: []string{pawl.RoleAdmin}})
	ask := func(compact, audience string) (api.Tokens, error) {
		return m.Reissue(t.Context(), api.ReissueRequest{RefreshToken: compact, Audience: audience})
	}
	ann := m.ann(time.Hour, fortnight)
	_, err := ask(ann, m.AdminAudience())
	wantError(t, "not an administrator", err, api.ErrAccessDenied)
	if _, err := ask(ann, ""); err != nil {
		t.Errorf("the old token was used up: %v", err)
	}
	boss := m.old.issue(pawl.LegacyToken{User: "id-boss", Issued: m.clock(), Expires: m.clock().Add(time.Hour)})
	tok, err := ask(boss, m.AdminAudience())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.guard.Check(tok.AccessToken); !errors.Is(err, api.ErrInvalidToken) {
		t.Errorf("a resource server takes it: %v", err)
	}
}
