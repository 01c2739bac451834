package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/httpapi"
	"github.com/pawlauth/pawl/pawltest"
)

// logged collects what is logged.
type logged struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// into makes everything log to l, at every level.
func (l *logged) into() pawltest.Option {
	log := slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return pawltest.WithAPI(func(o *httpapi.Options) { o.Log = log })
}

func TestSecurityHeaders(t *testing.T) { // SECURITY 51
	s := start(t, withAPI(func(o *httpapi.Options) { o.HSTS = 24 * time.Hour }))
	for _, route := range []string{"GET /healthz", "GET /nothing", "POST /api/login", "GET /api/session", "GET /openapi.yaml"} {
		method, path := split(route)
		a := s.send(method, path, "")
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Content-Security-Policy":   "default-src 'none'; frame-ancestors 'none'",
			"Strict-Transport-Security": "max-age=86400",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %s: %q, want %q", route, name, got, want)
			}
		}
	}
	if a := start(t).send("GET", "/healthz", ""); a.header.Get("Strict-Transport-Security") != "" {
		t.Error("Strict-Transport-Security, unasked")
	}
}

func TestRequestIDs(t *testing.T) {
	s := start(t)
	for sent, kept := range map[string]bool{
		"0a1b-2C_3.d": true, "": false, strings.Repeat("x", 64): true, strings.Repeat("x", 65): false,
		"a b": false, "a\"b": false, "é": false, "a;b": false,
	} {
		a := s.send("GET", "/healthz", "", "X-Request-Id: "+sent)
		got := a.header.Get("Pawl-Request-Id")
		if (got == sent) != kept || got == "" {
			t.Errorf("X-Request-Id %q gives %q", sent, got)
		}
	}
}

// panicking is a user table with a fault in it.
type panicking struct {
	pawl.Users
	value any
}

func (p panicking) ByID(context.Context, string) (pawl.User, error)    { panic(p.value) }
func (p panicking) ByLogin(context.Context, string) (pawl.User, error) { panic(p.value) }

func TestAPanicIsAFailingServerAndNotTheEndOfASession(t *testing.T) { // SECURITY 62
	const secret = "canary-in-a-panic"
	for _, value := range []any{errors.New(secret), secret, struct{ s string }{secret}} {
		var log logged
		s := start(t, withConfig(func(c *pawl.Config) { c.Users = panicking{c.Users, value} }), log.into())
		a := s.send("POST", "/api/login", loginBody("anna", secret), cookie("x"), own).is(500, "unavailable").keepsCookie()
		if a.header.Get("Pawl-Request-Id") == "" || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("headers: %v", a.header)
		}
		if strings.Contains(a.body+log.String(), secret) {
			t.Errorf("SECURITY 56: the secret came out:\n%s\n%s", a.body, log.String())
		}
		if !strings.Contains(log.String(), `"msg":"panic"`) || !strings.Contains(log.String(), "hardening_test.go") {
			t.Errorf("the panic is not in the log: %s", log.String())
		}
		s.send("GET", "/healthz", "").is(200, "")
	}
	if got := httpapi.PanicText(runtimeError(t)); !strings.Contains(got, "index out of range") {
		t.Errorf("the runtime's own words: %s", got)
	}
}

func runtimeError(t *testing.T) (e runtime.Error) {
	defer func() { e, _ = recover().(runtime.Error) }()
	return []runtime.Error{}[len(t.Name())]
}

func TestSecretsNeverReachTheLog(t *testing.T) { // SECURITY 56, 57
	const canary = "canary-7f3a"
	var log logged
	s := start(t, log.into())
	u := s.AddUser("anna", pass)
	tokens := s.SignIn(u.ID)
	secrets := []string{canary, tokens.RefreshToken, tokens.AccessToken, pass}
	s.send("POST", "/api/login", loginBody("anna", canary), own).is(401, "invalid_credentials")
	a := s.send("POST", "/api/login", loginBody("anna", pass), cookie(tokens.RefreshToken), own).is(200, "")
	secrets = append(secrets, a.cookie.Value, a.tokens.AccessToken)
	s.send("POST", "/api/reissue?token="+canary, "", cookie(a.cookie.Value), "Idempotency-Key: "+canary+"-0123456789abcdef")
	s.send("POST", "/api/reissue", "", cookie(a.cookie.Value), "Idempotency-Key: "+canary+"-0123456789abcdef").is(200, "")
	s.send("POST", "/api/reissue", `{"`+canary+`":"`+canary+`"}`)
	s.send("GET", "/api/reissue/"+a.cookie.Value, "").is(404, "not_found")
	s.send("GET", "/api/sessions", "", bearer(canary), "User-Agent: app/"+canary)
	s.send("GET", "/api/verify?access_token="+a.tokens.AccessToken, "")
	s.send(strings.ToUpper(canary), "/healthz", "")
	s.StoreDown(true)
	s.send("POST", "/api/login", loginBody("anna", pass), own).is(503, "unavailable")
	s.send("POST", "/api/reissue", "", cookie(a.cookie.Value), own).is(503, "unavailable")
	for _, secret := range secrets {
		if strings.Contains(strings.ToLower(log.String()), strings.ToLower(secret)) {
			t.Errorf("%.20s… is in the log", secret)
		}
	}
	if !strings.Contains(log.String(), pawltest.ErrStoreDown.Error()) {
		t.Error("why a 503 was answered is not in the log")
	}
	t.Run("a line cannot be forged", func(t *testing.T) {
		s.send("GET", "/healthz", "", "User-Agent: x\u2028{\"msg\":\"forged\"}")
		for line := range strings.Lines(log.String()) {
			var entry map[string]any
			if err := json.Unmarshal([]byte(line), &entry); err != nil || entry["msg"] == "forged" {
				t.Errorf("%v: %s", err, line)
			}
		}
	})
}

func TestTheLevelsOfTheAccessLog(t *testing.T) {
	var log logged
	s := start(t, log.into())
	s.send("GET", "/healthz", "", "X-Request-Id: fine")
	s.send("GET", "/nothing", "", "X-Request-Id: wrong")
	s.StoreDown(true)
	s.send("GET", "/readyz", "", "X-Request-Id: broken")
	for id, want := range map[string]string{"fine": "DEBUG", "wrong": "INFO", "broken": "ERROR"} {
		found := false
		for line := range strings.Lines(log.String()) {
			var e struct{ Level, Request, Route, Address string }
			if json.Unmarshal([]byte(line), &e) == nil && e.Request == id {
				found = true
				if e.Level != want || e.Route == "" || e.Address != "127.0.0.1" {
					t.Errorf("%s: %s", id, line)
				}
			}
		}
		if !found {
			t.Errorf("%s is not in the log", id)
		}
	}
}

func TestTheClientsAddress(t *testing.T) { // SECURITY 43
	const direct = "127.0.0.1"
	trust := []string{"127.0.0.0/8", "10.0.0.0/8", "fd00::/8"}
	for _, c := range []struct {
		name      string
		trusted   []string
		forwarded []string
		want      string
	}{
		{"nobody is trusted", nil, []string{"203.0.113.7"}, direct},
		{"somebody else is trusted", []string{"192.0.2.0/24"}, []string{"203.0.113.7"}, direct},
		{"one proxy", trust, []string{"203.0.113.7"}, "203.0.113.7"},
		{"the left-most is the client's own invention", trust, []string{"198.51.100.1, 203.0.113.7"}, "203.0.113.7"},
		{"two proxies", trust, []string{"198.51.100.1, 203.0.113.7, 10.1.2.3"}, "203.0.113.7"},
		{"two header lines", trust, []string{"198.51.100.1", "203.0.113.7, 10.1.2.3"}, "203.0.113.7"},
		{"all are proxies", trust, []string{"10.0.0.1, 10.0.0.2"}, "10.0.0.1"},
		{"no header", trust, nil, direct},
		{"garbage", trust, []string{"203.0.113.7, unknown"}, direct},
		{"garbage further left", trust, []string{"unknown, 10.0.0.2"}, "10.0.0.2"},
		{"with port", trust, []string{"203.0.113.7:4711"}, "203.0.113.7"},
		{"IPv6", trust, []string{"2001:db8::7"}, "2001:db8::7"},
		{"IPv6 with port", trust, []string{"[2001:db8::7]:4711, fd00::1"}, "2001:db8::7"},
		{"IPv4 in IPv6", trust, []string{"203.0.113.7, ::ffff:10.0.0.1"}, "203.0.113.7"},
		{"more hops than anybody has", trust, []string{"203.0.113.7" + strings.Repeat(", 10.0.0.1", 100)}, "10.0.0.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log logged
			s := start(t, log.into(), withAPI(func(o *httpapi.Options) {
				for _, p := range c.trusted {
					o.TrustedProxies = append(o.TrustedProxies, netip.MustParsePrefix(p))
				}
			}))
			var headers []string
			for _, f := range c.forwarded {
				headers = append(headers, "X-Forwarded-For: "+f)
			}
			s.send("GET", "/healthz", "", headers...)
			if !strings.Contains(log.String(), `"address":"`+c.want+`"`) {
				t.Errorf("want %s: %s", c.want, log.String())
			}
		})
	}
}

func TestShortAgents(t *testing.T) {
	for in, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                                     "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36":                            "Chrome on Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0":              "Edge on Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15":                      "Safari on macOS",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1":    "Safari on iPhone",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0.0.0 Mobile/15E148 Safari/604.1": "Chrome on iPhone",
		"Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36":                      "Chrome on Android",
		"Mozilla/5.0 (Linux; Android 15; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36": "Samsung Internet on Android",
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36":                             "Chrome on ChromeOS",
		"curl/8.5.0":              "curl",
		"Go-http-client/2.0":      "Go-http-client",
		"OrdersApp":               "OrdersApp",
		"":                        "",
		"a\r\nb\x00c\u202ed/1":    "abcd",
		strings.Repeat("é", 4000): strings.Repeat("é", 32),
		"\xff\xfe":                "",
	} {
		if got := httpapi.ShortAgent(in); got != want {
			t.Errorf("%.60q becomes %q, want %q", in, got, want)
		}
	}
}

func TestDeviceLabels(t *testing.T) {
	for in, want := range map[string]string{
		"Anna's phone": "Anna's phone", "  spaces  ": "spaces", "a\x00\u202eb\nc": "abc", "": "", "日本": "日本",
		strings.Repeat("é", 64): strings.Repeat("é", 64), strings.Repeat("x", 65): "error",
	} {
		got, err := httpapi.DeviceLabel(in)
		if err != nil {
			got = "error"
			if !errors.Is(err, api.ErrInvalidRequest) {
				t.Errorf("%q: %v", in, err)
			}
		}
		if got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestHSTSGoesOutByTLSOnly(t *testing.T) { // SECURITY 43, 51
	proxy := netip.MustParsePrefix("192.0.2.0/24") // where httptest's requests come from
	for _, c := range []struct {
		name    string
		trusted []netip.Prefix
		proto   string
		want    string
	}{
		{"plain", []netip.Prefix{proxy}, "", ""},
		{"TLS ends at a trusted proxy", []netip.Prefix{proxy}, "https", "max-age=3600"},
		{"a trusted proxy took it in the clear", []netip.Prefix{proxy}, "http", ""},
		{"anybody can say so", nil, "https", ""},
	} {
		h, err := httpapi.New(pawltest.NewServer(t).Service, httpapi.Options{Log: quiet, HSTS: time.Hour, TrustedProxies: c.trusted})
		if err != nil {
			t.Fatal(err)
		}
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/healthz", nil)
		r.Header.Set("X-Forwarded-Proto", c.proto)
		h.ServeHTTP(w, r)
		if got := w.Header().Get("Strict-Transport-Security"); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
