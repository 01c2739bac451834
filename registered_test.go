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

func withClients(c *pawl.Config) { c.Clients = c.Users.(pawl.ClientStore) }

func TestRegisteredClients(t *testing.T) {
	f := newFixture(t, withClients)
	ctx := pawl.WithActor(t.Context(), root)
	c, secret, err := f.AddClient(ctx, "shop-1.a_b", []string{"users", "feed", "users"})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.Scopes, []string{"feed", "users"}) || !c.Has("feed") || c.Has("sessions") || !c.Created.Equal(f.clock()) || len(secret) != 43 {
		t.Errorf("%+v, a secret of %d characters", c, len(secret))
	}
	_, other, err := f.AddClient(ctx, "other", []string{"feed"})
	if err != nil || other == secret {
		t.Fatalf("%v, the same secret: %v", err, other == secret)
	}
	for _, try := range []struct {
		name, id, secret string
		ok               bool
	}{
		{"right", "shop-1.a_b", secret, true},
		{"wrong", "shop-1.a_b", secret[1:] + "x", false},
		{"none", "shop-1.a_b", "", false},
		{"another client's", "shop-1.a_b", other, false},
		{"unknown id", "nobody", secret, false},
		{"an id that cannot be", "SHOP", secret, false},
		{"the hash itself", "shop-1.a_b", string(c.Secret[:]), false},
	} {
		got, err := f.AuthenticateClient(ctx, try.id, try.secret)
		if (err == nil) != try.ok || !try.ok && !errors.Is(err, api.ErrInvalidCredentials) {
			t.Errorf("%s: %v", try.name, err)
		}
		if try.ok && got.ID != try.id {
			t.Errorf("%s: %s", try.name, got.ID)
		}
	}
	_, _, err = f.AddClient(ctx, "other", []string{"feed"})
	wantError(t, "a taken id", err, api.ErrConflict)
	for _, id := range []string{"", "-a", "A", "a b", "a:b", "a/b", "é", strings.Repeat("a", 65)} {
		_, _, err := f.AddClient(ctx, id, []string{"feed"})
		wantError(t, id, err, api.ErrInvalidRequest)
	}
	for _, scopes := range [][]string{nil, {"admin"}, {"feed", ""}} {
		_, _, err := f.AddClient(ctx, "x", scopes)
		wantError(t, strings.Join(scopes, ","), err, api.ErrInvalidRequest)
	}
	list, err := f.Clients(ctx)
	if err != nil || len(list) != 2 || list[0].ID != "other" {
		t.Errorf("%v, %+v", err, list)
	}
	if err := f.RemoveClient(ctx, "other"); err != nil {
		t.Error(err)
	}
	wantError(t, "removed twice", f.RemoveClient(ctx, "other"), api.ErrNotFound)
	_, err = f.AuthenticateClient(ctx, "other", other)
	wantError(t, "a removed client", err, api.ErrInvalidCredentials)
	added, removed := f.happened(pawl.EventClientAdded), f.happened(pawl.EventClientRemoved)
	if len(added) != 2 || len(removed) != 1 || removed[0].Object != "other" || removed[0].By != root.By || removed[0].Why != root.Why {
		t.Errorf("%+v, %+v", added, removed)
	}
}

type clientsDown struct{}

func (clientsDown) AddClient(context.Context, pawl.RegisteredClient) error { return errStoreDown }
func (clientsDown) ClientByID(context.Context, string) (pawl.RegisteredClient, error) {
	return pawl.RegisteredClient{}, errStoreDown
}

func (clientsDown) ListClients(context.Context) ([]pawl.RegisteredClient, error) {
	return nil, errStoreDown
}
func (clientsDown) RemoveClient(context.Context, string) error { return errStoreDown }

// SECURITY 62: a store that fails is no wrong secret.
func TestClientsThatCannotBeAsked(t *testing.T) {
	for name, c := range map[string]struct {
		store pawl.ClientStore
		want  error
		auth  error
	}{
		"down": {clientsDown{}, api.ErrUnavailable, api.ErrUnavailable},
		"none": {nil, api.ErrNotFound, api.ErrInvalidCredentials},
	} {
		f := newFixture(t, func(cfg *pawl.Config) { cfg.Clients = c.store })
		_, err := f.AuthenticateClient(t.Context(), "a", "b")
		wantError(t, name, err, c.auth)
		_, err = f.Clients(t.Context())
		wantError(t, name, err, c.want)
		_, _, err = f.AddClient(t.Context(), "a", []string{"feed"})
		wantError(t, name, err, c.want)
		wantError(t, name, f.RemoveClient(t.Context(), "a"), c.want)
	}
}
