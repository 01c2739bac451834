package interop_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/examples/interop/gojose"
	"github.com/pawlauth/pawl/examples/interop/golangjwt"
	"github.com/pawlauth/pawl/examples/interop/gooidc"
	"github.com/pawlauth/pawl/pawltest"
	"github.com/pawlauth/pawl/token"
)

// check gives the subject, session and roles of a good token.
type check func(ctx context.Context, token string) (who, error)

type who struct {
	subject, session string
	roles            []string
}

// libraries are the examples.
var libraries = []struct {
	name    string
	ed25519 bool // whether it can be made to know the algorithm's new name
	open    func(t *testing.T, client *http.Client, keys, issuer, audience string) check
}{
	{"golang-jwt", true, func(t *testing.T, client *http.Client, keys, issuer, audience string) check {
		verify, err := golangjwt.New(t.Context(), client, keys, issuer, audience)
		if err != nil {
			t.Fatal(err)
		}
		return func(ctx context.Context, token string) (who, error) {
			c, err := verify(ctx, token)
			if err != nil {
				return who{}, err
			}
			return who{c.Subject, c.SessionID, c.Roles}, nil
		}
	}},
	{"go-jose", true, func(_ *testing.T, client *http.Client, keys, issuer, audience string) check {
		verify := gojose.New(client, keys, issuer, audience)
		return func(ctx context.Context, token string) (who, error) {
			c, err := verify(ctx, token)
			if err != nil {
				return who{}, err
			}
			return who{c.Subject, c.SessionID, c.Roles}, nil
		}
	}},
	{"go-oidc", false, func(t *testing.T, client *http.Client, keys, issuer, audience string) check {
		verify := gooidc.New(t.Context(), client, keys, issuer, audience)
		return func(ctx context.Context, token string) (who, error) {
			c, err := verify(ctx, token)
			if err != nil {
				return who{}, err
			}
			return who{c.Subject, c.SessionID, c.Roles}, nil
		}
	}},
}

// The libraries go by the real time. The server lives in the past by so much,
// longer than its access tokens do, and can be moved up to the present.
const behind = 40 * time.Minute

func server(t *testing.T, algorithm string, more ...func(*pawl.Config)) *pawltest.Server {
	t.Helper()
	s := pawltest.NewServer(t, pawltest.WithConfig(func(c *pawl.Config) {
		now := c.Now
		c.Now = func() time.Time { return now().Add(-behind) }
		c.KeyPolicy.Algorithm = algorithm
		for _, change := range more {
			change(c)
		}
	}))
	s.Add(pawl.User{ID: "id-anna", Login: "anna", Roles: []string{"reader", "writer"}})
	return s
}

// tokens are what the cases are made of; foreign is of another Pawl of the same
// name.
type tokens struct{ expired, old, fresh, foreign api.Tokens }

// first takes those that there are before the keys rotate.
func first(t *testing.T, s *pawltest.Server, algorithm string) (all tokens) {
	t.Helper()
	all.expired = s.SignIn("id-anna")
	s.Advance(behind / 2)
	all.old = s.SignIn("id-anna")
	other := server(t, algorithm, func(c *pawl.Config) { c.Issuer = s.URL })
	other.Advance(behind)
	all.foreign = other.SignIn("id-anna")
	return all
}

// rotate lets another key sign, in the present.
func rotate(t *testing.T, s *pawltest.Server) {
	t.Helper()
	k, added, err := s.Service.RotateKeys(t.Context(), pawl.UseAccess)
	if err != nil || !added {
		t.Fatalf("added %v, %v", added, err)
	}
	s.Advance(behind / 2)
	for s.Service.KeySet().Signing().ID() != k.ID {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatal("the new key does not sign")
		}
	}
}

func TestLibrariesCheckAccessTokensUnmodified(t *testing.T) {
	for _, algorithm := range []string{token.ES256, token.RS256, token.Ed25519} {
		t.Run(algorithm, func(t *testing.T) {
			s := server(t, algorithm)
			all := first(t, s, algorithm)
			opened := map[string]check{}
			for _, l := range libraries {
				opened[l.name] = l.open(t, s.Client(), keysOf(s), s.URL, pawltest.Audience)
				if l.ed25519 || algorithm != token.Ed25519 {
					accepted(t, l.name, opened[l.name], all.old) // the first key is kept now
				}
			}
			rotate(t, s)
			all.fresh = s.SignIn("id-anna")
			for _, l := range libraries {
				t.Run(l.name, func(t *testing.T) {
					verify := opened[l.name]
					if !l.ed25519 && algorithm == token.Ed25519 {
						refused(t, "a good token: take it into the table when this is accepted", verify, all.fresh.AccessToken)
						return
					}
					accepted(t, "after a rotation of keys", verify, all.fresh)
					accepted(t, "signed by the key before", verify, all.old)
					refused(t, "another audience", l.open(t, s.Client(), keysOf(s), s.URL, "orders"), all.fresh.AccessToken)
					refused(t, "another issuer", l.open(t, s.Client(), keysOf(s), s.URL+"/", pawltest.Audience), all.fresh.AccessToken)
					for name, text := range bad(t, all) {
						refused(t, name, verify, text)
					}
					accepted(t, "after all that", verify, all.fresh)
				})
			}
		})
	}
}

func keysOf(s *pawltest.Server) string { return s.URL + "/.well-known/jwks.json" }

// bad are tokens that nobody may accept.
func bad(t *testing.T, all tokens) map[string]string {
	t.Helper()
	head, rest, _ := strings.Cut(all.fresh.AccessToken, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	_, otherRest, _ := strings.Cut(all.old.AccessToken, ".")
	otherPayload, _, _ := strings.Cut(otherRest, ".")
	return map[string]string{
		"expired":                all.expired.AccessToken,
		"signed by another Pawl": all.foreign.AccessToken,
		"the refresh token":      all.fresh.RefreshToken,
		"other claims":           head + "." + otherPayload + "." + signature,
		"other signature":        head + "." + payload + "." + flip(signature),
		"no signature":           head + "." + payload + ".",
		"alg none":               "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0." + payload + ".",
		"not a token":            "garbage",
		"HS256 in the header":    "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9." + payload + "." + signature,
	}
}

// flip changes a character in the middle of what is base64url.
func flip(text string) string {
	at, by := len(text)/2, byte('A')
	if text[at] == 'A' {
		by = 'B'
	}
	return text[:at] + string(by) + text[at+1:]
}

func accepted(t *testing.T, name string, verify check, good api.Tokens) {
	t.Helper()
	got, err := verify(t.Context(), good.AccessToken)
	if err != nil || got.subject != "id-anna" || got.session != good.SessionID || strings.Join(got.roles, " ") != "reader writer" {
		t.Errorf("%s: %+v, %v", name, got, err)
	}
}

func refused(t *testing.T, name string, verify check, text string) {
	t.Helper()
	if got, err := verify(t.Context(), text); err == nil {
		t.Errorf("%s: accepted as %+v", name, got)
	}
}
