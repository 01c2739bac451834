package browser_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/guard"
	"github.com/pawlauth/pawl/internal/browsertest"
)

// stage is a Pawl with the page of testdata/page beside it, and an API elsewhere.
type stage struct {
	*browsertest.Site
	orders  string // the API elsewhere
	refused atomic.Int64
}

func newStage(t *testing.T, policy pawl.Policy) *stage {
	t.Helper()
	s := &stage{}
	s.Site = browsertest.NewSite(t, browsertest.SiteOptions{
		Config: func(c *pawl.Config) { c.Policy = policy },
		Pages:  func(site *browsertest.Site) http.Handler { return s.pages(t, site) },
	})
	s.AddUser(t, "anna", "seven-green-kettles", "reader")
	s.orders = s.Remote(t, http.HandlerFunc(orders))
	return s
}

func orders(w http.ResponseWriter, r *http.Request) {
	who, _ := guard.Principal(r.Context())
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "orders of %s: %s", who.Subject, body)
}

// pages has the strictest policy that the client needs.
func (s *stage) pages(t *testing.T, site *browsertest.Site) http.Handler {
	g, err := guard.New(site.Service, guard.Options{Issuer: site.Service.Issuer(), Audience: site.Service.Audience(), Now: site.Now})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/orders", s.counting(g.Required(http.HandlerFunc(orders))))
	mux.Handle("/pawl.min.js", http.FileServer(http.Dir("dist")))
	pages := http.FileServer(http.Dir("testdata/page"))
	mux.Handle("/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; connect-src 'self' "+s.orders+"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		pages.ServeHTTP(w, r)
	}))
	return mux
}

// counting counts the requests that are refused.
func (s *stage) counting(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(&statusWriter{w, &s.refused}, r)
	})
}

type statusWriter struct {
	http.ResponseWriter
	refused *atomic.Int64
}

func (w *statusWriter) WriteHeader(status int) {
	if status == http.StatusUnauthorized {
		w.refused.Add(1)
	}
	w.ResponseWriter.WriteHeader(status)
}

// controls are what the scenarios do to the server.
func (s *stage) controls() map[string]browsertest.Control {
	return map[string]browsertest.Control{
		"advance": with(func(seconds int) (any, error) { s.Advance(time.Duration(seconds) * time.Second); return nil, nil }),
		"rows":    with(func(any) (any, error) { return s.Rows(), nil }),
		"drop": with(func(d struct {
			Path  string
			Times int
		}) (any, error) {
			s.DropReplies(d.Path, d.Times)
			return nil, nil
		}),
		"end":     with(func(reason string) (any, error) { return s.Service.EndUser(context.Background(), "id-anna", reason) }),
		"refused": with(func(any) (any, error) { return s.refused.Load(), nil }),
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
	rounds := 10
	if os.Getenv("CI") == "true" {
		rounds = 100
	}
	browsertest.Run(t, browsertest.Scenario{
		File: file, Limit: 20 * time.Minute, Control: s.controls(),
		Input: map[string]any{"url": s.URL, "sibling": s.Sibling, "orders": s.orders, "rounds": rounds},
	})
}

func TestTabsRepliesAndThieves(t *testing.T) {
	newStage(t, pawl.Policy{}).run(t, "testdata/tabs.mjs")
}

func TestTabsByTheirOwnTimers(t *testing.T) {
	newStage(t, pawl.Policy{AccessTTL: 3 * time.Second, ReuseWindow: 2 * time.Second}).run(t, "testdata/timers.mjs")
}
