package pawl_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

const (
	clientsPassword = "four quiet walruses"
	sleepersChange  = "five quiet walruses"
)

// held is what a registered client has of a user before the promotion.
type held struct {
	login, password string     // with which it signs in; empty: none
	tokens          api.Tokens // of a session
	code            string     // that sets a password
}

// sets sets a password by a code that the client made.
func (f *fixture) sets(client context.Context, id, pw string) {
	f.t.Helper()
	o, err := f.OfferReset(client, id)
	if err != nil {
		f.t.Fatal(err)
	}
	if err := f.ResetPassword(client, o.Code, pw); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) signIn(login, pw string) (api.Tokens, error) {
	return f.Login(f.t.Context(), pawl.SignIn{Login: login, Password: pw, Client: home})
}

func (f *fixture) mustUpdate(ctx context.Context, id string, c pawl.UserChange) {
	f.t.Helper()
	if _, err := f.UpdateUser(ctx, id, c); err != nil {
		f.t.Fatal(err)
	}
}

var toAdmin = pawl.UserChange{Roles: &[]string{pawl.RoleAdmin}}

// SECURITY 60: whatever a registered client has prepared for a user, it is no
// administrator once that user becomes one. Each row prepares user id-ann.
func TestAPromotionLeavesAClientNothing(t *testing.T) {
	for name, prepare := range map[string]func(f *promoted, client context.Context) held{
		"a password set by its code": func(f *promoted, client context.Context) held {
			f.sets(client, "id-ann", clientsPassword)
			return held{login: "ann", password: clientsPassword}
		},
		"that password, changed by a session that was opened with it": func(f *promoted, client context.Context) held {
			f.sets(client, "id-ann", sleepersChange)
			tok, err := f.signIn("ann", sleepersChange)
			if err != nil {
				f.t.Fatal(err)
			}
			if _, err := f.ChangePassword(client, f.claims(tok.AccessToken), sleepersChange, clientsPassword); err != nil {
				f.t.Fatal(err)
			}
			return held{login: "ann", password: clientsPassword, tokens: tok}
		},
		"a code that was not used": func(f *promoted, client context.Context) held {
			o, err := f.OfferReset(client, "id-ann")
			if err != nil {
				f.t.Fatal(err)
			}
			return held{code: o.Code}
		},
		"a code that was used, to be sent again": func(f *promoted, client context.Context) held {
			o, err := f.OfferReset(client, "id-ann")
			if err != nil {
				f.t.Fatal(err)
			}
			if err := f.ResetPassword(client, o.Code, clientsPassword); err != nil {
				f.t.Fatal(err)
			}
			return held{login: "ann", password: clientsPassword, code: o.Code}
		},
		"a session that it started": func(f *promoted, client context.Context) held {
			tok, err := f.StartFor(client, pawl.Newcomer{UserID: "id-ann"})
			if err != nil {
				f.t.Fatal(err)
			}
			return held{tokens: tok}
		},
		"a user that it created, with a password": func(f *promoted, client context.Context) held {
			if err := f.DeleteUser(client, "id-ann"); err != nil {
				f.t.Fatal(err)
			}
			u, err := f.CreateUser(client, pawl.NewUser{Login: "ann", Password: clientsPassword})
			if err != nil {
				f.t.Fatal(err)
			}
			f.subject = u.ID
			return held{login: "ann", password: clientsPassword}
		},
		"another user, renamed to the one who is to be promoted": func(f *promoted, client context.Context) held {
			f.addUser("mallory", pawl.User{})
			f.sets(client, "id-mallory", clientsPassword)
			f.mustUpdate(client, "id-ann", pawl.UserChange{Login: ptr("ann.old")})
			f.mustUpdate(client, "id-mallory", pawl.UserChange{Login: ptr("ann")})
			f.subject = "id-mallory"
			return held{login: "ann", password: clientsPassword}
		},
		"a password, of a user who is disabled until after the promotion": func(f *promoted, client context.Context) held {
			f.sets(client, "id-ann", clientsPassword)
			f.mustUpdate(client, "id-ann", pawl.UserChange{Disabled: ptr(true)})
			f.then = func() { f.mustUpdate(f.t.Context(), "id-ann", pawl.UserChange{Disabled: ptr(false)}) }
			return held{login: "ann", password: clientsPassword}
		},
		"a password, set while an administrator was none": func(f *promoted, client context.Context) held {
			f.mustUpdate(f.t.Context(), "id-ann", toAdmin)
			f.mustUpdate(f.t.Context(), "id-ann", pawl.UserChange{Roles: &[]string{}})
			f.sets(client, "id-ann", clientsPassword)
			return held{login: "ann", password: clientsPassword}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &promoted{fixture: newFixture(t), subject: "id-ann"}
			client := pawl.WithActor(t.Context(), backEnd)
			h := prepare(f, client)
			f.promote()
			f.holdsNothing(client, h)

			// What an administrator gives the user is all that there is.
			o, err := f.OfferReset(pawl.WithActor(t.Context(), root), f.subject)
			if err != nil {
				t.Fatal(err)
			}
			if err := f.ResetPassword(t.Context(), o.Code, newPassword); err != nil {
				t.Fatal(err)
			}
			tok, err := f.signIn("ann", newPassword)
			if err != nil || !slices.Contains(f.claims(tok.AccessToken).Roles, pawl.RoleAdmin) {
				t.Errorf("the new administrator does not get in: %v", err)
			}
		})
	}
}

// promoted is a fixture whose user is to become an administrator.
type promoted struct {
	*fixture
	subject string
	then    func() // after the promotion
}

func (f *promoted) promote() {
	f.t.Helper()
	u, err := f.UpdateUser(pawl.WithActor(f.t.Context(), root), f.subject, toAdmin)
	if err != nil || u.PasswordHash != "" {
		f.t.Errorf("promoted with a password: %v, %v", u.PasswordHash != "", err)
	}
	if f.then != nil {
		f.then()
	}
}

func (f *promoted) holdsNothing(client context.Context, h held) {
	f.t.Helper()
	if _, err := f.signIn(h.login, h.password); h.login != "" && !errors.Is(err, api.ErrInvalidCredentials) {
		f.t.Errorf("it signs in: %v", err)
	}
	if h.code != "" {
		wantError(f.t, "its code", f.ResetPassword(client, h.code, clientsPassword), api.ErrAccessDenied)
	}
	if h.tokens.RefreshToken != "" {
		_, err := f.reissue(h.tokens.RefreshToken, h.tokens.AccessToken, "")
		wantError(f.t, "its refresh token", err, api.ErrLoginRequired)
		_, err = f.guard.Check(h.tokens.AccessToken)
		wantError(f.t, "its access token", err, api.ErrLoginRequired)
	}
	_, err := f.OfferReset(client, f.subject)
	wantError(f.t, "a new code", err, api.ErrAccessDenied)
	_, err = f.StartFor(client, pawl.Newcomer{UserID: f.subject})
	wantError(f.t, "a new session", err, api.ErrAccessDenied)
}

// A second try finds no promotion: where the sessions cannot be ended behind the
// change, the answer says what is left to do.
func TestAPromotionSaysWhatIsLeftToDo(t *testing.T) {
	r := &refusesOnce{method: "EndUser"} // there are no sessions yet: it is called once, afterwards
	f := newFixture(t, func(cfg *pawl.Config) {
		r.UserStore, r.SessionStore = cfg.Users.(pawl.UserStore), cfg.Sessions
		cfg.Users, cfg.Sessions = r, r
	})
	_, err := f.UpdateUser(t.Context(), "id-ann", toAdmin)
	wantError(t, "promotion", err, api.ErrUnavailable)
	if detail := api.AsError(err).Detail; !strings.Contains(detail, "The user was changed") || !strings.Contains(detail, "End all sessions") {
		t.Errorf("the detail: %s", detail)
	}
}
