package webui_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/browsertest"
	"github.com/pawlauth/pawl/internal/nodetest"
	"github.com/pawlauth/pawl/store/memory"
	"github.com/pawlauth/pawl/webui"
)

// pages starts a site with the pages in front of a real browser. Another origin,
// the sibling, may be returned to. After so many failures an account is limited.
func pages(t *testing.T, failures int) *browsertest.Site {
	t.Helper()
	return browsertest.NewSite(t, browsertest.SiteOptions{
		Config: func(c *pawl.Config) {
			c.Audit = c.Sessions.(*memory.Store)
			c.Throttle, c.SignInLimits = memory.NewThrottle(), pawl.SignInLimits{PerAccount: failures}
		},
		Pages: func(s *browsertest.Site) http.Handler {
			h, err := webui.New(s.Service, webui.Options{Name: "Example", ReturnTo: []string{s.Sibling}, Log: quiet})
			if err != nil {
				t.Fatal(err)
			}
			return h
		},
	})
}

// run runs a scenario with what all of them need.
func run(t *testing.T, file string, site *browsertest.Site, input map[string]any, control map[string]browsertest.Control) {
	t.Helper()
	scenarios(t)
	var mu sync.Mutex
	figures := map[string]string{}
	all := map[string]browsertest.Control{
		"figure": func(a json.RawMessage) (any, error) {
			var f struct{ Name, Value string }
			err := json.Unmarshal(a, &f)
			mu.Lock()
			defer mu.Unlock()
			figures[f.Name] = f.Value
			return nil, err
		},
		"code": func(json.RawMessage) (any, error) { return site.Service.OfferSetup(t.Context()) },
		"reset": func(json.RawMessage) (any, error) {
			o, err := site.Service.OfferReset(t.Context(), "id-anna")
			return o.Code, err
		},
		"enable": func(json.RawMessage) (any, error) {
			no := false
			_, err := site.Service.UpdateUser(t.Context(), "id-anna", pawl.UserChange{Disabled: &no})
			return nil, err
		},
	}
	for name, c := range control {
		all[name] = c
	}
	in := map[string]any{"url": site.URL, "sibling": site.Sibling, "password": pass, "long": os.Getenv("CI") == "true"}
	for name, v := range input {
		in[name] = v
	}
	browsertest.Run(t, browsertest.Scenario{File: file, Input: in, Control: all})
	mu.Lock()
	defer mu.Unlock()
	for name, value := range figures {
		t.Attr(name, value)
	}
}

// scenarios reads what Go does not know to be part of the tests, so that a change
// in them is not answered from the cache of results.
func scenarios(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.mjs")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		if _, err := os.ReadFile(f); err != nil {
			t.Fatal(err)
		}
	}
}

// SECURITY 36, 51; what people do, in a real browser.
func TestPagesInABrowser(t *testing.T) {
	site := pages(t, 3)
	for _, login := range []string{"anna", "bob", "eve"} {
		site.AddUser(t, login, pass)
	}
	site.AddUser(t, "root", pass, pawl.RoleAdmin)
	remote := site.Remote(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "orders") }))
	evil := "https://127.0.0.1:" + browsertest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<iframe src="%s"></iframe>`, r.FormValue("src"))
	}))
	run(t, "testdata/pages.mjs", site, map[string]any{"remote": remote, "evil": evil}, map[string]browsertest.Control{
		// device signs anna in elsewhere.
		"device": func(json.RawMessage) (any, error) {
			t, err := site.Service.Start(t.Context(), "id-anna", pawl.Client{Address: "203.0.113.7", Agent: "Firefox on Windows", Label: "Old laptop"})
			return t.SessionID, err
		},
		"alive": func(a json.RawMessage) (any, error) {
			var sid string
			if err := json.Unmarshal(a, &sid); err != nil {
				return nil, err
			}
			all, err := site.Service.SessionsOf(t.Context(), "id-anna", "", 0)
			for _, s := range all.Sessions {
				if s.ID == sid {
					return true, err
				}
			}
			return false, err
		},
	})
}

// Browsers hold what follows a form against the policy of its page: the way to
// where a person wanted to go must not be part of that.
func TestTheWayOnInABrowser(t *testing.T) {
	elsewhere := "https://127.0.0.1:" + browsertest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.FormValue("back"), http.StatusSeeOther)
	}))
	held := make(chan time.Time, 100)
	gate := make(chan struct{})
	var hold atomic.Bool
	var site *browsertest.Site
	site = browsertest.NewSite(t, browsertest.SiteOptions{
		Pages: func(s *browsertest.Site) http.Handler {
			h, err := webui.New(s.Service, webui.Options{ReturnTo: []string{s.Sibling}, Log: quiet})
			if err != nil {
				t.Fatal(err)
			}
			return h
		},
		Around: func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/hop":
					http.Redirect(w, r, elsewhere+"/?back="+url.QueryEscape(site.URL+"/end"), http.StatusFound)
				case r.RequestURI == "/end//https://x/?a=//b":
					http.Redirect(w, r, site.URL+"/end", http.StatusFound)
				case r.URL.Path == "/end":
					fmt.Fprint(w, "the end")
				case r.Method == http.MethodPost && hold.Load():
					held <- time.Now()
					<-gate
					h.ServeHTTP(w, r)
				default:
					h.ServeHTTP(w, r)
				}
			})
		},
	})
	site.AddUser(t, "anna", pass)
	run(t, "testdata/onward.mjs", site, nil, map[string]browsertest.Control{
		"hold": func(json.RawMessage) (any, error) { hold.Store(true); return nil, nil },
		"held": func(json.RawMessage) (any, error) { return len(held), nil },
		"apart": func(json.RawMessage) (any, error) {
			first := <-held
			return (<-held).Sub(first).Milliseconds(), nil
		},
		"release": func(json.RawMessage) (any, error) {
			hold.Store(false)
			close(gate)
			return nil, nil
		},
	})
}

func TestASetUpInABrowser(t *testing.T) {
	site := pages(t, 3)
	run(t, "testdata/setup.mjs", site, nil, nil)
}

// Barriers are looked for by axe-core, on every page, in light and dark, wide and
// narrow. The pictures of docs/pages.md are made on the way with
//
//	PAWL_SCREENSHOTS=/tmp/pictures go test -count 1 -run TestPagesHaveNoBarriers ./webui
func TestPagesHaveNoBarriers(t *testing.T) {
	modules := nodetest.Install(t, os.DirFS("testdata/node"))
	run(t, "testdata/barriers.mjs", lively(t), map[string]any{
		"axe": filepath.Join(modules, "node_modules", "axe-core", "axe.min.js"), "to": os.Getenv("PAWL_SCREENSHOTS"),
	}, nil)
}

// lively is a site on which things have happened for three hours.
func lively(t *testing.T) *browsertest.Site {
	t.Helper()
	site := pages(t, 100)
	ctx := t.Context()
	for _, login := range []string{"anna", "bob", "carla", "dae-jung", "eve"} {
		site.AddUser(t, login, pass, "reader")
	}
	site.AddUser(t, "root", pass, pawl.RoleAdmin)
	agents := []string{"Firefox on Windows", "Safari on iPhone", "Chrome on Android", "Edge on Windows", "Safari on macOS"}
	people := []string{"id-anna", "id-bob", "id-carla", "id-dae-jung"}
	client := func(i int) pawl.Client {
		return pawl.Client{Address: fmt.Sprintf("198.51.100.%d", 7+i%40), Agent: agents[i%len(agents)]}
	}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := site.Service.AddClient(ctx, "orders", []string{pawl.ScopeUsers, pawl.ScopeSessions})
	must(err)
	var live []api.Tokens
	for minute := range 170 {
		site.Advance(time.Minute)
		site.Service.Activity(ctx) // somebody looks
		busy := 1 + (minute/9)%4
		if minute%7 < 2 && len(live) < 14 {
			tokens, err := site.Service.Start(ctx, people[minute%len(people)], client(minute))
			must(err)
			live = append(live, tokens)
		}
		for i := range min(busy*2, len(live)) {
			n := (minute*5 + i*3) % len(live)
			r := api.ReissueRequest{RefreshToken: live[n].RefreshToken, IdempotencyKey: key(n, minute), Address: client(n).Address, Agent: client(n).Agent}
			next, err := site.Service.Reissue(ctx, r)
			if err == nil && next.RefreshToken != "" {
				live[n] = next
			}
			if i%4 == 1 {
				_, _ = site.Service.Reissue(ctx, r)
			}
		}
		if minute%29 == 11 {
			_, _ = site.Service.Login(ctx, pawl.SignIn{Login: "eve", Password: "not the password", Client: client(minute)})
		}
		if minute == 90 { // a thief with a token that was used up long ago
			stolen, err := site.Service.Start(ctx, "id-carla", client(3))
			must(err)
			old := stolen.RefreshToken
			for range 2 {
				site.Advance(2 * time.Minute)
				stolen, err = site.Service.Reissue(ctx, api.ReissueRequest{RefreshToken: stolen.RefreshToken})
				must(err)
			}
			_, _ = site.Service.Reissue(ctx, api.ReissueRequest{RefreshToken: old, Address: "203.0.113.66", Agent: "curl"})
		}
	}
	_, err = site.Service.Start(ctx, "id-anna", pawl.Client{Address: "203.0.113.7", Agent: "Safari on iPhone", Label: "Anna's phone"})
	must(err)
	site.Remote(t, http.NotFoundHandler()) // follows the feed
	return site
}

// key is an Idempotency-Key of the right form.
func key(n, minute int) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "a key of a test %04d %04d", n, minute))
}
