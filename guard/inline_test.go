package guard_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/guard"
	"github.com/pawlauth/pawl/pawltest"
)

// asked counts what the issuer is asked, and fails in its place.
type asked struct {
	guard.Reissuer
	calls atomic.Int32
	fails error
	last  atomic.Pointer[api.ReissueRequest]
}

func (a *asked) Reissue(ctx context.Context, r api.ReissueRequest) (api.Tokens, error) {
	a.calls.Add(1)
	if a.fails != nil {
		return api.Tokens{}, a.fails
	}
	a.last.Store(&r)
	return a.Reissuer.Reissue(ctx, r)
}

// bench is a Pawl, a guard of it, and an application behind Inline.
type bench struct {
	t      *testing.T
	srv    *pawltest.Server
	issuer *asked
	in     func(http.Handler) http.Handler
	guard  *guard.Guard
}

func newBench(t *testing.T, o guard.InlineOptions, opts ...pawltest.Option) *bench {
	t.Helper()
	b := &bench{t: t, srv: pawltest.NewServer(t, opts...)}
	b.srv.Add(pawl.User{ID: "id-anna", Login: "anna", Roles: []string{"reader"}})
	b.srv.Add(pawl.User{ID: "id-bob", Login: "bob"})
	b.issuer = &asked{Reissuer: b.srv.Service}
	b.guard = b.srv.Guard()
	b.in = b.guard.Inline(b.issuer, o)
	return b
}

// says answers with who it is.
var says = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	if who, ok := guard.Principal(r.Context()); ok {
		_, _ = io.WriteString(w, who.Subject)
	}
})

func (b *bench) ask(h http.Handler, method string, headers ...string) *http.Response {
	b.t.Helper()
	r := httptest.NewRequest(method, "https://app.example/orders", nil)
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	b.in(h).ServeHTTP(w, r)
	return w.Result()
}

func text(resp *http.Response) string {
	b, _ := io.ReadAll(resp.Body)
	return string(b)
}

// codeOf is "code" or "code reason" of a problem.
func codeOf(body string) string {
	var p api.Problem
	_ = json.Unmarshal([]byte(body), &p)
	return strings.TrimSpace(p.Code + " " + p.Reason)
}

const (
	window    = pawl.DefaultReuseWindow
	own       = "Sec-Fetch-Site: same-origin"
	otherSite = "Sec-Fetch-Site: cross-site"
)

func auth(access string) string    { return "Authorization: Bearer " + access }
func cookie(refresh string) string { return "Cookie: " + api.CookieName + "=" + refresh }

// came is a session and what has become of it.
type came struct {
	*bench
	t api.Tokens // anna's
}

func (c came) expired() came { c.srv.Advance(31 * time.Minute); return c }

func (c came) signedOut() came {
	if err := c.srv.Service.Logout(context.Background(), api.ReissueRequest{RefreshToken: c.t.RefreshToken}); err != nil {
		c.bench.t.Fatal(err)
	}
	return c
}

func (c came) storeDown() came { c.srv.StoreDown(true); return c }

func (c came) failing(err error) came { c.issuer.fails = err; return c }

func (c came) bearer() string { return auth(c.t.AccessToken) }
func (c came) cookie() string { return cookie(c.t.RefreshToken) }

// What Inline does for each pair of what came, SYSTEM A5 to A8.
func TestInlineIsTheTable(t *testing.T) {
	type sent = []string
	const (
		anna = "id-anna"
		none = "" // anonymous
	)
	const proxys = "Authorization: Basic YTpi"
	two := "; " + api.CookieName + "=b"
	for _, c := range []struct {
		name   string
		method string
		sends  func(came) sent
		who    string // with Optional
		want   string // with Required: status and code
		issuer string // what it gave: "" (not asked), "refused", "access" or "access, refresh"
	}{
		// Access token, refresh cookie.
		{"case 4: valid, none", "GET", func(c came) sent { return sent{c.bearer()} }, anna, "200", ""},
		{"case 4: valid, good: nothing is rotated", "GET", func(c came) sent { c.srv.Advance(2 * window); return sent{c.bearer(), c.cookie()} }, anna, "200", ""},
		{"case 4: valid, garbage", "GET", func(c came) sent { return sent{c.bearer(), cookie("garbage")} }, anna, "200", ""},
		{"case 4: valid, two cookies", "GET", func(c came) sent { return sent{c.bearer(), c.cookie() + two} }, anna, "200", ""},
		{"case 4: valid, while the store fails", "GET", func(c came) sent { c.storeDown(); return sent{c.bearer(), c.cookie()} }, anna, "200", ""},
		{"case 2: expired, good", "GET", func(c came) sent { c.expired(); return sent{c.bearer(), c.cookie()} }, anna, "200", "access, refresh"},
		{"case 2: none, good", "GET", func(c came) sent { c.expired(); return sent{c.cookie()} }, anna, "200", "access, refresh"},
		{"case 2, row 4: none, young: no Set-Cookie", "GET", func(c came) sent { return sent{c.cookie()} }, anna, "200", "access"},
		{"case 1: expired, none", "GET", func(c came) sent { c.expired(); return sent{c.bearer()} }, none, "401 token_expired", ""},
		{"case 1: none, none", "GET", func(came) sent { return nil }, none, "401 access_denied", ""},
		{"case 1: expired, idle for too long", "GET", func(c came) sent { c.srv.Advance(pawl.DefaultRefreshTTL); return sent{c.bearer(), c.cookie()} }, none, "401 login_required expired", "refused"},
		{"case 1: expired, garbage", "GET", func(c came) sent { c.expired(); return sent{c.bearer(), cookie("garbage")} }, none, "401 invalid_token", "refused"},
		{"case 1: none, an access token", "GET", func(c came) sent { return sent{cookie(c.t.AccessToken)} }, none, "401 invalid_token", "refused"},
		{"case 1: none, signed out", "GET", func(c came) sent { c.signedOut(); return sent{c.cookie()} }, none, "401 login_required signed_out", "refused"},
		{"none, two cookies", "GET", func(c came) sent { c.expired(); return sent{c.cookie() + two} }, none, "400 invalid_request", ""},
		{"expired, two cookies", "GET", func(c came) sent { c.expired(); return sent{c.bearer(), c.cookie() + two} }, none, "400 invalid_request", ""},
		{"expired, another person's: the page is not theirs", "GET", func(c came) sent {
			c.expired()
			return sent{c.bearer(), cookie(c.srv.SignIn("id-bob").RefreshToken)}
		}, none, "401 token_expired", ""},

		// Bad for another reason than age: the issuer is never asked.
		{"signed out, its own", "GET", func(c came) sent { c.signedOut(); return sent{c.bearer(), c.cookie()} }, none, "401 login_required signed_out", ""},
		{"garbage, good", "GET", func(c came) sent { return sent{auth("x.y.z"), c.cookie()} }, none, "401 invalid_token", ""},
		{"forged, good", "GET", func(c came) sent {
			c.expired()
			return sent{c.bearer()[:len(c.bearer())-8] + "AAAAAAAA", c.cookie()}
		}, none, "401 invalid_token", ""},
		{"a refresh token as bearer, good", "GET", func(c came) sent { return sent{auth(c.t.RefreshToken), c.cookie()} }, none, "401 invalid_token", ""},
		{"a proxy's Basic, good", "GET", func(c came) sent { c.expired(); return sent{proxys, c.cookie()} }, anna, "200", "access, refresh"},
		{"a proxy's Basic, none", "GET", func(came) sent { return sent{proxys} }, none, "401 access_denied", ""},
		{"a proxy's Basic, garbage", "GET", func(came) sent { return sent{proxys, cookie("garbage")} }, none, "401 invalid_token", "refused"},
		{"SECURITY 52: two headers, good", "GET", func(c came) sent { c.expired(); return sent{c.bearer(), c.bearer(), c.cookie()} }, none, "400 invalid_request", ""},
		{"SECURITY 30: the name without prefix is ignored", "GET", func(c came) sent { return sent{"Cookie: refreshToken=" + c.t.RefreshToken} }, none, "401 access_denied", ""},

		// SECURITY 35: a cookie does not act for other sites.
		{"a POST of our own page", "POST", func(c came) sent { return sent{c.cookie(), own} }, anna, "200", "access"},
		{"a POST of curl", "POST", func(c came) sent { return sent{c.cookie(), "Pawl-Request: 1"} }, anna, "200", "access"},
		{"a POST with the expired token", "POST", func(c came) sent { c.expired(); return sent{c.bearer(), c.cookie()} }, anna, "200", "access, refresh"},
		{"a POST of another site", "POST", func(c came) sent { return sent{c.cookie(), otherSite} }, none, "403 cross_site", ""},
		{"a POST of another site, with a valid token", "POST", func(c came) sent { return sent{c.bearer(), c.cookie(), otherSite} }, anna, "200", ""},
		{"a DELETE of a sibling subdomain", "DELETE", func(c came) sent {
			return sent{c.cookie(), "Sec-Fetch-Site: same-site", "Origin: https://sibling.example"}
		}, none, "403 cross_site", ""},
		{"a POST that shows nothing but a proxy's Basic", "POST", func(c came) sent { return sent{c.cookie(), proxys} }, none, "403 cross_site", ""},
		{"a POST of our own page behind a proxy's Basic", "POST", func(c came) sent { return sent{c.cookie(), proxys, own} }, anna, "200", "access"},
		{"a POST that says nothing of its origin", "POST", func(c came) sent { return sent{c.cookie()} }, none, "403 cross_site", ""},
		{"a WebSocket of a sibling subdomain", "GET", func(c came) sent {
			return sent{c.cookie(), "Upgrade: websocket", "Origin: https://sibling.example"}
		}, none, "403 cross_site", ""},
		{"a WebSocket of our own", "GET", func(c came) sent { return sent{c.cookie(), "Upgrade: websocket", "Origin: https://app.example"} }, anna, "200", "access"},
		{"a link from another site", "GET", func(c came) sent { return sent{c.cookie(), otherSite} }, anna, "200", "access"},

		// SECURITY 62: an issuer that cannot be asked is no end of a session.
		{"the store fails", "GET", func(c came) sent { c.expired().storeDown(); return sent{c.bearer(), c.cookie()} }, none, "503 unavailable", "refused"},
		{"the issuer does not answer", "GET", func(c came) sent { c.failing(errors.New("connection refused")); return sent{c.cookie()} }, none, "503 unavailable", "refused"},
		{"the issuer has a fault", "GET", func(c came) sent { c.failing(api.ErrUnavailable.WithStatus(500)); return sent{c.cookie()} }, none, "503 unavailable", "refused"},
		{"the issuer is asked too often", "GET", func(c came) sent { c.failing(api.ErrRateLimited); return sent{c.cookie()} }, none, "503 unavailable", "refused"},
		{"a proxy answers for the issuer: 401", "GET", func(c came) sent { c.failing(api.ReadProblem(401, nil, []byte("<html>"))); return sent{c.cookie()} }, none, "503 unavailable", "refused"},
		{"a proxy answers for the issuer: 403", "GET", func(c came) sent { c.failing(api.ReadProblem(403, nil, []byte("<html>"))); return sent{c.cookie()} }, none, "503 unavailable", "refused"},
		{"something else is where the issuer should be", "GET", func(c came) sent { c.failing(api.ErrNotFound); return sent{c.cookie()} }, none, "503 unavailable", "refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, mode := range []string{"optional", "required"} {
				b := newBench(t, guard.InlineOptions{})
				headers := c.sends(came{bench: b, t: b.srv.SignIn(anna)})
				h, status, code := b.guard.Optional(says), "200", ""
				if mode == "required" {
					h = b.guard.Required(says)
					status, code, _ = strings.Cut(c.want, " ")
				}
				resp := b.ask(h, c.method, headers...)
				got := text(resp)
				if strconv.Itoa(resp.StatusCode) != status || code != "" && codeOf(got) != code || code == "" && got != c.who {
					t.Errorf("%s: %d %s", mode, resp.StatusCode, got)
				}
				if gave := b.gave(resp); gave != c.issuer {
					t.Errorf("%s: the issuer gave %q, want %q", mode, gave, c.issuer)
				}
				if status == "503" && resp.Header.Get("Retry-After") == "" {
					t.Error("503 without Retry-After")
				}
			}
		})
	}
}

// gave says what the issuer was asked for and what of it is in the answer; no
// answer ever clears a cookie.
func (b *bench) gave(resp *http.Response) string {
	b.t.Helper()
	if b.issuer.calls.Load() == 0 {
		if resp.Header.Get("Authorization") != "" || resp.Header.Get("Set-Cookie") != "" {
			b.t.Error("tokens, without the issuer")
		}
		return ""
	}
	access, ok := strings.CutPrefix(resp.Header.Get("Authorization"), "Bearer ")
	cookies := resp.Cookies()
	switch {
	case !ok && len(cookies) == 0:
		return "refused"
	case resp.Header.Get("Cache-Control") != "no-store" || !strings.Contains(resp.Header.Get("Vary"), "Cookie"):
		b.t.Errorf("SECURITY 50: an answer with tokens can be cached: %v", resp.Header)
	}
	if _, err := b.guard.Check(access); err != nil {
		b.t.Errorf("the new access token: %v", err)
	}
	if len(cookies) == 0 {
		return "access"
	}
	if c := cookies[0]; c.Name != api.CookieName || c.MaxAge <= 0 || !c.HttpOnly || !c.Secure || len(cookies) > 1 {
		b.t.Errorf("cookies %s", cookies)
	}
	return "access, refresh"
}

// SYSTEM A7: the access token outlives an idle refresh token.
func TestInlineCase3(t *testing.T) {
	idle := pawltest.WithConfig(func(c *pawl.Config) { c.Policy.AccessTTL, c.Policy.RefreshTTL = time.Hour, 10*time.Minute })
	for _, c := range []struct {
		name  string
		sends func(came) []string
		want  string
	}{
		{"not idle yet: case 4", func(c came) []string { return []string{c.bearer(), c.cookie()} }, ""},
		{"idle", func(c came) []string { c.srv.Advance(30 * time.Minute); return []string{c.bearer(), c.cookie()} }, "access, refresh"},
		{"idle, in a POST of another site: the cookie does not count", func(c came) []string {
			c.srv.Advance(30 * time.Minute)
			return []string{c.bearer(), c.cookie(), otherSite}
		}, "access, refresh"},
		{"idle, of another session", func(c came) []string {
			other := c.srv.SignIn("id-anna")
			c.srv.Advance(30 * time.Minute)
			return []string{c.bearer(), cookie(other.RefreshToken)}
		}, ""},
		{"idle, the store fails: the access token is good all the same", func(c came) []string {
			c.srv.Advance(30 * time.Minute)
			c.storeDown()
			return []string{c.bearer(), c.cookie()}
		}, "refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, guard.InlineOptions{}, idle)
			resp := b.ask(b.guard.Required(says), "GET", c.sends(came{bench: b, t: b.srv.SignIn("id-anna")})...)
			if got := text(resp); resp.StatusCode != 200 || got != "id-anna" {
				t.Errorf("%d %s", resp.StatusCode, got)
			}
			if gave := b.gave(resp); gave != c.want {
				t.Errorf("the issuer gave %q, want %q", gave, c.want)
			}
		})
	}
}

// What the application does with its answer must not lose the rotation.
func TestInlineHeadersReachTheClient(t *testing.T) {
	for _, c := range []struct {
		name string
		app  http.HandlerFunc
	}{
		{"writes", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }},
		{"writes nothing", func(http.ResponseWriter, *http.Request) {}},
		{"a status", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(418) }},
		{"after a 103", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.Header().Del("Set-Cookie")
			w.WriteHeader(200)
		}},
		{"redirects", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusSeeOther) }},
		{"fails", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", 500) }},
		{"caches", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", "public, max-age=3600")
			_, _ = io.WriteString(w, "x")
		}},
		{"sets cookies of its own", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Set-Cookie", "theme=dark")
			_, _ = io.WriteString(w, "x")
		}},
		{"clears the headers", func(w http.ResponseWriter, _ *http.Request) { clear(w.Header()); w.WriteHeader(200) }},
		{"streams", func(w http.ResponseWriter, _ *http.Request) {
			for range 3 {
				_, _ = io.WriteString(w, "data: x\n\n")
				w.(http.Flusher).Flush()
			}
		}},
		{"flushes first", func(w http.ResponseWriter, _ *http.Request) {
			clear(w.Header())
			if err := http.NewResponseController(w).Flush(); err != nil {
				panic(err)
			}
		}},
		{"copies a file", func(w http.ResponseWriter, _ *http.Request) {
			clear(w.Header())
			_, _ = w.(io.ReaderFrom).ReadFrom(strings.NewReader(strings.Repeat("x", 10_000)))
		}},
		{"hijacks, and answers by itself", func(w http.ResponseWriter, _ *http.Request) {
			conn, buf, err := w.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			defer conn.Close()
			fmt.Fprint(buf, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n")
			_ = w.Header().Write(buf)
			fmt.Fprint(buf, "\r\n")
			_ = buf.Flush()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, guard.InlineOptions{})
			tokens := b.srv.SignIn("id-anna")
			b.srv.Advance(time.Hour)
			app := httptest.NewServer(b.in(b.guard.Required(c.app)))
			defer app.Close()
			r, _ := http.NewRequest("GET", app.URL, nil)
			r.Header.Set("Cookie", api.CookieName+"="+tokens.RefreshToken)
			resp, err := (&http.Transport{}).RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			found := false
			for _, k := range resp.Cookies() {
				found = found || k.Name == api.CookieName && k.Value != tokens.RefreshToken
			}
			if !found || !strings.HasPrefix(resp.Header.Get("Authorization"), "Bearer ") || resp.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%d %v", resp.StatusCode, resp.Header)
			}
		})
	}
}

// Twenty requests at once with one expired token: one rotation, twenty
// successes, and all of them end up with one refresh token.
func TestInlineTwentyAtOnce(t *testing.T) {
	for _, how := range []string{"expired", "without an access token"} {
		b := newBench(t, guard.InlineOptions{})
		tokens := b.srv.SignIn("id-anna")
		b.srv.Advance(time.Hour)
		app := httptest.NewServer(b.in(b.guard.Required(says)))
		defer app.Close()
		var (
			wg      sync.WaitGroup
			mu      sync.Mutex
			refresh = map[string]bool{}
		)
		for range 20 {
			wg.Go(func() {
				r, _ := http.NewRequest("GET", app.URL, nil)
				r.Header.Set("Cookie", api.CookieName+"="+tokens.RefreshToken)
				if how == "expired" {
					r.Header.Set("Authorization", "Bearer "+tokens.AccessToken)
				}
				resp, err := http.DefaultTransport.RoundTrip(r)
				if err != nil {
					t.Error(err)
					return
				}
				defer resp.Body.Close()
				if got := text(resp); resp.StatusCode != 200 || got != "id-anna" {
					t.Errorf("%s: %d %s", how, resp.StatusCode, got)
				}
				mu.Lock()
				defer mu.Unlock()
				for _, k := range resp.Cookies() {
					refresh[k.Value] = true
				}
			})
		}
		wg.Wait()
		if len(refresh) != 1 {
			t.Errorf("%s: %d different refresh tokens, want 1", how, len(refresh))
		}
	}
}

func TestInlineKeepsTheAccessTokenInACookie(t *testing.T) { // SYSTEM A4
	b := newBench(t, guard.InlineOptions{AccessCookie: true})
	c := came{bench: b, t: b.srv.SignIn("id-anna")}
	access := func(token string) string { return "; " + api.AccessCookieName + "=" + token }

	var line *http.Cookie
	for _, k := range b.ask(b.guard.Required(says), "GET", c.cookie()).Cookies() {
		if k.Name == api.AccessCookieName {
			line = k
		}
	}
	if line == nil || !line.HttpOnly || !line.Secure || line.MaxAge != 30*60 || line.SameSite != http.SameSiteLaxMode {
		t.Fatalf("SECURITY 30: the cookie: %v", line)
	}
	bob := b.srv.SignIn("id-bob")
	again := b.srv.SignIn("id-anna")
	for _, k := range []struct {
		name, method string
		headers      []string
		want         string
		asks         int32
	}{
		{"the issuer is not asked", "GET", []string{c.cookie() + access(line.Value)}, "200 id-anna", 0},
		{"and nothing is rotated", "POST", []string{c.cookie() + access(line.Value), own}, "200 id-anna", 0},
		{"SECURITY 35: it does not act for other sites", "POST", []string{c.cookie() + access(line.Value), otherSite}, "403 cross_site", 0},
		{"a bearer goes first", "GET", []string{auth(bob.AccessToken), c.cookie() + access(line.Value)}, "200 id-bob", 0},
		{"alone it is nothing", "GET", []string{"Cookie: " + access(line.Value)[2:]}, "401 access_denied", 0},
		{"left behind by somebody else, it is nothing", "GET", []string{cookie(bob.RefreshToken) + access(line.Value)}, "200 id-bob", 1},
		{"left behind by an earlier session", "GET", []string{cookie(again.RefreshToken) + access(line.Value)}, "200 id-anna", 1},
		{"garbage", "GET", []string{c.cookie() + access("x.y.z")}, "200 id-anna", 1},
		{"two", "GET", []string{c.cookie() + access(line.Value) + access("x")}, "200 id-anna", 1},
	} {
		before := b.issuer.calls.Load()
		resp := b.ask(b.guard.Required(says), k.method, k.headers...)
		got := text(resp)
		if resp.StatusCode != 200 {
			got = codeOf(got)
		}
		if got := strconv.Itoa(resp.StatusCode) + " " + got; got != k.want || b.issuer.calls.Load()-before != k.asks {
			t.Errorf("%s: %s, %d asked; want %s, %d", k.name, got, b.issuer.calls.Load()-before, k.want, k.asks)
		}
		if k.asks == 0 && k.want == "200 id-anna" && resp.Header.Get("Cache-Control") != "private" {
			t.Errorf("%s: a shared cache may keep it", k.name)
		}
	}
	b.srv.Advance(time.Hour)
	if gave := b.ask(b.guard.Required(says), "GET", c.cookie()+access(line.Value)); len(gave.Cookies()) != 2 {
		t.Errorf("expired: cookies %v, want both anew", gave.Cookies())
	}
	c.signedOut()
	if resp := b.ask(b.guard.Required(says), "GET", c.cookie()+access(line.Value)); resp.StatusCode != 401 || len(resp.Cookies()) != 0 {
		t.Errorf("signed out: %d", resp.StatusCode)
	}
}

func TestInlineSaysWhereTheRequestComesFrom(t *testing.T) {
	const firefox = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
	b := newBench(t, guard.InlineOptions{})
	tokens := b.srv.SignIn("id-anna")
	// An application's own key is not the guard's to use.
	b.ask(says, "GET", cookie(tokens.RefreshToken), firefox, "Idempotency-Key: 0123456789abcdefghijkl")
	if r := b.issuer.last.Load(); r.Address != "192.0.2.1" || r.Agent != "Firefox on Linux" || r.IdempotencyKey != "" {
		t.Errorf("from %s, %s", r.Address, r.Agent)
	}
	b.in = b.guard.Inline(b.issuer, guard.InlineOptions{Client: func(*http.Request) (string, string) { return "198.51.100.7", "app" }})
	b.ask(says, "GET", cookie(tokens.RefreshToken))
	if r := b.issuer.last.Load(); r.Address != "198.51.100.7" || r.Agent != "app" {
		t.Errorf("from %s, %s", r.Address, r.Agent)
	}
}

// The application, and what it calls with the request's headers, see the token
// in force.
func TestInlineHandsTheNewTokenOn(t *testing.T) {
	b := newBench(t, guard.InlineOptions{})
	c := came{bench: b, t: b.srv.SignIn("id-anna")}.expired()
	b.ask(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		token, err := guard.Bearer(r)
		if _, bad := b.guard.Check(token); err != nil || bad != nil {
			t.Errorf("Authorization: %v, %v", err, bad)
		}
	}), "GET", c.bearer(), c.cookie())
}

func ExampleGuard_Inline() {
	srv := pawltest.NewServer(exampleT{})
	srv.AddUser("anna", "a long enough password")
	g := srv.Guard()

	mux := http.NewServeMux()
	mux.Handle("GET /orders", g.Required(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		who, _ := guard.Principal(r.Context())
		fmt.Println("orders of", who.Subject)
	})))
	app := g.Inline(srv.Service, guard.InlineOptions{})(mux)

	tokens := srv.SignIn("id-anna")
	srv.Advance(time.Hour) // the access token has expired
	r := httptest.NewRequest("GET", "https://app.example/orders", nil)
	r.Header.Set("Authorization", "Bearer "+tokens.AccessToken)
	r.Header.Set("Cookie", api.CookieName+"="+tokens.RefreshToken)
	w := httptest.NewRecorder()
	app.ServeHTTP(w, r)
	fmt.Println("a new access token:", w.Header().Get("Authorization") != r.Header.Get("Authorization"))
	fmt.Println("a new refresh token:", w.Result().Cookies()[0].Value != tokens.RefreshToken)
	// Output:
	// orders of id-anna
	// a new access token: true
	// a new refresh token: true
}

// exampleT is what a test function has as t.
type exampleT struct{ testing.TB }

func (exampleT) Helper()        {}
func (exampleT) Cleanup(func()) {}

// An issuer that says how long it is away is believed, whoever says it.
func TestInlinePassesRetryAfterOn(t *testing.T) {
	for _, err := range []error{api.ErrUnavailable.After(7 * time.Second), api.ErrRateLimited.After(7 * time.Second)} {
		b := newBench(t, guard.InlineOptions{})
		b.issuer.fails = err
		if resp := b.ask(b.guard.Required(says), "GET", cookie("x")); resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "7" {
			t.Errorf("%v: %d, %v", err, resp.StatusCode, resp.Header)
		}
	}
}
