package browsertest

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/guard"
	"github.com/pawlauth/pawl/httpapi"
	"github.com/pawlauth/pawl/password"
	"github.com/pawlauth/pawl/store/memory"
)

// Site is a real Pawl with pages beside its API, by TLS with a certificate of its
// own and HTTP/2, as https://localhost:port.
type Site struct {
	URL     string
	Sibling string // the same server as https://127.0.0.1:port: to a browser, another site
	Service *pawl.Service
	Store   *memory.Store

	ahead atomic.Int64 // of the real time
	drop  sync.Map     // path → *atomic.Int64, replies still to drop
	mu    sync.Mutex
	seen  []pawl.Event
}

// SiteOptions of NewSite.
type SiteOptions struct {
	Config func(*pawl.Config)              // changes the service's configuration
	API    func(*httpapi.Options)          // changes the API's
	Pages  func(*Site) http.Handler        // serves what is not Pawl's API; nil: nothing
	Around func(http.Handler) http.Handler // sees every request first; nil: nothing
}

// NewSite starts a site that ends with the test. Its clock runs with the real
// time, which Advance puts it ahead of.
func NewSite(t *testing.T, o SiteOptions) *Site {
	t.Helper()
	s := &Site{Store: memory.New()}
	var h http.Handler // set below: the URL must be known first
	port := Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, h) }))
	s.URL, s.Sibling = "https://localhost:"+port, "https://127.0.0.1:"+port
	quiet := slog.New(slog.DiscardHandler)
	config := pawl.Config{
		Issuer: s.URL, Audience: []string{s.URL}, MasterKey: pawl.NewMasterKey(),
		Sessions: s.Store, Users: s.Store, Keys: s.Store, Clients: s.Store,
		UserCache: -1, Now: s.Now, OnEvent: s.note, Log: quiet,
	}
	if o.Config != nil {
		o.Config(&config)
	}
	options := httpapi.Options{Log: quiet}
	if o.API != nil {
		o.API(&options)
	}
	var err error
	if s.Service, err = pawl.New(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Service.Close)
	api, err := httpapi.New(s.Service, options)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	for _, path := range []string{"/api/", "/admin/api/", "/.well-known/", "/healthz"} {
		mux.Handle(path, api)
	}
	if o.Pages != nil {
		mux.Handle("/", o.Pages(s))
	}
	if h = mux; o.Around != nil {
		h = o.Around(mux)
	}
	return s
}

// Now is the site's clock.
func (s *Site) Now() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) } //nolint:forbidigo // the browser's clock is real, too

// Advance moves the site's clock forward.
func (s *Site) Advance(d time.Duration) { s.ahead.Add(int64(d)) }

// AddUser adds a person with a password. The ID is "id-" and the login.
func (s *Site) AddUser(t *testing.T, login, pw string, roles ...string) {
	t.Helper()
	h, err := password.New(password.Options{})
	if err != nil {
		t.Fatal(err)
	}
	hash, err := h.Hash(t.Context(), pw)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Store.CreateUser(t.Context(), pawl.User{ID: "id-" + login, Login: login, PasswordHash: hash, Roles: roles}); err != nil {
		t.Fatal(err)
	}
}

// Remote starts an API on a machine of its own, as far as the browser and Pawl can
// tell: another origin, whose guard follows Pawl's feed. It gives its URL. Pages
// of the site may call it.
func (s *Site) Remote(t *testing.T, h http.Handler) string {
	t.Helper()
	_, secret, err := s.Service.AddClient(t.Context(), "remote", []string{pawl.ScopeFeed})
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := guard.Remote(t.Context(), guard.RemoteOptions{
		Issuer: s.URL, ClientID: "remote", Secret: secret, Stale: guard.FailClosed, Now: s.Now,
		Transport: trusting(t, s.Sibling), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(issuer.Close)
	g, err := guard.New(issuer, guard.Options{Issuer: s.URL, Audience: []string{s.URL}, Now: s.Now})
	if err != nil {
		t.Fatal(err)
	}
	return "https://localhost:" + Serve(t, s.allowed(g.Required(h)))
}

// allowed is what an API answers a page of the site's origin (Fetch §3.3).
func (s *Site) allowed(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", s.URL)
		w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
		w.Header().Set("Access-Control-Expose-Headers", "WWW-Authenticate")
		w.Header().Set("Vary", "Origin")
		if r.Method == http.MethodOptions {
			return
		}
		h.ServeHTTP(w, r)
	})
}

// trusting reaches the site by HTTP/1.1 whatever its certificate says: it was made
// for the test, and names no localhost.
func trusting(t *testing.T, url string) http.RoundTripper {
	t.Helper()
	var only http.Protocols
	only.SetHTTP1(true)
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, Protocols: &only} //nolint:gosec // see above
	tr.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, url[len("https://"):])
	}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// DropReplies lets the next n requests to path do their work, and breaks their
// streams before the answer: the browser sees network errors. 0 ends it.
func (s *Site) DropReplies(path string, n int) {
	left, _ := s.drop.LoadOrStore(path, new(atomic.Int64))
	left.(*atomic.Int64).Store(int64(n))
}

func (s *Site) serve(w http.ResponseWriter, r *http.Request, h http.Handler) {
	if left, ok := s.drop.Load(r.URL.Path); ok && left.(*atomic.Int64).Add(-1) >= 0 {
		h.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}
	h.ServeHTTP(w, r)
}

func (s *Site) note(_ context.Context, e pawl.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, e)
}

// Rows is how often each row of the rotation table was taken.
func (s *Site) Rows() map[int]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := map[int]int{}
	for _, e := range s.seen {
		if e.Row > 0 && e.Kind != pawl.EventResentElsewhere { // beside the reissue's own
			rows[e.Row]++
		}
	}
	return rows
}

// Events are those of a kind, in their order.
func (s *Site) Events(kind string) (found []pawl.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.seen {
		if e.Kind == kind {
			found = append(found, e)
		}
	}
	return found
}
