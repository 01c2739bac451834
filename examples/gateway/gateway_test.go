// Package gateway_test runs the configurations of nginx, Caddy and HAProxy beside
// it with the real programs.
package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/httpapi"
	"github.com/pawlauth/pawl/internal/servertest"
	"github.com/pawlauth/pawl/pawltest"
)

// secret is that of the gateways.
const secret = "S3/9kq0Tn2dW+VbYx8LmZr5uHcJf1oAe"

// gateways start a program in front of Pawl and an application, and give its
// address.
var gateways = map[string]func(t *testing.T, pawl, app string) string{
	"nginx":              nginx,
	"caddy":              caddy("Caddyfile"),
	"caddy/forward_auth": caddy("forward_auth.Caddyfile"), // relays nothing
	"haproxy":            haproxy,
}

// installed are those of which Debian has no package: their configurations do the
// least, and are tested where the program is on the PATH.
var installed = map[string]func(t *testing.T, pawl, app string) string{"envoy": envoy, "traefik": traefik}

// every runs a test for each gateway, and those that happen to be installed.
func every(t *testing.T, f func(t *testing.T, name string, run func(t *testing.T, pawl, app string) string)) {
	for name, run := range gateways {
		t.Run(name, func(t *testing.T) { f(t, name, run) })
	}
	for name, run := range installed {
		if _, err := exec.LookPath(name); err == nil {
			t.Run(name, func(t *testing.T) { f(t, name, run) })
		}
	}
}

func nginx(t *testing.T, pawl, app string) string {
	own, err := os.ReadFile("nginx/pawl.conf")
	if err != nil {
		t.Fatal(err)
	}
	at, dir := servertest.FreeAddr(t), t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil { // its workers are another user's
		t.Fatal(err)
	}
	include := strings.NewReplacer("127.0.0.1:8080", pawl, "127.0.0.1:9000", app, "127.0.0.1:8088", at, "/etc/nginx/pawl-gateway.conf", dir+"/pawl-gateway.conf").Replace(string(own))
	write(t, dir+"/pawl-gateway.conf", "proxy_set_header Pawl-Gateway \""+secret+"\";\n")
	write(t, dir+"/pawl.conf", include)
	write(t, dir+"/nginx.conf", "pid "+dir+"/pid; error_log stderr; worker_processes 1; events {}\nhttp { access_log off; include "+dir+"/pawl.conf;\n"+
		"client_body_temp_path "+dir+"/b; proxy_temp_path "+dir+"/p; fastcgi_temp_path "+dir+"/f; uwsgi_temp_path "+dir+"/u; scgi_temp_path "+dir+"/s; }\n")
	servertest.Start(t, at, servertest.Options{}, servertest.Program(t, "nginx", "nginx-light"), "-p", dir, "-e", "stderr", "-c", dir+"/nginx.conf", "-g", "daemon off;")
	return "http://" + at
}

func caddy(config string) func(t *testing.T, pawl, app string) string {
	return func(t *testing.T, pawl, app string) string {
		at, dir := servertest.FreeAddr(t), t.TempDir()
		env := []string{"PAWL=" + pawl, "APP=" + app, "LISTEN=" + at, "PAWL_GATEWAY_SECRET=" + secret, "HOME=" + dir, "XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir}
		servertest.Start(t, at, servertest.Options{Env: env}, servertest.Program(t, "caddy", "caddy"), "run", "--adapter", "caddyfile", "--config", "caddy/"+config)
		return "http://" + at
	}
}

func haproxy(t *testing.T, pawl, app string) string {
	script, err := filepath.Abs("haproxy/pawl.lua")
	if err != nil {
		t.Fatal(err)
	}
	return haproxyBy(t, script, pawl, app)
}

func haproxyBy(t *testing.T, script, pawl, app string) string {
	own, err := os.ReadFile("haproxy/haproxy.cfg")
	if err != nil {
		t.Fatal(err)
	}
	at, file := servertest.FreeAddr(t), filepath.Join(t.TempDir(), "haproxy.cfg")
	write(t, file, strings.NewReplacer("127.0.0.1:8080", pawl, "127.0.0.1:9000", app, "127.0.0.1:8088", at, "/etc/haproxy/pawl.lua", script).Replace(string(own)))
	env := []string{"PAWL=" + pawl, "PAWL_GATEWAY_SECRET=" + secret}
	servertest.Start(t, at, servertest.Options{Env: env}, servertest.Program(t, "haproxy", "haproxy"), "-db", "-f", file)
	return "http://" + at
}

func envoy(t *testing.T, pawl, app string) string {
	own, err := os.ReadFile("envoy/envoy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	config := string(own)
	at, file := servertest.FreeAddr(t), filepath.Join(t.TempDir(), "envoy.yaml")
	for port, addr := range map[string]string{"8080": pawl, "9000": app, "8088": at} {
		config = strings.ReplaceAll(config, "port_value: "+port, "port_value: "+addr[strings.LastIndex(addr, ":")+1:])
	}
	write(t, file, config)
	servertest.Start(t, at, servertest.Options{Env: []string{"PAWL_GATEWAY_SECRET=" + secret}}, servertest.Program(t, "envoy", "envoy"), "-c", file, "--concurrency", "1", "--use-dynamic-base-id", "-l", "warning")
	return "http://" + at
}

func traefik(t *testing.T, pawl, app string) string {
	own, err := os.ReadFile("traefik/dynamic.yml")
	if err != nil {
		t.Fatal(err)
	}
	at, file := servertest.FreeAddr(t), filepath.Join(t.TempDir(), "dynamic.yml")
	write(t, file, strings.NewReplacer("127.0.0.1:8080", pawl, "127.0.0.1:9000", app, "127.0.0.1:8088", at).Replace(string(own)))
	ready := func() error {
		resp, err := http.Get("http://" + at + "/sign-in")
		if err == nil {
			defer resp.Body.Close()
			if resp.StatusCode == http.StatusNotFound {
				err = errors.New("the configuration is not there yet")
			}
		}
		return err
	}
	servertest.Start(t, at, servertest.Options{Env: []string{"PAWL_GATEWAY_SECRET=" + secret}, Ready: ready}, servertest.Program(t, "traefik", "traefik"),
		"--entrypoints.web.address="+at, "--providers.file.filename="+file, "--global.checknewversion=false", "--global.sendanonymoususage=false")
	return "http://" + at
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// setup is a Pawl, a plain application and a gateway in front of both.
type setup struct {
	t         *testing.T
	srv       *pawltest.Server
	url       string
	issuer    string // Pawl's address
	rotations atomic.Int32
	asked     atomic.Int32 // requests that reached the application
}

// seen is what the application saw.
type seen struct{ Subject, Session, Roles, Underscored, Cookie, Authorization, Body string }

func start(t *testing.T, gateway string, reissue bool) *setup {
	t.Helper()
	return startWith(t, gateway, reissue, secret)
}

// startWith is start with the gateway's secret as Pawl has it. No gateway is
// started for "".
func startWith(t *testing.T, gateway string, reissue bool, known string) *setup {
	t.Helper()
	s := &setup{t: t}
	s.srv = pawltest.NewServer(t, pawltest.WithConfig(func(c *pawl.Config) {
		c.OnEvent = func(_ context.Context, e pawl.Event) {
			if e.Row == 5 {
				s.rotations.Add(1)
			}
		}
	}))
	s.srv.Add(pawl.User{ID: "id-anna", Login: "anna", Roles: []string{"reader", "writer"}})
	h, err := httpapi.New(s.srv.Service, httpapi.Options{
		VerifyReissue: reissue, GatewaySecrets: []string{known}, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	issuer := httptest.NewServer(h)
	t.Cleanup(issuer.Close)
	app := httptest.NewServer(http.HandlerFunc(s.app))
	t.Cleanup(app.Close)
	s.issuer = issuer.Listener.Addr().String()
	if gateway == "" {
		return s
	}
	s.url = gateways[gateway](t, s.issuer, app.Listener.Addr().String())
	return s
}

func (s *setup) app(w http.ResponseWriter, r *http.Request) {
	s.asked.Add(1)
	switch r.URL.Path {
	case "/own-401":
		http.Error(w, "the application's own", http.StatusUnauthorized)
		return
	case "/own-500":
		http.Error(w, "the application's own", http.StatusInternalServerError)
		return
	}
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Cache-Control", "public, max-age=60")
	w.Header().Set("Set-Cookie", "theme=dark")
	under := ""
	for name := range r.Header {
		if strings.Contains(name, "_") {
			under = name
		}
	}
	_ = json.NewEncoder(w).Encode(seen{
		r.Header.Get("Pawl-Subject"), r.Header.Get("Pawl-Session"), r.Header.Get("Pawl-Roles"), under,
		r.Header.Get("Cookie"), r.Header.Get("Authorization"), string(body),
	})
}

type answer struct {
	*http.Response
	body string
}

func (a answer) seen() (s seen) { _ = json.Unmarshal([]byte(a.body), &s); return s }

func (a answer) cookies() map[string]string {
	all := map[string]string{}
	for _, k := range a.Cookies() {
		all[k.Name] = k.Value
	}
	return all
}

func (s *setup) send(method, path, body string, headers ...string) answer {
	s.t.Helper()
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header[name] = append(r.Header[name], value)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return answer{resp, string(b)}
}

func auth(access string) string    { return "Authorization: Bearer " + access }
func cookie(refresh string) string { return "Cookie: " + api.CookieName + "=" + refresh }

// each runs a test for each gateway.
func each(t *testing.T, reissue bool, f func(t *testing.T, s *setup)) {
	for name := range gateways {
		if reissue && name == "caddy/forward_auth" {
			continue
		}
		t.Run(name, func(t *testing.T) { f(t, start(t, name, reissue)) })
	}
}

func TestWhoItIsReachesTheApplication(t *testing.T) {
	for _, reissue := range []bool{false, true} {
		t.Run(fmt.Sprintf("reissue=%v", reissue), func(t *testing.T) {
			each(t, reissue, func(t *testing.T, s *setup) {
				tokens := s.srv.SignIn("id-anna")
				// Without the prefix they are another system's, or planted.
				a := s.send("POST", "/orders", "a body", auth(tokens.AccessToken), "Cookie: a=1; "+api.CookieName+"="+tokens.RefreshToken+"; b=2; "+api.AccessCookieName+"=x; refreshToken=y; accessToken=z; c=3",
					"Connection: keep-alive, Pawl-Subject, Pawl-Roles", // what it names, a proxy takes out
					"Pawl-Subject: id-root", "Pawl-Session: x", "Pawl-Roles: admin", "pawl-roles: admin", "Pawl_Subject: id-root", "Pawl_Roles: admin")
				want := seen{Subject: "id-anna", Session: tokens.SessionID, Roles: "reader,writer", Cookie: "a=1; b=2; c=3", Body: "a body"}
				if got := a.seen(); a.StatusCode != 200 || got != want {
					t.Errorf("%d %s", a.StatusCode, a.body)
				}
				if a.Header.Get("Authorization") != "" || len(a.cookies()) != 1 || a.Header.Get("Cache-Control") != "public, max-age=60" {
					t.Errorf("the application's answer is changed: %v", a.Header)
				}
				s.srv.Add(pawl.User{ID: "id-bob", Login: "bob"})
				a = s.send("GET", "/orders", "", auth(s.srv.SignIn("id-bob").AccessToken), "Pawl-Roles: admin")
				if got := a.seen(); got.Subject != "id-bob" || got.Roles != "" {
					t.Errorf("without roles: %s", a.body)
				}
				if s.rotations.Load() != 0 {
					t.Error("case 4 rotates nothing")
				}
			})
		})
	}
}

func TestWhoIsRefused(t *testing.T) {
	each(t, false, func(t *testing.T, s *setup) {
		tokens := s.srv.SignIn("id-anna")
		s.srv.Advance(time.Hour)
		ended := s.srv.SignIn("id-anna")
		if err := s.srv.Service.Logout(t.Context(), api.ReissueRequest{RefreshToken: ended.RefreshToken}); err != nil {
			t.Fatal(err)
		}
		const page = "Accept: text/html,application/xhtml+xml"
		for _, c := range []struct {
			name, method string
			headers      []string
			status       int
			code         string
		}{
			{"nobody", "GET", nil, 401, "access_denied"},
			{"the cookie alone, as reissue is off", "GET", []string{cookie(ended.RefreshToken)}, 401, "access_denied"},
			{"expired", "GET", []string{auth(tokens.AccessToken), "Accept: application/json"}, 401, "token_expired"},
			{"signed out", "GET", []string{auth(ended.AccessToken)}, 401, "login_required signed_out"},
			{"garbage", "POST", []string{auth("x")}, 401, "invalid_token"},
			{"two Authorizations", "GET", []string{auth(tokens.AccessToken), auth("x")}, 401, "invalid_token"},
			{"headers of one's own", "GET", []string{"Pawl-Subject: id-anna", "Pawl-Roles: admin"}, 401, "access_denied"},
			{"a page", "GET", []string{page}, 302, ""},
			{"a page, expired", "GET", []string{page, auth(tokens.AccessToken)}, 302, ""},
			{"a form", "POST", []string{page}, 401, "access_denied"},
		} {
			a := s.send(c.method, "/orders?of=may", "", c.headers...)
			if c.name == "two Authorizations" && a.StatusCode == 400 { // nginx refuses them itself
				continue
			}
			var p api.Problem
			_ = json.Unmarshal([]byte(a.body), &p)
			if got := strings.TrimSpace(p.Code + " " + p.Reason); a.StatusCode != c.status || got != c.code {
				t.Errorf("%s: %d %q %s", c.name, a.StatusCode, got, a.body)
			}
			if c.status == 302 && a.Header.Get("Location") != "/sign-in?return_to=/orders?of=may" {
				t.Errorf("%s: Location: %s", c.name, a.Header.Get("Location"))
			}
			if c.status == 401 && len(a.Header.Values("Www-Authenticate")) != 1 {
				t.Errorf("SECURITY 53: %s: WWW-Authenticate: %q", c.name, a.Header.Values("Www-Authenticate"))
			}
		}
		if s.asked.Load() != 0 {
			t.Error("the application was asked")
		}
		if a := s.send("GET", "/sign-in", "", "Pawl-Subject: id-root", "Pawl_Roles: admin"); a.StatusCode != 200 || a.seen() != (seen{}) {
			t.Errorf("the sign-in page: %d %s", a.StatusCode, a.body)
		}
		for _, headers := range [][]string{{auth(ended.AccessToken)}, {auth(s.srv.SignIn("id-anna").AccessToken)}, {cookie(tokens.RefreshToken), "X-Forwarded-Method: GET"}} {
			if a := s.send("GET", "/api/verify", "", headers...); a.StatusCode != 404 || a.Header.Get("Pawl-Subject") != "" {
				t.Errorf("verify is open to the world: %d %v", a.StatusCode, a.Header)
			}
		}
		if a := s.send("POST", "/api/password/reset", `{"code":"x","newPassword":"a long enough password"}`, "Content-Type: application/json", "Pawl-Request: 1"); !strings.Contains(a.body, "code") || a.StatusCode == 401 {
			t.Errorf("a reset of the password: %d %s", a.StatusCode, a.body)
		}
		if a := s.send("POST", "/api/reissue", "", cookie(tokens.RefreshToken), "Pawl-Request: 1"); a.StatusCode != 200 || a.cookies()[api.CookieName] == "" {
			t.Errorf("Pawl itself: %d %s", a.StatusCode, a.body)
		}
	})
}

// The line of the issue: a client with an expired access token and twenty
// requests at once is twenty times 200, and one rotation.
func TestTwentyAtOnceAreOneRotation(t *testing.T) {
	each(t, true, func(t *testing.T, s *setup) {
		for _, how := range []string{"expired", "none"} {
			tokens := s.srv.SignIn("id-anna")
			s.srv.Advance(time.Hour)
			s.rotations.Store(0)
			headers := []string{cookie(tokens.RefreshToken)}
			if how == "expired" {
				headers = append(headers, auth(tokens.AccessToken))
			}
			answers := make([]answer, 20)
			var wg sync.WaitGroup
			for i := range answers {
				wg.Go(func() { answers[i] = s.send("GET", "/orders", "", headers...) })
			}
			wg.Wait()
			good, refresh := 0, map[string]bool{}
			for _, a := range answers {
				if a.StatusCode == 200 && a.seen().Subject == "id-anna" {
					good++
				}
				refresh[a.cookies()[api.CookieName]] = true
				access, _ := strings.CutPrefix(a.Header.Get("Authorization"), "Bearer ")
				if _, err := s.srv.Guard().Check(access); err != nil {
					t.Errorf("Authorization: %v", err)
				}
				if a.cookies()[api.AccessCookieName] != access || a.cookies()["theme"] != "dark" || !strings.Contains(strings.Join(a.Header.Values("Cache-Control"), ", "), "no-store") {
					t.Errorf("%v", a.Header)
				}
			}
			t.Attr("answers-200", fmt.Sprint(good))
			t.Attr("rotations", fmt.Sprint(s.rotations.Load()))
			if good != 20 || s.rotations.Load() != 1 || len(refresh) != 1 || refresh[tokens.RefreshToken] {
				t.Errorf("%s: %d × 200, %d rotations, refresh tokens %d", how, good, s.rotations.Load(), len(refresh))
			}
		}
	})
}

// A browser that has only cookies, through an afternoon.
func TestABrowserBehindTheGateway(t *testing.T) {
	each(t, true, func(t *testing.T, s *setup) {
		jar := map[string]string{api.CookieName: s.srv.SignIn("id-anna").RefreshToken}
		visit := func(method, path string, headers ...string) answer {
			t.Helper()
			line := []string{}
			for name, value := range jar {
				line = append(line, name+"="+value)
			}
			a := s.send(method, path, "", append(headers, "Cookie: "+strings.Join(line, "; "))...)
			for name, value := range a.cookies() {
				if name != "theme" {
					jar[name] = value
				}
			}
			return a
		}
		for range 20 { // five hours, a page every quarter of one
			s.srv.Advance(15 * time.Minute)
			for range 3 {
				if a := visit("GET", "/orders"); a.StatusCode != 200 || a.seen().Subject != "id-anna" || a.seen().Cookie != "" {
					t.Fatalf("%d %s", a.StatusCode, a.body)
				}
			}
		}
		if n := s.rotations.Load(); n != 10 {
			t.Errorf("%d rotations in five hours, want one each half hour", n)
		}
		// SECURITY 35, by the original method: the cookies do not act for others.
		for _, c := range []struct {
			name, method string
			headers      []string
			status       int
		}{
			{"a form of ours", "POST", []string{"Sec-Fetch-Site: same-origin", "Origin: " + s.url}, 200},
			{"a form of ours, in an older browser", "POST", []string{"Origin: " + s.url}, 200},
			{"a form of another site", "POST", []string{"Sec-Fetch-Site: cross-site", "Origin: https://evil.example"}, 403},
			{"a form of a sibling subdomain", "DELETE", []string{"Sec-Fetch-Site: same-site"}, 403},
			{"in an older browser", "POST", []string{"Origin: https://evil.example"}, 403},
			{"in a very old one", "POST", nil, 403},
			{"that claims to be a GET", "POST", []string{"Sec-Fetch-Site: cross-site", "X-Forwarded-Method: GET"}, 403},
			{"a link from another site", "GET", []string{"Sec-Fetch-Site: cross-site"}, 200},
			{"a WebSocket of a sibling", "GET", []string{"Sec-WebSocket-Key: x", "Origin: https://sibling.example"}, 403},
		} {
			before := s.asked.Load()
			a := visit(c.method, "/orders", c.headers...)
			if a.StatusCode != c.status || c.status == 403 && (s.asked.Load() != before || !strings.Contains(a.body, "cross_site")) {
				t.Errorf("%s: %d %s", c.name, a.StatusCode, a.body)
			}
		}
		for path, status := range map[string]int{"/own-401": 401, "/own-500": 500} {
			if a := visit("GET", path); a.StatusCode != status || !strings.Contains(a.body, "the application's own") {
				t.Errorf("%s: %d %s", path, a.StatusCode, a.body)
			}
		}
		// SECURITY 62: a failing store is 503, and costs nobody a cookie.
		s.srv.Advance(time.Hour)
		s.srv.StoreDown(true)
		if a := visit("GET", "/orders", "Accept: text/html"); a.StatusCode != 503 || a.Header.Get("Retry-After") == "" || len(a.Cookies()) != 0 || !strings.Contains(a.body, "unavailable") {
			t.Errorf("the store is down: %d %v %s", a.StatusCode, a.Header, a.body)
		}
		s.srv.StoreDown(false)
		if a := visit("GET", "/own-500"); a.StatusCode != 500 || jar[api.CookieName] == "" || a.Header.Get("Authorization") == "" {
			t.Errorf("a reissue beside the application's error: %d %v", a.StatusCode, a.Header)
		}
		if a := visit("POST", "/api/logout", "Pawl-Request: 1"); a.StatusCode != 204 || jar[api.CookieName] != "" || jar[api.AccessCookieName] != "" {
			t.Errorf("sign-out: %d %v", a.StatusCode, jar)
		}
		if a := visit("GET", "/orders"); a.StatusCode != 401 {
			t.Errorf("signed out: %d", a.StatusCode)
		}
	})
}

// The configurations that no test runs say so.
func TestUntestedOnesSaySo(t *testing.T) {
	all, err := filepath.Glob("*/*")
	if err != nil || len(all) < 5 {
		t.Fatalf("%v, %v", all, err)
	}
	for _, path := range all {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		tested := gateways[filepath.Dir(path)] != nil
		if says := strings.Contains(string(b), "./test does not install it"); says == tested {
			t.Errorf("%s: says that ./test does not run it: %v", path, says)
		}
	}
}
