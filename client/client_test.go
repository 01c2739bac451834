package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/client"
	"github.com/pawlauth/pawl/pawltest"
)

const pass = "a long enough password"

// wire carries a client's requests, counts them, and can lose answers.
type wire struct {
	http.RoundTripper
	mu       sync.Mutex
	reissues int
	keys     map[string]bool
	losing   int           // answers still to lose
	answers  []http.Header // instead of asking: a 503 with these headers
	gate     bool          // a proxy in front answers 401 to everything
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.gate {
		return &http.Response{StatusCode: 401, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("<html>")), Request: r}, nil
	}
	if r.URL.Path != "/api/reissue" {
		return w.RoundTripper.RoundTrip(r)
	}
	w.mu.Lock()
	w.reissues++
	w.keys[r.Header.Get("Idempotency-Key")] = true
	lose := w.losing > 0
	if lose {
		w.losing--
	}
	if len(w.answers) > 0 {
		h := w.answers[0]
		w.answers = w.answers[1:]
		w.mu.Unlock()
		return &http.Response{StatusCode: 503, Header: h, Body: http.NoBody, Request: r}, nil
	}
	w.mu.Unlock()
	resp, err := w.RoundTripper.RoundTrip(r)
	if err == nil && lose { // the server has done its work
		_ = resp.Body.Close()
		return nil, errors.New("the connection broke")
	}
	return resp, err
}

func (w *wire) counts() (reissues, keys int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reissues, len(w.keys)
}

// bench is a Pawl with anna, and clients of it.
type bench struct {
	t    *testing.T
	srv  *pawltest.Server
	wire *wire
	rows sync.Map     // row → *atomic.Int32, of reissues
	skew atomic.Int64 // of the clients' clocks
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t}
	b.srv = pawltest.NewServer(t, pawltest.WithConfig(func(c *pawl.Config) {
		c.OnEvent = func(_ context.Context, e pawl.Event) {
			if e.Kind == pawl.EventResentElsewhere { // beside the reissue's own
				return
			}
			n, _ := b.rows.LoadOrStore(e.Row, new(atomic.Int32))
			n.(*atomic.Int32).Add(1)
		}
	}))
	b.srv.AddUser("anna", pass)
	b.wire = &wire{RoundTripper: b.srv.Client().Transport, keys: map[string]bool{}}
	return b
}

// took is how often a row of the rotation table was taken.
func (b *bench) took(row int) int {
	n, ok := b.rows.Load(row)
	if !ok {
		return 0
	}
	return int(n.(*atomic.Int32).Load())
}

// client starts a program: its memory is empty, its store is what it was.
func (b *bench) client(s client.TokenStore) *client.Client {
	b.t.Helper()
	c, err := client.New(client.Options{URL: b.srv.URL, Store: s, Transport: b.wire, Now: func() time.Time {
		return b.srv.Clock.Now().Add(time.Duration(b.skew.Load()))
	}})
	if err != nil {
		b.t.Fatal(err)
	}
	c.NoWaiting(func(time.Duration) {})
	return c
}

func (b *bench) signedIn(s client.TokenStore) *client.Client {
	b.t.Helper()
	c := b.client(s)
	if err := c.Adopt(b.t.Context(), b.started()); err != nil {
		b.t.Fatal(err)
	}
	return c
}

// started is a session that costs no hashing.
func (b *bench) started() api.TokenResponse {
	sent := b.srv.SignIn("id-anna")
	return api.TokenResponse{AccessToken: sent.AccessToken, RefreshToken: sent.RefreshToken, ExpiresIn: int64(life.Seconds())}
}

func (b *bench) works(c *client.Client) {
	b.t.Helper()
	if me, err := c.Me(b.t.Context()); err != nil || me.Subject != "id-anna" {
		b.t.Errorf("%+v, %v", me, err)
	}
}

func token(t *testing.T, c *client.Client) string {
	t.Helper()
	s, err := c.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const life = pawl.DefaultAccessTTL

// A program that administers asks for tokens of its own, and shares a session with
// others of the same person without taking theirs.
func TestAProgramThatAdministers(t *testing.T) {
	s := pawltest.NewServer(t)
	s.AddUser("root", pass, pawl.RoleAdmin)
	store := client.Memory()
	open := func(audience string) *client.Client {
		c, err := client.New(client.Options{URL: s.URL, Store: store, Transport: s.Client().Transport, Audience: audience, Now: s.Clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	admin, other := open(s.Service.AdminAudience()), open("")
	if err := admin.SignIn(t.Context(), "root", pass, ""); err != nil {
		t.Fatal(err)
	}
	get := func(c *client.Client, path string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.Transport(s.Client().Transport).RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	for range 3 { // over rotations, too
		for _, c := range []struct {
			who   *client.Client
			path  string
			wants int
		}{{admin, "/admin/api/users", 200}, {other, "/api/sessions", 200}, {other, "/admin/api/users", 403}, {admin, "/api/sessions", 401}} {
			if got := get(c.who, c.path); got != c.wants {
				t.Errorf("%s: %d, want %d", c.path, got, c.wants)
			}
		}
		s.Advance(pawl.DefaultAccessTTL)
	}
}

func TestASessionStaysFresh(t *testing.T) {
	b := newBench(t)
	c := b.client(nil)
	if err := c.SignIn(t.Context(), "anna", pass, "a laptop"); err != nil {
		t.Fatal(err)
	}
	first := token(t, c)
	b.srv.Advance(life * 9 / 10)
	b.srv.Advance(-time.Second)
	if token(t, c) != first {
		t.Error("reissued before the last tenth")
	}
	for range 5 {
		b.srv.Advance(life)
		b.works(c)
	}
	if n, keys := b.wire.counts(); n != 5 || keys != 5 {
		t.Errorf("%d reissues with %d keys, want 5 and 5", n, keys)
	}
	if err := c.SignOut(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Token(t.Context()); !errors.Is(err, api.ErrUnauthenticated) {
		t.Errorf("signed out: %v", err)
	}
	if err := c.SignOut(t.Context()); err != nil {
		t.Errorf("twice: %v", err)
	}
}

// A laptop's sleep is part of a token's life: what Go measures time by stands
// still meanwhile, so it must not be what is compared.
func TestASleepIsPartOfATokensLife(t *testing.T) {
	b := newBench(t)
	store := client.Memory()
	c, err := client.New(client.Options{URL: b.srv.URL, Store: store, Transport: b.wire}) // by the real clock
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Adopt(t.Context(), b.started()); err != nil {
		t.Fatal(err)
	}
	s, err := store.Load(t.Context())
	if err != nil || s.AccessExpires != s.AccessExpires.Round(0) || s.RefreshAt != s.RefreshAt.Round(0) { // == sees it, Equal does not
		t.Errorf("%v: expires %s, reissue at %s", err, s.AccessExpires, s.RefreshAt)
	}
}

// The moment is a random one of the last tenth: a thief must not foresee it.
func TestReissuesAreSpreadOverTheLastTenth(t *testing.T) {
	b := newBench(t)
	store := client.Memory()
	seen := map[time.Duration]bool{}
	c := b.client(store)
	for range 30 {
		if err := c.Adopt(t.Context(), b.started()); err != nil {
			t.Fatal(err)
		}
		s, _ := store.Load(t.Context())
		left := s.AccessExpires.Sub(s.RefreshAt)
		if left < 0 || left > life/10 {
			t.Errorf("%v before the end", left)
		}
		seen[left] = true
	}
	if len(seen) < 25 {
		t.Errorf("%d different moments of 30", len(seen))
	}
}

func TestFiftyAtOnceAreOneRotation(t *testing.T) {
	b := newBench(t)
	c := b.signedIn(nil)
	b.srv.Advance(life)
	tokens := make([]string, 50)
	var wg sync.WaitGroup
	for i := range tokens {
		wg.Go(func() {
			var err error
			if tokens[i], err = c.Token(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, got := range tokens {
		if got != tokens[0] {
			t.Fatal("not all have the same token")
		}
	}
	if n, _ := b.wire.counts(); n != 1 || b.took(5) != 1 {
		t.Errorf("%d reissues, %d rotations", n, b.took(5))
	}
}

// A caller that gives up does not take the others' token with it.
func TestACallerThatGivesUp(t *testing.T) {
	b := newBench(t)
	c := b.signedIn(nil)
	b.srv.Advance(life)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Token(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	b.works(c)
	if b.took(5) != 1 {
		t.Errorf("%d rotations", b.took(5))
	}
}

func TestLostAnswers(t *testing.T) {
	b := newBench(t)
	c := b.signedIn(nil)
	for n := 1; n <= 4; n++ {
		b.srv.Advance(life)
		b.wire.losing = n
		b.works(c)
	}
	if b.took(7) != 0 || b.took(5) != 4 {
		t.Errorf("rotations %d, reuse %d", b.took(5), b.took(7))
	}
	t.Run("for longer than the window", func(t *testing.T) {
		b.srv.Advance(life)
		b.wire.losing = 1_000
		if _, err := c.Token(t.Context()); !errors.Is(err, api.ErrUnavailable) {
			t.Errorf("%v", err)
		}
		b.wire.losing = 0
		b.srv.Advance(24 * time.Hour)
		b.works(c)
		if b.took(7) != 0 {
			t.Error("signed out")
		}
	})
}

// The program dies at each point of a reissue, for hours, and starts anew.
func TestCrashes(t *testing.T) {
	for _, c := range []struct {
		name  string
		crash func(*crashing)
	}{
		{"before the key is kept", func(s *crashing) { s.at = 1 }},
		{"between keeping the key and sending", func(s *crashing) { s.at, s.kept = 1, true }},
		{"after the answer, before it is kept", func(s *crashing) { s.at = 2 }},
		{"after it is kept", func(s *crashing) { s.at, s.kept = 2, true }},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			store := client.File(filepath.Join(t.TempDir(), "session"))
			b.signedIn(store)
			for range 4 {
				b.srv.Advance(life)
				dying := &crashing{TokenStore: store}
				c.crash(dying)
				_, _ = b.client(dying).Token(t.Context())
				b.srv.Advance(3 * time.Hour)
				b.works(b.client(store))
			}
			if b.took(7) != 0 {
				t.Error("signed out")
			}
		})
	}
}

// crashing is a store of a program that dies at the at-th Save.
type crashing struct {
	client.TokenStore
	at    int
	kept  bool // what was to be saved is
	saves int
}

func (s *crashing) Save(ctx context.Context, st client.State) error {
	s.saves++
	switch {
	case s.saves == s.at && s.kept:
		_ = s.TokenStore.Save(ctx, st)
		return errors.New("died")
	case s.saves >= s.at:
		return errors.New("died")
	}
	return s.TokenStore.Save(ctx, st)
}

// The store loses what was saved last, as a disk does that lies: the key that
// stayed fetches it again.
func TestAStoreThatLosesTheLastReissue(t *testing.T) {
	b := newBench(t)
	store := client.Memory()
	b.signedIn(store)
	b.srv.Advance(life)
	lost := &crashing{TokenStore: store, at: 2}
	token(t, b.client(lost))
	b.srv.Advance(30 * time.Hour)
	b.works(b.client(store))
	if b.took(7) != 0 {
		t.Error("signed out")
	}
}

func TestWaitsAreWhatTheServerAsksFor(t *testing.T) {
	b := newBench(t)
	c := b.signedIn(nil)
	var waits []time.Duration
	c.NoWaiting(func(d time.Duration) { waits = append(waits, d) })
	b.srv.Advance(life)
	b.wire.answers = []http.Header{{"Retry-After": {"3"}}, {}, {}}
	b.works(c)
	// What is asked for at least; a second where nothing is.
	if len(waits) != 3 || waits[0] < 3*time.Second || waits[1] < time.Second || waits[2] < time.Second || max(waits[1], waits[2]) > 2*time.Second {
		t.Errorf("waits: %v", waits)
	}
	if _, keys := b.wire.counts(); keys != 1 {
		t.Errorf("%d keys for one reissue", keys)
	}
}

// While the access token is good, an issuer that is away is no trouble.
func TestAnIssuerThatIsAway(t *testing.T) {
	b := newBench(t)
	c := b.signedIn(nil)
	b.srv.Advance(life - time.Second) // due, and good
	b.srv.StoreDown(true)
	for range 5 {
		token(t, c)
	}
	if n, _ := b.wire.counts(); n != 1 {
		t.Errorf("asked %d times in a second", n)
	}
	b.srv.Advance(time.Minute)
	n, _ := b.wire.counts()
	for range 5 {
		if _, err := c.Token(t.Context()); !errors.Is(err, api.ErrUnavailable) {
			t.Fatalf("%v", err)
		}
	}
	after, _ := b.wire.counts()
	if after-n > 8 {
		t.Errorf("asked %d times by five callers", after-n)
	}
	b.srv.StoreDown(false)
	b.srv.Advance(time.Minute)
	b.works(c)
}

func TestClockSkew(t *testing.T) {
	for _, skew := range []time.Duration{-5 * time.Minute, 5 * time.Minute, -24 * time.Hour, 24 * time.Hour} {
		b := newBench(t)
		b.skew.Store(int64(skew))
		c := b.signedIn(nil)
		for range 3 {
			b.srv.Advance(life)
			b.works(c)
		}
		// It steps, so that the client takes an expired token for good: one 401,
		// one reissue.
		b.skew.Store(int64(skew - life))
		b.srv.Advance(life)
		b.works(c)
		if b.took(7) != 0 {
			t.Errorf("%v: signed out", skew)
		}
	}
}

// SECURITY 63: the errors of package api, across the wire.
func TestErrorsCrossTheWire(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	is := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	c := b.client(nil)
	_, err := c.Token(ctx)
	is("nobody", err, api.ErrUnauthenticated)
	is("a wrong password", c.SignIn(ctx, "anna", "another wrong one", ""), api.ErrInvalidCredentials)
	b.srv.StoreDown(true)
	is("the store is down", c.SignIn(ctx, "anna", pass, ""), api.ErrUnavailable)
	b.srv.StoreDown(false)

	c = b.signedIn(nil)
	if _, err := b.srv.Service.EndUser(ctx, "id-anna", api.ReasonEndedByAdmin); err != nil {
		t.Fatal(err)
	}
	_, err = c.Me(ctx)
	is("ended", err, api.LoginRequired(api.ReasonEndedByAdmin))
	n, _ := b.wire.counts()
	for range 3 {
		_, err = c.Me(ctx)
		is("ended, again", err, api.ErrUnauthenticated) // there is no session any more
	}
	if again, _ := b.wire.counts(); again != n {
		t.Errorf("the issuer was asked %d times about a session that is over", again-n+1)
	}
}

// Whatever else a 401 can be, the issuer is asked once about a token that it has
// refused, and a proxy's 401 is nobody's sign-out.
func TestRefusalsThatAreNoEnd(t *testing.T) {
	b := newBench(t)
	ctx, store := t.Context(), client.Memory()
	c := b.client(store)
	if err := c.Adopt(ctx, api.TokenResponse{AccessToken: "x", RefreshToken: "x.y.z", ExpiresIn: 1}); err != nil {
		t.Fatal(err)
	}
	b.srv.Advance(time.Minute)
	for range 3 {
		if _, err := c.Token(ctx); !errors.Is(err, api.ErrInvalidToken) {
			t.Errorf("%v", err)
		}
	}
	if n, _ := b.wire.counts(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	if s, _ := store.Load(ctx); s.RefreshToken == "" {
		t.Error("the token is gone, which may be another issuer's")
	}

	c = b.signedIn(nil)
	b.srv.Advance(life)
	b.wire.gate = true
	if _, err := c.Token(ctx); !errors.Is(err, api.ErrInvalidRequest) {
		t.Errorf("a proxy's 401: %v", err)
	}
	if err := c.SignOut(ctx); !errors.Is(err, api.ErrInvalidRequest) {
		t.Errorf("a proxy's 401 is no sign-out: %v", err)
	}
	b.wire.gate = false
	b.works(c)
}

// Keys were taken away, or a password was changed: the token is refused before
// its time, and one reissue mends it.
func TestAnAccessTokenThatIsRefusedIsReissuedOnce(t *testing.T) {
	b := newBench(t)
	c := b.signedIn(nil)
	var calls atomic.Int32
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if calls.Add(1); strings.HasPrefix(r.URL.Path, "/once") && calls.Load() > 1 {
			fmt.Fprintf(w, "%s", body)
			return
		}
		if r.URL.Path == "/password" {
			api.WriteProblem(w, api.ErrInvalidCredentials)
			return
		}
		api.WriteProblem(w, api.ErrInvalidToken)
	}))
	defer app.Close()
	web := &http.Client{Transport: c.Transport(nil, app.URL)}
	stream := func() io.Reader { return io.MultiReader(strings.NewReader("x")) }
	for _, k := range []struct {
		path            string
		body            io.Reader
		status          int
		calls, reissues int
		says            string
	}{
		{"/once", http.NoBody, 200, 2, 1, ""},
		{"/once", strings.NewReader("a body that can be sent again"), 200, 2, 1, "a body that can be sent again"},
		{"/once", stream(), 401, 1, 0, ""},
		{"/never", http.NoBody, 401, 2, 1, ""}, // and no third time
		{"/password", http.NoBody, 401, 1, 0, ""},
	} {
		calls.Store(0)
		before, _ := b.wire.counts()
		resp, err := web.Post(app.URL+k.path, "text/plain", k.body)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		after, _ := b.wire.counts()
		if resp.StatusCode != k.status || int(calls.Load()) != k.calls || after-before != k.reissues || k.status == 200 && string(got) != k.says {
			t.Errorf("%s: %d after %d calls and %d reissues, %q", k.path, resp.StatusCode, calls.Load(), after-before, got)
		}
	}
}

func TestATokenGoesToItsOriginsOnly(t *testing.T) {
	b := newBench(t)
	c := b.signedIn(nil)
	var got atomic.Value
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got.Store(r.Header.Get("Authorization"))
	}))
	defer other.Close()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.Store(r.Header.Get("Authorization"))
		if r.URL.Path == "/leave" {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		}
	}))
	defer app.Close()
	web := &http.Client{Transport: c.Transport(nil, app.URL)}
	mine := "Bearer " + token(t, c)
	for _, k := range []struct{ name, url, own, want string }{
		{"an origin of ours", app.URL, "", mine},
		{"another", other.URL, "", ""},
		{"a redirect to another", app.URL + "/leave", "", ""},
		{"one that brings its own", app.URL, "Basic YTpi", "Basic YTpi"},
	} {
		r, _ := http.NewRequest("GET", k.url, nil)
		if k.own != "" {
			r.Header.Set("Authorization", k.own)
		}
		resp, err := web.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if got.Load() != k.want {
			t.Errorf("%s: %.20q", k.name, got.Load())
		}
	}
}

func TestAddressesThatAreRefused(t *testing.T) {
	for _, u := range []string{"", "login.example.com", "http://login.example.com", "ftp://x", "https://x/?a=b", "https://a:b@x", "https://"} {
		if _, err := client.New(client.Options{URL: u}); err == nil {
			t.Errorf("%q is accepted", u)
		}
	}
	for _, u := range []string{"https://x", "https://x:8443", "http://127.0.0.1:8080", "http://[::1]:1", "http://localhost"} {
		if _, err := client.New(client.Options{URL: u}); err != nil {
			t.Errorf("%q: %v", u, err)
		}
	}
	if _, err := client.New(client.Options{URL: "http://pawl.test", UnsafeHTTP: true}); err != nil {
		t.Error(err)
	}
}

// A redirect must not take password or refresh token along.
func TestPawlItselfIsNotFollowedElsewhere(t *testing.T) {
	var bodies atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { bodies.Add(1) }))
	defer elsewhere.Close()
	here := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusPermanentRedirect))
	defer here.Close()
	c, err := client.New(client.Options{URL: here.URL})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SignIn(t.Context(), "anna", pass, ""); err == nil || bodies.Load() != 0 {
		t.Errorf("%v; %d requests elsewhere", err, bodies.Load())
	}
}

// Two programs share a file: one rotation, whoever comes first.
func TestProgramsShareAFile(t *testing.T) {
	b := newBench(t)
	store := client.File(filepath.Join(t.TempDir(), "session"))
	b.signedIn(store)
	clients := []*client.Client{b.client(store), b.client(store), b.client(store)}
	for round := range 3 {
		b.srv.Advance(life)
		var wg sync.WaitGroup
		for _, c := range clients {
			for range 5 {
				wg.Go(func() { b.works(c) })
			}
		}
		wg.Wait()
		asked, _ := b.wire.counts()
		if n := b.took(5); n != round+1 || asked != round+1 {
			t.Errorf("round %d: %d rotations, %d reissues", round, n, asked)
		}
	}
	if b.took(7) != 0 {
		t.Error("signed out")
	}
}

func TestTheFile(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "session")
	store := client.File(path)
	if s, err := store.Load(ctx); err != nil || s != (client.State{}) {
		t.Errorf("no file: %v, %v", s, err)
	}
	want := client.State{RefreshToken: "r", Key: client.Key{Value: "k", Pending: true}}
	if err := store.Save(ctx, want); err != nil {
		t.Fatal(err)
	}
	if s, err := store.Load(ctx); err != nil || s != want {
		t.Errorf("%+v, %v", s, err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if left, _ := filepath.Glob(path + ".*.tmp"); left != nil {
		t.Errorf("left behind: %v", left)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Load(ctx); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("others can read it: %v", err)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	_ = os.Chmod(path, 0o600)
	if _, err := store.Load(ctx); err == nil || !strings.Contains(err.Error(), "sign in again") {
		t.Errorf("garbage: %v", err)
	}
	for _, store := range []client.TokenStore{client.File(filepath.Join(t.TempDir(), "s")), client.Memory()} {
		unlock, err := store.Lock(ctx)
		if err != nil {
			t.Fatal(err)
		}
		done, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := store.Lock(done); !errors.Is(err, context.Canceled) {
			t.Errorf("locked twice: %v", err)
		}
		unlock()
		unlock, err = store.Lock(ctx)
		if err != nil {
			t.Fatal(err)
		}
		unlock()
	}
}

func TestSecretsDoNotPrint(t *testing.T) { // SECURITY 56
	s := client.State{RefreshToken: "SECRET"}
	if out := fmt.Sprintf("%v %+v %#v %s", s, s, s, s); strings.Contains(out, "SECRET") {
		t.Error(out)
	}
}
