package feedtest

import (
	"context"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/client"
	"github.com/pawlauth/pawl/guard"
)

// site is one host that browsers reach: Pawl's API below /api, and at its other
// paths an application that checks offline and reissues in-line, both over the
// line to the issuer.
type site struct {
	*world
	app       *service
	front     *httptest.Server
	rotations atomic.Int32
	losing    atomic.Int32 // answers of reissues still to lose
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{}
	s.world = newWorld(t, func(c *pawl.Config) {
		c.Policy.AccessTTL = 30 * time.Minute
		c.OnEvent = func(_ context.Context, e pawl.Event) {
			if e.Row == 5 {
				s.rotations.Add(1)
			}
		}
	})
	s.app = s.service()
	reissuer := &client.Reissuer{URL: "https://" + s.line.address(), Transport: roundTripper(s.reissue), Now: s.now}
	app := httptest.NewServer(s.app.Inline(reissuer, guard.InlineOptions{})(s.app.Required(ok)))
	t.Cleanup(app.Close)
	mux := http.NewServeMux()
	mux.Handle("/api/", s.proxy(s.URL, s.Client().Transport))
	mux.Handle("/", s.proxy(app.URL, nil))
	s.front = httptest.NewTLSServer(mux)
	t.Cleanup(s.front.Close)
	return s
}

func (s *site) proxy(to string, transport http.RoundTripper) http.Handler {
	u, err := url.Parse(to)
	if err != nil {
		s.t.Fatal(err)
	}
	return &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) }}
}

// reissue carries a reissue, and loses its answer where that is to be lost.
func (s *site) reissue(r *http.Request) (*http.Response, error) {
	resp, err := s.Client().Transport.RoundTrip(r)
	if err == nil && s.losing.Add(-1) >= 0 {
		_ = resp.Body.Close()
		return nil, errors.New("the connection broke")
	}
	return resp, err
}

// browser is a person's: its jar has what the site has set.
type browser struct {
	*http.Client
	s *site
	u *url.URL
}

func (s *site) browser(a api.Tokens) *browser {
	s.t.Helper()
	u, err := url.Parse(s.front.URL)
	if err != nil {
		s.t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	jar.SetCookies(u, []*http.Cookie{{Name: api.CookieName, Value: a.RefreshToken, Path: "/", Secure: true}})
	return &browser{&http.Client{Transport: s.front.Client().Transport, Jar: jar}, s, u}
}

// refresh is the refresh token in the jar.
func (b *browser) refresh() string {
	for _, k := range b.Jar.Cookies(b.u) {
		if k.Name == api.CookieName {
			return k.Value
		}
	}
	return ""
}

// seen is an answer of the application.
type seen struct {
	status int
	code   string // "code reason" of a problem
	access string // the new access token
}

func (b *browser) get(path, bearer string) (a seen) {
	r, err := http.NewRequestWithContext(b.s.t.Context(), http.MethodGet, b.s.front.URL+path, nil)
	if err != nil {
		b.s.t.Error(err)
		return a
	}
	r.Header.Set("Authorization", "Bearer "+bearer)
	resp, err := b.Do(r)
	if err != nil {
		b.s.t.Error(err)
		return a
	}
	defer resp.Body.Close()
	a.status = resp.StatusCode
	a.access, _ = strings.CutPrefix(resp.Header.Get("Authorization"), "Bearer ")
	if e := api.AsError(client.Error(resp)); a.status >= 400 {
		a.code = strings.TrimSpace(e.Code + " " + e.Reason)
	}
	return a
}

// twenty sends twenty requests at once.
func (b *browser) twenty(bearer string) []seen {
	all := make([]seen, 20)
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() { all[i] = b.get("/orders", bearer) })
	}
	wg.Wait()
	return all
}

// allServed sends twenty requests at once with an expired access token: all are
// answered, with good tokens, and the session turns once.
func (b *browser) allServed(a api.Tokens) {
	b.s.t.Helper()
	for _, got := range b.twenty(a.AccessToken) {
		if got.status != 200 {
			b.s.t.Errorf("%+v", got)
		} else if _, err := b.s.app.Check(got.access); err != nil {
			b.s.t.Errorf("the new access token: %v", err)
		}
	}
	if n := b.s.rotations.Load(); n != 1 || b.refresh() == a.RefreshToken {
		b.s.t.Errorf("%d rotations", n)
	}
}

// SYSTEM A10, with everything that a service elsewhere has: twenty requests at
// once with one expired access token are one rotation and twenty answers.
func TestInlineBesideARemoteGuard(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a := s.signIn()
	b := s.browser(a)
	if got := b.get("/orders", a.AccessToken); got != (seen{status: 200}) {
		t.Errorf("a valid token: %+v", got)
	}
	s.Advance(time.Hour)
	b.allServed(a)
}

// An answer that is lost between issuer and application is a 503; the same
// request again gets what was lost.
func TestInlineLosesAnAnswer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a := s.signIn()
	b := s.browser(a)
	s.Advance(time.Hour)
	s.losing.Store(1)
	if got := b.get("/orders", a.AccessToken); got != (seen{status: 503, code: api.CodeUnavailable}) || b.refresh() != a.RefreshToken {
		t.Errorf("%+v", got)
	}
	b.allServed(a)
}

// SECURITY 62: without the issuer what is valid goes on, what has expired waits,
// and nobody is signed out.
func TestInlineWithoutTheIssuer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a := s.signIn()
	s.Advance(time.Hour)
	fresh := s.signIn()
	b, other := s.browser(a), s.browser(fresh)
	s.line.cut()
	for _, got := range b.twenty(a.AccessToken) {
		if got != (seen{status: 503, code: api.CodeUnavailable}) {
			t.Errorf("expired: %+v", got)
		}
	}
	if got := other.get("/orders", fresh.AccessToken); got.status != 200 {
		t.Errorf("valid: %+v", got)
	}
	if b.refresh() != a.RefreshToken {
		t.Error("the cookie was touched")
	}
	s.line.join()
	b.allServed(a)
}

// SECURITY 24: a session that is ended while twenty requests reissue it. Each is
// answered in time or refused; then all that they brought is dead.
func TestInlineOfASessionThatEnds(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a := s.signIn()
	b := s.browser(a)
	s.Advance(time.Hour)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.logout(a)
	}()
	const out = api.CodeLoginRequired + " " + api.ReasonSignedOut
	var given []string
	for _, got := range b.twenty(a.AccessToken) {
		if got.status != 200 && (got.status != 401 || got.code != out) {
			t.Errorf("meanwhile: %+v", got)
		}
		if got.access != "" {
			given = append(given, got.access)
		}
	}
	<-ended
	for _, got := range b.twenty(a.AccessToken) {
		if got.status != 401 || got.code != out || got.access != "" {
			t.Errorf("afterwards: %+v", got)
		}
	}
	for _, access := range given {
		s.app.becomes("what was given is dead", api.Tokens{AccessToken: access}, signedOut)
	}
	if b.refresh() == "" {
		t.Error("the cookie was cleared")
	}
}
