package browser_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/guard"
	"github.com/pawlauth/pawl/httpapi"
	"github.com/pawlauth/pawl/internal/browsertest"
)

// stage is a Pawl with the page of testdata/page beside it, and an API elsewhere.
type stage struct {
	*browsertest.Site
	orders  string // the API elsewhere
	evil    string // a server of somebody else's, on this host
	mu      sync.Mutex
	crossed []crossed
}

func newStage(t *testing.T, policy pawl.Policy) *stage {
	t.Helper()
	s := &stage{}
	s.Site = browsertest.NewSite(t, browsertest.SiteOptions{
		Config: func(c *pawl.Config) { c.Policy = policy },
		Around: s.noting,
		Pages:  func(site *browsertest.Site) http.Handler { return s.pages(t, site) },
	})
	s.AddUser(t, "anna", "seven-green-kettles", "reader")
	s.evil = "https://localhost:" + browsertest.Serve(t, blank)
	s.orders = s.Remote(t, http.HandlerFunc(orders))
	return s
}

func orders(w http.ResponseWriter, r *http.Request) {
	who, _ := guard.Principal(r.Context())
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "orders of %s: %s", who.Subject, body)
}

// blank is a page of no policy, for whatever a scenario has it do.
var blank = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	fmt.Fprint(w, "<!doctype html><title>blank</title>")
})

// crossed is a request that another origin's page had the browser send.
type crossed struct {
	Method, Path, Site string
	Cookie             bool // the refresh cookie came along
	Status             int
	SetCookie          bool
}

// noting notes what came from other origins, and what became of it.
func (s *stage) noting(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		site := r.Header.Get("Sec-Fetch-Site")
		if site != "same-site" && site != "cross-site" {
			h.ServeHTTP(w, r)
			return
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		_, err := r.Cookie("__Host-refreshToken")
		s.mu.Lock()
		s.crossed = append(s.crossed, crossed{r.Method, r.URL.Path, site, err == nil, rec.Code, rec.Header().Get("Set-Cookie") != ""})
		s.mu.Unlock()
		maps.Copy(w.Header(), rec.Header())
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	})
}

func (s *stage) pages(t *testing.T, site *browsertest.Site) http.Handler {
	g, err := guard.New(site.Service, guard.Options{Issuer: site.Service.Issuer(), Audience: site.Service.Audience(), Now: site.Now})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/orders", g.Required(http.HandlerFunc(orders)))
	mux.Handle("/blank", blank)
	mux.Handle("/", page(&s.orders))
	return mux
}

// page serves testdata/page with the strictest policy that the client needs: it
// may connect to its own origin and one other.
func page(other *string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/pawl.min.js", http.FileServer(http.Dir("dist")))
	pages := http.FileServer(http.Dir("testdata/page"))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; connect-src 'self' "+*other+"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		pages.ServeHTTP(w, r)
	})
	return mux
}

// drop is which replies are to be dropped.
type drop struct {
	Path  string
	Times int
}

// controls are what the scenarios do to the server.
func (s *stage) controls() map[string]browsertest.Control {
	return map[string]browsertest.Control{
		"advance": with(func(seconds int) (any, error) { s.Advance(time.Duration(seconds) * time.Second); return nil, nil }),
		"rows":    with(func(any) (any, error) { return s.Rows(), nil }),
		"crossed": with(func(any) (any, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.crossed, nil
		}),
		"drop": with(func(d drop) (any, error) { s.DropReplies(d.Path, d.Times); return nil, nil }),
		"end":  with(func(reason string) (any, error) { return s.Service.EndUser(context.Background(), "id-anna", reason) }),
	}
}

func with[T any](f func(T) (any, error)) browsertest.Control {
	return func(raw json.RawMessage) (any, error) {
		var in T
		if err := json.Unmarshal(raw, &in); err != nil {
			return nil, err
		}
		return f(in)
	}
}

func (s *stage) run(t *testing.T, file string) {
	t.Helper()
	rounds, long := 10, os.Getenv("CI") == "true"
	if long {
		rounds = 100
	}
	browsertest.Run(t, browsertest.Scenario{
		File: file, Limit: 20 * time.Minute, Control: s.controls(),
		Input: map[string]any{"url": s.URL, "sibling": s.Sibling, "orders": s.orders, "evil": s.evil, "rounds": rounds, "long": long},
	})
}

func TestTabsRepliesAndThieves(t *testing.T) {
	newStage(t, pawl.Policy{}).run(t, "testdata/tabs.mjs")
}

func TestTabsByTheirOwnTimers(t *testing.T) {
	newStage(t, pawl.Policy{AccessTTL: 8 * time.Second, ReuseWindow: 3 * time.Second}).run(t, "testdata/timers.mjs")
}

func TestTokensStayWithinTheClient(t *testing.T) { // SECURITY 31
	newStage(t, pawl.Policy{}).run(t, "testdata/secrets.mjs")
}

func TestOtherSitesGetNothing(t *testing.T) { // SECURITY 35, 36, 37
	newStage(t, pawl.Policy{}).run(t, "testdata/cross.mjs")
}

func TestPagesThatComeBack(t *testing.T) {
	newStage(t, pawl.Policy{}).run(t, "testdata/back.mjs")
}

func TestPawlAtAnotherOrigin(t *testing.T) {
	var pawlAt string
	app := "https://localhost:" + browsertest.Serve(t, page(&pawlAt))
	site := browsertest.NewSite(t, browsertest.SiteOptions{API: func(o *httpapi.Options) { o.TrustedOrigins = []string{app} }})
	site.AddUser(t, "anna", "seven-green-kettles", "reader")
	pawlAt = site.URL
	s := &stage{Site: site}
	browsertest.Run(t, browsertest.Scenario{
		File: "testdata/elsewhere.mjs", Control: s.controls(), Input: map[string]any{"url": app, "pawl": pawlAt},
	})
}
