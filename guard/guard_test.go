package guard_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/guard"
	"github.com/pawlauth/pawl/token"
)

const (
	issuer   = "https://id.example"
	audience = "https://api.example"
)

// source is an issuer made of what it hands out.
type source struct {
	keys    atomic.Pointer[token.KeySet]
	revoked token.Revoked
}

func (s *source) KeySet() *token.KeySet   { return s.keys.Load() }
func (s *source) Revoked() *token.Revoked { return &s.revoked }

// fixture is a guard with a clock, and an issuer to make tokens.
type fixture struct {
	*guard.Guard
	t      testing.TB
	source *source
	now    time.Time
}

func newFixture(t testing.TB, alg string, change ...func(*guard.Options)) *fixture {
	t.Helper()
	f := &fixture{t: t, source: &source{}, now: time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)}
	f.newKey(alg)
	o := guard.Options{Issuer: issuer, Audience: []string{audience}, Now: func() time.Time { return f.now }}
	for _, c := range change {
		c(&o)
	}
	g, err := guard.New(f.source, o)
	if err != nil {
		t.Fatal(err)
	}
	f.Guard = g
	return f
}

func (f *fixture) newKey(alg string) {
	f.t.Helper()
	k, err := token.GenerateKey(alg)
	if err != nil {
		f.t.Fatal(err)
	}
	ks, err := token.NewKeySet(k)
	if err != nil {
		f.t.Fatal(err)
	}
	f.source.keys.Store(ks)
}

func (f *fixture) sign(change ...func(*token.Access)) string {
	f.t.Helper()
	a := token.Access{
		Issuer: issuer, Subject: "ann", Audience: []string{audience}, ClientID: "pawl",
		SessionID: token.SessionID(token.NewSecret()), ID: token.NewID(), Roles: []string{"editor"},
		Issued: f.now, Expires: f.now.Add(time.Minute), AuthTime: f.now,
	}
	for _, c := range change {
		c(&a)
	}
	compact, err := f.source.KeySet().SignAccess(a)
	if err != nil {
		f.t.Fatal(err)
	}
	return compact
}

func (f *fixture) wants(what, bearer string, want *api.Error) {
	f.t.Helper()
	a, err := f.Check(bearer)
	switch {
	case want == nil && (err != nil || a.Subject != "ann"):
		f.t.Errorf("%s: %v", what, err)
	case want != nil && (err == nil || api.AsError(err).Code != want.Code || api.AsError(err).Reason != want.Reason):
		f.t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// Every line is checked twice: cold, and with the token remembered.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name string
		then func(f *fixture, sid string)
		want *api.Error
	}{
		{"valid", func(*fixture, string) {}, nil},
		{"SECURITY 11: a second before exp", func(f *fixture, _ string) { f.now = f.now.Add(59 * time.Second) }, nil},
		{"SECURITY 11: at exp", func(f *fixture, _ string) { f.now = f.now.Add(60 * time.Second) }, api.ErrTokenExpired},
		{"its session was ended", func(f *fixture, sid string) {
			f.source.revoked.Add(token.Revocation{Kind: token.KindSession, ID: sid, Reason: api.ReasonSignedOut, At: f.now})
		}, api.LoginRequired(api.ReasonSignedOut)},
		{"another session was ended", func(f *fixture, _ string) {
			f.source.revoked.Add(token.Revocation{Kind: token.KindSession, ID: "other", Reason: api.ReasonSignedOut, At: f.now})
		}, nil},
		{"all of the user's were ended", func(f *fixture, _ string) {
			f.source.revoked.Add(token.Revocation{Kind: token.KindUser, ID: "ann", NotBefore: f.now, Reason: api.ReasonDisabled, At: f.now})
		}, api.LoginRequired(api.ReasonDisabled)},
		{"the user's were ended before this sign-in", func(f *fixture, _ string) {
			f.source.revoked.Add(token.Revocation{Kind: token.KindUser, ID: "ann", NotBefore: f.now.Add(-time.Second), Reason: api.ReasonDisabled, At: f.now})
		}, nil},
		{"everyone's were ended", func(f *fixture, _ string) {
			f.source.revoked.Add(token.Revocation{Kind: token.KindAll, NotBefore: f.now, Reason: api.ReasonEndedByAdmin, At: f.now})
		}, api.LoginRequired(api.ReasonEndedByAdmin)},
		{"SECURITY 18: its key was removed", func(f *fixture, _ string) { f.newKey(token.ES256) }, api.ErrInvalidToken},
	} {
		for _, warm := range []bool{false, true} {
			name := c.name + ", cold"
			if warm {
				name = c.name + ", warm"
			}
			t.Run(name, func(t *testing.T) {
				f := newFixture(t, token.ES256)
				sid := token.SessionID(token.NewSecret())
				bearer := f.sign(func(a *token.Access) { a.SessionID = sid })
				if warm {
					f.wants("first", bearer, nil)
				}
				c.then(f, sid)
				f.wants("then", bearer, c.want)
				f.wants("again", bearer, c.want)
			})
		}
	}
	t.Run("SECURITY 2, 10: not for us", func(t *testing.T) {
		f := newFixture(t, token.ES256)
		for name, bearer := range map[string]string{
			"another issuer":   f.sign(func(a *token.Access) { a.Issuer = issuer + "/" }),
			"another audience": f.sign(func(a *token.Access) { a.Audience = []string{"https://other.example"} }),
			"garbage":          "garbage",
			"":                 "",
			"a flipped bit":    strings.Replace(f.sign(), ".", ".A", 1),
		} {
			f.wants(name, bearer, api.ErrInvalidToken)
			f.wants(name+" again", bearer, api.ErrInvalidToken)
		}
	})
	t.Run("leeway", func(t *testing.T) {
		f := newFixture(t, token.ES256, func(o *guard.Options) { o.Leeway = 10 * time.Second })
		bearer := f.sign()
		f.wants("fresh", bearer, nil)
		f.now = f.now.Add(69 * time.Second)
		f.wants("within", bearer, nil)
		f.now = f.now.Add(time.Second)
		f.wants("past", bearer, api.ErrTokenExpired)
	})
}

func TestNewRefusesWhatWouldAcceptAnything(t *testing.T) {
	f := newFixture(t, token.ES256)
	good := guard.Options{Issuer: issuer, Audience: []string{audience}}
	for name, change := range map[string]func(*guard.Options){
		"no issuer": func(o *guard.Options) { o.Issuer = "" }, "no audience": func(o *guard.Options) { o.Audience = nil },
		"leeway over a minute": func(o *guard.Options) { o.Leeway = time.Minute + 1 }, "negative leeway": func(o *guard.Options) { o.Leeway = -1 },
	} {
		o := good
		change(&o)
		if _, err := guard.New(f.source, o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := guard.New(nil, good); err == nil {
		t.Error("no issuer of keys: accepted")
	}
}

func TestMiddleware(t *testing.T) {
	f := newFixture(t, token.ES256)
	good, ended, expired := f.sign(), f.sign(func(a *token.Access) { a.SessionID = "ended" }), f.sign(func(a *token.Access) { a.Expires = f.now })
	f.source.revoked.Add(token.Revocation{Kind: token.KindSession, ID: "ended", Reason: api.ReasonReused, At: f.now})

	who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a, ok := guard.Principal(r.Context()); ok {
			w.Header().Set("Who", a.Subject)
		}
	})
	required, optional := f.Required(who), f.Optional(who)
	editors, admins := f.Required(who, "admin", "editor"), f.Required(who, "admin")

	for _, c := range []struct {
		name      string
		handler   http.Handler
		headers   []string
		query     string
		status    int
		code      string
		who       string
		challenge string
	}{
		{"required: a valid token", required, []string{"Bearer " + good}, "", 200, "", "ann", ""},
		{"required: the scheme in any case", required, []string{"bearer " + good}, "", 200, "", "ann", ""},
		{"SECURITY 53: no token, no error code", required, nil, "", 401, "access_denied", "", `Bearer realm="pawl"`},
		{"required: garbage", required, []string{"Bearer garbage"}, "", 401, "invalid_token", "", `Bearer realm="pawl", error="invalid_token", error_description="invalid_token"`},
		{"required: expired", required, []string{"Bearer " + expired}, "", 401, "token_expired", "", `Bearer realm="pawl", error="invalid_token", error_description="token_expired"`},
		{"required: ended", required, []string{"Bearer " + ended}, "", 401, "login_required", "", `Bearer realm="pawl", error="invalid_token", error_description="login_required"`},
		{"SECURITY 53: Basic, as a proxy in front asks for it", required, []string{"Basic YTpi"}, "", 401, "access_denied", "", `Bearer realm="pawl"`},
		{"SECURITY 53: Digest", required, []string{`Digest username="ann", realm="x", nonce="y", uri="/", response="z"`}, "", 401, "access_denied", "", `Bearer realm="pawl"`},
		{"SECURITY 53: Negotiate", required, []string{"Negotiate YII="}, "", 401, "access_denied", "", `Bearer realm="pawl"`},
		{"SECURITY 53: DPoP", required, []string{"DPoP " + good}, "", 401, "access_denied", "", `Bearer realm="pawl"`},
		{"SECURITY 53: a scheme alone", required, []string{"garbage"}, "", 401, "access_denied", "", `Bearer realm="pawl"`},
		{"SECURITY 53: a token without scheme", required, []string{good}, "", 401, "access_denied", "", `Bearer realm="pawl"`},
		{"SECURITY 53: no space", required, []string{"Bearer" + good}, "", 401, "access_denied", "", `Bearer realm="pawl"`},
		{"SECURITY 53: a tab", required, []string{"Bearer\t" + good}, "", 401, "access_denied", "", `Bearer realm="pawl"`},
		{"SECURITY 53: nothing", required, []string{""}, "", 401, "access_denied", "", `Bearer realm="pawl"`},
		{"SECURITY 52: Basic and Bearer", required, []string{"Basic YTpi", "Bearer " + good}, "", 400, "invalid_request", "", ""},
		{"required: in capitals, with spaces", required, []string{"BEARER   " + good}, "", 200, "", "ann", ""},
		{"optional: another scheme is anonymous", optional, []string{"Basic YTpi"}, "", 200, "", "", ""},
		{"the scheme alone", required, []string{"Bearer"}, "", 400, "invalid_request", "", ""},
		{"no token after the scheme", required, []string{"Bearer "}, "", 400, "invalid_request", "", ""},
		{"SECURITY 52: two headers", required, []string{"Bearer " + good, "Bearer " + good}, "", 400, "invalid_request", "", ""},
		{"SECURITY 52: in the query", required, nil, "?access_token=" + good, 400, "invalid_request", "", ""},
		{"SECURITY 52: in the query, its name in disguise", required, []string{"Bearer " + good}, "?access_token=" + good, 400, "invalid_request", "", ""},
		{"one of the roles", editors, []string{"Bearer " + good}, "", 200, "", "ann", ""},
		{"none of the roles", admins, []string{"Bearer " + good}, "", 403, "access_denied", "", ""},
		{"a role is asked for, nobody is there", admins, nil, "", 401, "access_denied", "", `Bearer realm="pawl"`},
		{"optional: a valid token", optional, []string{"Bearer " + good}, "", 200, "", "ann", ""},
		{"optional: anonymous", optional, nil, "", 200, "", "", ""},
		{"optional: an ended token is anonymous", optional, []string{"Bearer " + ended}, "", 200, "", "", ""},
		{"optional: garbage is anonymous", optional, []string{"Bearer garbage"}, "", 200, "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/"+c.query, nil)
			for _, h := range c.headers {
				r.Header.Add("Authorization", h)
			}
			w := httptest.NewRecorder()
			c.handler.ServeHTTP(w, r)
			var p api.Problem
			_ = json.Unmarshal(w.Body.Bytes(), &p)
			if w.Code != c.status || p.Code != c.code || w.Header().Get("Who") != c.who || w.Header().Get("WWW-Authenticate") != c.challenge {
				t.Errorf("status %d, code %q, who %q, challenge %q", w.Code, p.Code, w.Header().Get("Who"), w.Header().Get("WWW-Authenticate"))
			}
		})
	}
}

// Garbage must neither fill the memory of verified tokens nor push them out.
// Whoever runs the service learns why, which the answer keeps to itself.
func TestRefusalsAreTold(t *testing.T) {
	var told []error
	f := newFixture(t, token.ES256, func(o *guard.Options) { o.OnRefused = func(_ *http.Request, err error) { told = append(told, err) } })
	foreign := "Bearer " + f.sign(func(a *token.Access) { a.Audience = []string{"https://other.example"} })
	required, optional := f.Required(says), f.Optional(says)
	for _, c := range []struct {
		name, authorization string
		handler             http.Handler
		want                error // nil: nothing is told
		says                string
	}{
		{"required: good", "Bearer " + f.sign(), required, nil, ""},
		{"required: for another audience", foreign, required, api.ErrInvalidToken, "audience"},
		{"required: nobody", "", required, api.ErrUnauthenticated, ""},
		{"required: without the role", "Bearer " + f.sign(), f.Required(says, "admin"), api.ErrAccessDenied, ""},
		{"optional: good", "Bearer " + f.sign(), optional, nil, ""},
		{"optional: for another audience", foreign, optional, api.ErrInvalidToken, "audience"},
		{"optional: nobody is no refusal", "", optional, nil, ""},
	} {
		told = nil
		r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
		if c.authorization != "" {
			r.Header.Set("Authorization", c.authorization)
		}
		c.handler.ServeHTTP(w, r)
		if c.want == nil {
			if len(told) != 0 {
				t.Errorf("%s: told %v", c.name, told)
			}
			continue
		}
		if len(told) != 1 || !errors.Is(told[0], c.want) || !strings.Contains(told[0].Error(), c.says) {
			t.Errorf("%s: told %v", c.name, told)
		}
		if c.says != "" && strings.Contains(w.Body.String(), c.says) {
			t.Errorf("SECURITY 61: %s: the answer tells it too: %s", c.name, w.Body)
		}
	}
}

func TestWarmCheckAllocatesNothing(t *testing.T) {
	f := newFixture(t, token.ES256)
	good := f.sign()
	for range 3 {
		f.wants("good", good, nil)
	}
	for range 1000 {
		_, _ = f.Check(f.sign(func(a *token.Access) { a.Issuer = "https://evil.example" }))
	}
	if n := testing.AllocsPerRun(1000, func() { _, _ = f.Check(good) }); n != 0 {
		t.Errorf("a warm check makes %v allocations, want 0", n)
	}
}

func BenchmarkCheck(b *testing.B) {
	for _, alg := range []string{token.HS256, token.RS256, token.ES256, token.Ed25519} {
		b.Run(alg+"/warm", func(b *testing.B) {
			f := newFixture(b, alg)
			benchmarkCheck(b, f, f.sign())
		})
		b.Run(alg+"/cold", func(b *testing.B) {
			f := newFixture(b, alg, func(o *guard.Options) { o.CacheSize = -1 })
			benchmarkCheck(b, f, f.sign())
		})
	}
	for name, n := range map[string]int{"1k": 1000, "1M": 1_000_000} {
		b.Run("ES256/warm/revoked-"+name, func(b *testing.B) {
			f := newFixture(b, token.ES256)
			for range n {
				f.source.revoked.Add(token.Revocation{Kind: token.KindSession, ID: token.NewID(), Reason: api.ReasonSignedOut, At: f.now})
			}
			benchmarkCheck(b, f, f.sign())
		})
	}
	b.Run("garbage", func(b *testing.B) {
		f := newFixture(b, token.ES256)
		for b.Loop() {
			if _, err := f.Check("eyJhbGciOiJub25lIn0.e30."); err == nil {
				b.Fatal("accepted")
			}
		}
	})
}

func benchmarkCheck(b *testing.B, f *fixture, bearer string) {
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := f.Check(bearer); err != nil {
				b.Fatal(err)
			}
		}
	})
}
