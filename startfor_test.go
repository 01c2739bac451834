package pawl_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

// A back end's people, as they come and go.
func TestStartFor(t *testing.T) {
	f := newFixture(t)
	ctx := pawl.WithActor(t.Context(), backEnd)
	editor, none := []string{"editor"}, []string{}
	plan := map[string]any{"plan": "gold", "seats": 3.0}
	disable := func(on bool) func() error {
		return func() error {
			_, err := f.UpdateUser(ctx, "shop/7", pawl.UserChange{Disabled: &on})
			return err
		}
	}
	for _, c := range []struct {
		name   string
		before func() error
		roles  *[]string
		claims *map[string]any
		err    error
		has    []string // roles in the token
		plan   any
		kinds  []string
	}{
		{"new", nil, &editor, &plan, nil, editor, "gold", []string{pawl.EventUserCreated, pawl.EventSignIn}},
		{"known", nil, &editor, &plan, nil, editor, "gold", []string{pawl.EventSignIn}},
		{"known, with nothing said", nil, nil, nil, nil, editor, "gold", []string{pawl.EventSignIn}},
		{"roles taken away", nil, &none, nil, nil, nil, "gold", []string{pawl.EventUserUpdated, pawl.EventSignIn}},
		{"none still", nil, &none, nil, nil, nil, "gold", []string{pawl.EventSignIn}},
		{"claims taken away", nil, nil, &map[string]any{}, nil, nil, nil, []string{pawl.EventUserUpdated, pawl.EventSignIn}},
		{"no claims still", nil, nil, &map[string]any{}, nil, nil, nil, []string{pawl.EventSignIn}},
		{"banned", disable(true), nil, nil, api.LoginRequired(api.ReasonDisabled), nil, nil, nil},
		{"banned, with new roles", nil, &editor, nil, api.LoginRequired(api.ReasonDisabled), nil, nil, []string{pawl.EventUserUpdated}},
		{"let in again", disable(false), nil, nil, nil, editor, nil, []string{pawl.EventSignIn}},
		{"deleted, then there again", func() error { return f.DeleteUser(ctx, "shop/7") }, nil, &plan, nil, nil, "gold", []string{pawl.EventUserCreated, pawl.EventSignIn}},
	} {
		if c.before != nil {
			if err := c.before(); err != nil {
				t.Fatal(err)
			}
		}
		from := f.count()
		tokens, err := f.StartFor(ctx, pawl.Newcomer{UserID: "shop/7", Roles: c.roles, Claims: c.claims, Client: home})
		wantError(t, c.name, err, c.err)
		if got := f.kinds(from); !slices.Equal(got, c.kinds) {
			t.Errorf("%s: %v, want %v", c.name, got, c.kinds)
		}
		if c.err != nil {
			continue
		}
		again := f.mustReissue(tokens.RefreshToken, "", "")
		for _, access := range []string{tokens.AccessToken, again.AccessToken} {
			a := f.claims(access)
			if a.Subject != "shop/7" || !slices.Equal(a.Roles, c.has) || a.Extra["plan"] != c.plan {
				t.Errorf("%s: %s %v %v", c.name, a.Subject, a.Roles, a.Extra)
			}
		}
	}
	for _, e := range f.happened(pawl.EventSignIn) {
		if e.By != backEnd.By || e.Client != home {
			t.Errorf("%+v", e)
		}
	}
	u, err := f.User(t.Context(), "shop/7")
	if err != nil || u.Login != "" || u.PasswordHash != "" {
		t.Errorf("%v, %+v", err, u)
	}
}

// A new person who signs in fifty times at once is one user with fifty sessions.
func TestStartForRaces(t *testing.T) {
	f := newFixture(t)
	roles := []string{"editor"}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			tokens, err := f.StartFor(t.Context(), pawl.Newcomer{UserID: "shop/7", Roles: &roles})
			if err != nil {
				t.Error(err)
				return
			}
			if got := f.claims(tokens.AccessToken).Roles; !slices.Equal(got, roles) {
				t.Error(got)
			}
		})
	}
	wg.Wait()
	list, err := f.ListUsers(t.Context(), pawl.UserQuery{Search: "shop/7", Limit: 10})
	if err != nil || len(list) != 1 {
		t.Errorf("%v, %d users", err, len(list))
	}
	live, err := f.SessionsOf(t.Context(), "shop/7", "", 0)
	if err != nil || len(live.Sessions) != 50 {
		t.Errorf("%v, %d sessions", err, len(live.Sessions))
	}
	if n := len(f.happened(pawl.EventUserCreated)); n != 1 {
		t.Errorf("made %d times", n)
	}
	if n := len(f.happened(pawl.EventUserUpdated)); n != 0 {
		t.Errorf("changed %d times", n)
	}
}

func TestStartForRefuses(t *testing.T) {
	f := newFixture(t)
	for name, n := range map[string]pawl.Newcomer{
		"nobody":             {},
		"too long":           {UserID: strings.Repeat("x", 129)},
		"no UTF-8":           {UserID: "a\xff"},
		"control characters": {UserID: "a\nb"},
		"a bidi override":    {UserID: "a\u202eb"},
		"space around":       {UserID: "a "},
		"a dot":              {UserID: "."},
		"two dots":           {UserID: ".."},
		"a slash alone":      {UserID: "/"},
		"a registered claim": {UserID: "x", Claims: &map[string]any{"iss": "x"}},
		"an empty role":      {UserID: "x", Roles: &[]string{""}},
	} {
		_, err := f.StartFor(t.Context(), n)
		wantError(t, name, err, api.ErrInvalidRequest)
	}
	if _, err := f.StartFor(t.Context(), pawl.Newcomer{UserID: strings.Repeat("x", 128)}); err != nil {
		t.Errorf("128 bytes: %v", err)
	}
}

// Where the users are somebody else's, they say who is there and what they may.
func TestStartForOthersUsers(t *testing.T) {
	f := newFixture(t, func(c *pawl.Config) { c.Users = struct{ pawl.Users }{c.Users} })
	if _, err := f.StartFor(t.Context(), pawl.Newcomer{UserID: "id-ann"}); err != nil {
		t.Error(err)
	}
	_, err := f.StartFor(t.Context(), pawl.Newcomer{UserID: "nobody"})
	wantError(t, "nobody", err, api.ErrNotFound)
	_, err = f.StartFor(t.Context(), pawl.Newcomer{UserID: "id-ann", Roles: &[]string{"x"}})
	wantError(t, "roles", err, api.ErrInvalidRequest)
	_, err = f.StartFor(t.Context(), pawl.Newcomer{UserID: "id-ann", Claims: &map[string]any{}})
	wantError(t, "claims", err, api.ErrInvalidRequest)
}

// asAsked gives after a change what was asked for, not what is kept of it, and
// counts the changes.
type asAsked struct {
	pawl.UserStore
	changes int
}

func (a *asAsked) UpdateUser(ctx context.Context, id string, c pawl.UserChange) (before, after pawl.User, err error) {
	a.changes++
	before, _, err = a.UserStore.UpdateUser(ctx, id, c)
	return before, c.Apply(before), err
}

// A back end that says the same at every sign-in changes nothing, however it is
// said.
func TestStartForSaysTheSame(t *testing.T) {
	for name, claims := range map[string]map[string]any{
		"no claims": {}, "null": nil, "a whole number": {"seats": 3, "of": []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			store := &asAsked{}
			f := newFixture(t, func(c *pawl.Config) { store.UserStore = c.Users.(pawl.UserStore); c.Users = store })
			for range 3 {
				if _, err := f.StartFor(t.Context(), pawl.Newcomer{UserID: "shop/7", Roles: &[]string{}, Claims: &claims}); err != nil {
					t.Fatal(err)
				}
			}
			if n := len(f.happened(pawl.EventUserUpdated)); n != 0 || store.changes != 0 {
				t.Errorf("%d changes, %d of them in the audit log", store.changes, n)
			}
		})
	}
}
