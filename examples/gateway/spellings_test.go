package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// ups are ways to write "one level up", as one program or another reads them.
var ups = []string{
	"../", "..%2f", "..%2F", "%2e%2e/", "%2E%2E/", "%2e%2E%2f", ".%2e/", "%2e./", "%2E.%2F", "./../", "..//", "..%2f%2f",
	"..;/", "..;a=1/", "..%3b/", "..;%2f", "%2e%2e;/",
	`..\`, "..%5c", "..%5C", "%2e%2e%5c", `..\/`,
	"%252e%252e/", "..%252f", "%252e%252e%252f", "..%255c", "%25252e%25252e%25252f",
	"..%c0%af", "%c0%ae%c0%ae/", "..%e0%80%af", "%c0%ae%c0%ae%c0%af", "..\xc0\xaf", "%uff0e%uff0e/", "..%u2215", "%u002e%u002e%u002f", "..%ef%bc%8f",
	"..%00/", "..%20/", "..%09/", "..%0d%0a/", "..%3f/", "..%23/", "..#/", "..?/", "..\t/", "..\x00/", ".../", "%2e%2e%2e/",
}

// around are ways from one path to another: %s is what is one level up.
var around = []string{
	"/orders/%ssign-in", "/orders/7/%s%[1]ssign-in", "/sign-in/%sorders", "/sign-in%sorders", "/sign-in/x/%s%[1]sorders",
	"/orders/%sapi/login", "/api/login/%s%[1]sorders", "/api/%sorders", "/orders/%s_pawl_verify",
	"/api/login/%s%[1]sadmin/api/users", "/api/sessions/%s%[1]sadmin/api/users", "/api/login/%sverify", "/api/sessions/%sverify", "/api/password/reset/%s%[1]sverify",
}

// others are the spellings that go nowhere up.
var others = []string{
	// Of the open page, and what may stand behind it.
	"/SIGN-IN", "/Sign-In", "/sign%2din", "/sign%2Din", "/%73ign-in", "/%73%69%67%6e%2d%69%6e", "//sign-in", "///sign-in", "/./sign-in", "/.//sign-in", "/%2e/sign-in", "/%2fsign-in", `/\sign-in`, `\sign-in`,
	"/sign-in/", "/sign-in//", "/sign-in/.", "/sign-in/%2e", "/sign-in.", "/sign-in..", "/sign-in%2f", "/sign-in%20", "/sign-in%00", "/sign-in%00/orders", "/sign-in%0a", "/sign-in%0d%0aX:1",
	"/sign-in;", "/sign-in;a=1", "/sign-in;/orders", "/sign-in/;/orders", "/sign-in%3b/orders", "/sign-in%2forders", "/sign-in/orders", `/sign-in\orders`, "/sign-in%5corders", "/sign-inorders", "/sign-in+", "/sign-in%",
	"/sign-in?", "/sign-in?/orders", "/sign-in?/../orders", "/sign-in??", "/sign-in?a#/orders", "/sign-in%3f", "/sign-in%3f/../orders", "/sign-in#", "/sign-in#/orders", "/sign-in#/../orders", "/sign-in%23/../orders", "/sign-in?%00", "/sign-in?a=b;c", "/sign-in?{http.request.header.Cookie}",
	"/sign-in\t", "/sign-in\torders", "/sign-in\x0b/orders", "/sign-in\x7f", "/sign-in\xff", "/sign-in\x00",
	// Of a page that is not open.
	"/orders", "/ORDERS", "/%6frders", "//orders", "/./orders", "/orders/", "/orders.", "/orders%2f..%2fsign-in", "/orders;/sign-in", "/orders;%2f../sign-in", "/orders#/sign-in", "/orders#/../sign-in", "/orders?/sign-in", "/orders?/../sign-in", "/orders%3f/../sign-in", "/orders%23/../sign-in",
	"/orders%00/../sign-in", "/orders/.%2e%2fsign-in", `/orders\..\sign-in`, `/orders/.\sign-in`, "/orders/../../sign-in", "/orders/..", "/orders/..%2f", "/", "/%2e%2e/orders", "/..%2forders", "/../orders", "/*", "/orders/%zz/../sign-in", "/orders\t/../sign-in",
	// As to a forward proxy, and other forms of a target.
	"http://gateway.example/sign-in", "http://gateway.example/orders", "http://gateway.example/orders/..%2fsign-in", "http://gateway.example/orders/../sign-in", "HTTP://gateway.example/orders", "https://gateway.example/orders", "http://sign-in/orders", "http://gateway.example/sign-in/../orders",
	"http://gateway.example//sign-in", "http://gateway.example?/sign-in", "http://gateway.example#/sign-in", "http://gateway.example/api/verify", "http://gateway.example/api/%76erify", "http://gateway.example/admin/api/users", "http://u@gateway.example/api/verify", "http:/sign-in/../orders", "http:sign-in", "http:orders", "http:api/verify", "http:http://gateway.example/orders", "http:http://gateway.example/admin/api/users", "http:http://gateway.example/healthz", "http:http:/orders", "http:https://gateway.example/sign-in", "x:/orders", "http:///orders", "http://:80/orders", "http://gateway.example:80:80/orders", "//gateway.example/sign-in",
	"*", "sign-in", "gateway.example:80", "?/sign-in", "#/sign-in", "%2fsign-in", "./sign-in",
	// What only the gateway may ask Pawl.
	"/api/verify", "/api/verify?", "/api/verify?a=1", "/api/verify/", "/api/verify/.", "/api/verify;a", "/api/verify#", "/api/verify%00", "/api/verify%20", "/api/verify%2f", "/api/%76erify", "/%61pi/verify", "/%61%70%69/%76%65%72%69%66%79", "/API/VERIFY", "/api/Verify", "//api/verify", "/api//verify", "/api/./verify", "/api/%2e/verify", `/api\verify`, "/api%2fverify", "/api%5cverify", "/x/../api/verify", "/sign-in/../api/verify", "/api/login/verify", "/api/loginverify", "/api/verify%3f",
	"/_pawl_verify", "/%5fpawl_verify", "/_PAWL_VERIFY", "//_pawl_verify", "/_pawl_verify/", "/x/../_pawl_verify", "/@pawl_refused", "/_pawl_verify?x",
	// What of Pawl is not for the world.
	"/admin", "/admin/", "/admin/api/users", "/%61dmin/api/users", "/Admin/api/users", "//admin/api/users", "/admin//api/users", "/admin/./api/users", "/x/../admin/api/users", "/admin;/api/users", "/admin%2fapi/users", "/metrics", "/healthz", "/api/setup", "/api/revocations",
	// Of Pawl's own that are.
	"/api/LOGIN", "/api/%6cogin", "/%61pi/login", "/api/login/", "/api/login/x", "/api/login//", "/api//login", "//api/login", "/api/login%2f", "/api/login%00", "/api/login;a", "/api/login.", "/api/login%20", "/api/login#", "/api/loginx", "/api/login%3f", `/api\login`, "/api/session/", "/api/session/x", "/api/sessions/", "/api/sessions/..", "/api/sessions/.", "/api/sessions/%2e%2e", "/api/sessions/a/b", "/api/sessions/a%2fb", "/api/sessions/a;b", "/api/sessions/%61", "/api/sessions/a%00", "/api/password/", "/api/password/reset/", "/api/password/x", "/api/password/Reset", "/api/password%2freset", "/api/reissue/", "/api/start", "/api", "/api/",
}

func spellings() []string {
	all := slices.Clone(others)
	for _, way := range around {
		for _, up := range ups {
			all = append(all, fmt.Sprintf(way, up))
		}
	}
	return all
}

// readings are how frameworks find the route of a request's target. They are
// what the applications behind a gateway make of what it passes on.
var readings = map[string]func(target string) string{
	"raw, as Express":                      rawPath,
	"decoded, as Rack and WSGI":            func(s string) string { return decode(rawPath(s)) },
	"decoded and cleaned, as Go":           func(s string) string { return path.Clean("/" + decode(rawPath(s))) },
	"cleaned, then decoded":                func(s string) string { return decode(path.Clean("/" + rawPath(s))) },
	"decoded twice and cleaned":            func(s string) string { return path.Clean("/" + decode(decode(rawPath(s)))) },
	"without parameters, as Tomcat":        func(s string) string { return path.Clean("/" + decode(parameters.ReplaceAllString(rawPath(s), ""))) },
	"with the parameters' rest, as Spring": func(s string) string { return path.Clean("/" + parameters.ReplaceAllString(decode(rawPath(s)), "")) },
	"backslashes are slashes, as IIS":      func(s string) string { return path.Clean("/" + strings.ReplaceAll(decode(rawPath(s)), `\`, "/")) },
	"cut at what C ends at":                func(s string) string { return path.Clean("/" + ending.ReplaceAllString(decode(rawPath(s)), "")) },
	"slashes and dots in overlong UTF-8":   func(s string) string { return path.Clean("/" + decode(overlong.Replace(strings.ToLower(rawPath(s))))) },
	"the whole target":                     func(s string) string { return s },
}

var (
	parameters = regexp.MustCompile(`;[^/]*`)
	ending     = regexp.MustCompile(`[\x00#?\r\n].*`)
	overlong   = strings.NewReplacer("%c0%ae", ".", "%c0%af", "/", "%e0%80%af", "/", "\xc0\xaf", "/", "%u002e", ".", "%u002f", "/", "%uff0e", ".", "%u2215", "/", "%ef%bc%8f", "/")
	absolute   = regexp.MustCompile(`(?i)^https?://[^/?#]*`)
	escape     = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)
)

// rawPath is the path as it was sent.
func rawPath(target string) string {
	p, _, _ := strings.Cut(absolute.ReplaceAllString(target, ""), "?")
	return p
}

// decode leaves what is no escape as it is.
func decode(s string) string {
	return escape.ReplaceAllStringFunc(s, func(e string) string { d, _ := url.PathUnescape(e); return d })
}

// protected reports whether an application with everything but /sign-in behind
// the gateway would serve what it reads the target as, by prefix and in any case.
func protected(p string) bool {
	p = strings.ToLower(p)
	for _, root := range []string{"/orders", "/admin", "/api"} {
		if strings.HasPrefix(p, root) {
			return true
		}
	}
	return false
}

// A heard is a request as it arrived: no program has cleaned it.
type heard struct {
	target string
	header textproto.MIMEHeader
}

// ears is a server that takes every target, keeps what arrived, and gives one
// answer.
type ears struct {
	net.Listener
	status string
	mu     sync.Mutex
	all    []heard
}

func listen(t *testing.T, status string) *ears {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	e := &ears{Listener: l, status: status}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go e.serve(c)
		}
	}()
	return e
}

func (e *ears) serve(c net.Conn) {
	defer c.Close()
	r := textproto.NewReader(bufio.NewReader(c))
	line, err := r.ReadLine()
	if err != nil {
		return
	}
	h, _ := r.ReadMIMEHeader()
	_, rest, _ := strings.Cut(line, " ")
	e.mu.Lock()
	e.all = append(e.all, heard{rest[:max(0, strings.LastIndex(rest, " "))], h})
	status := e.status
	e.mu.Unlock()
	fmt.Fprintf(c, "HTTP/1.1 %s\r\nPawl-Code: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", status)
}

// say changes the answer.
func (e *ears) say(status string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.status = status
}

// take gives what was heard since the last call.
func (e *ears) take() []heard {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := e.all
	e.all = nil
	return all
}

// raw is rawBy by GET.
func raw(t *testing.T, addr, target string, headers ...string) (status int, h http.Header) {
	t.Helper()
	return rawBy(t, addr, "GET", target, headers...)
}

// rawBy sends a request as it stands. No answer is none that is expected: some
// programs hang up on such targets.
func rawBy(t *testing.T, addr, method, target string, headers ...string) (status int, h http.Header) {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	lines := append([]string{method + " " + target + " HTTP/1.1", "Host: " + addr, "Connection: close"}, headers...)
	if _, err := io.WriteString(c, strings.Join(lines, "\r\n")+"\r\n\r\n"); err != nil {
		return 0, nil
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.Header
}

// public are the paths of Pawl that a gateway passes on, in their one spelling.
var public = regexp.MustCompile(`^/api/(login|reissue|logout|session|sessions(/[A-Za-z0-9_-]+)?|password(/reset)?)(\?|$)`)

// returnTo is where a refused page may lead: the sign-in page, with a path of this
// host behind it or none.
var returnTo = regexp.MustCompile(`^/sign-in(\?return_to=/([^/\\].*)?)?$`)

// Without a token no spelling of a path reaches anything in an application but its
// sign-in page, however the application reads paths, nor of Pawl anything but what
// is public (SECURITY 57).
func TestNoSpellingGoesPastTheGateway(t *testing.T) {
	if n := len(spellings()); n < 60 {
		t.Fatalf("%d spellings", n)
	}
	every(t, func(t *testing.T, name string, run func(t *testing.T, pawl, app string) string) {
		app, issuer := listen(t, "200 OK"), listen(t, "401 Unauthorized")
		at := strings.TrimPrefix(run(t, issuer.Addr().String(), app.Addr().String()), "http://")
		app.take()
		status, _ := raw(t, at, "/sign-in?a=1")
		if got := app.take(); status != 200 || len(got) != 1 || got[0].target != "/sign-in?a=1" {
			t.Fatalf("the open page: %d, the application got %q", status, got)
		}
		issuer.take()
		through := 0
		for _, target := range spellings() {
			target = strings.ReplaceAll(target, "gateway.example", at)
			status, h := raw(t, at, target, liar...)
			ok := true
			for _, got := range app.take() {
				if rawPath(got.target) != "/sign-in" {
					t.Errorf("%q: the application got %q", target, got.target)
				}
				for reading, path := range readings {
					if protected(path(got.target)) {
						t.Errorf("%q: the application got %q, and reads it, %s, as %q", target, got.target, reading, path(got.target))
						ok = false
					}
				}
				checkHeaders(t, target, got.header, installed[name] == nil)
			}
			for _, got := range issuer.take() {
				byGateway := got.header.Get("Pawl-Gateway") == secret && (got.target == "/api/verify" || strings.HasPrefix(got.target, "/api/verify?"))
				if !byGateway && !public.MatchString(got.target) {
					t.Errorf("%q: Pawl got %q", target, got.target)
					ok = false
				}
			}
			if to := h.Get("Location"); status/100 == 3 && (!returnTo.MatchString(to) || len(h.Values("Location")) != 1 || strings.ContainsFunc(to, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '#' })) {
				t.Errorf("%q: Location: %q", target, to)
			}
			if !ok {
				through++
			}
		}
		t.Logf("%d of %d spellings got through", through, len(spellings()))
	})
}

// liar are the headers of a client that lies about where it goes and who it is.
var liar = []string{
	"Accept: text/html", "X-Original-URL: /orders", "X-Rewrite-URL: /orders", "X-Forwarded-Method: GET", "X-Forwarded-Uri: /sign-in", "X-Forwarded-For: 127.0.0.1",
	"Pawl-Gateway: a-guess-of-the-secret-of-the-gateway", "Pawl_Gateway: a-guess", "Pawl-Subject: id-root", "Pawl-Session: x", "Pawl-Roles: admin", "Pawl_Subject: id-root", "Pawl_Roles: admin", "pawl_session: x",
	"Authorization: Basic YTpi", "Cookie: a=1; __Host-accessToken=x; b=2",
}

// checkHeaders looks at what an application gets at the open page; cookies says that
// the gateway can take single ones out.
func checkHeaders(t *testing.T, target string, h textproto.MIMEHeader, cookies bool) {
	t.Helper()
	for name, values := range h {
		plain := strings.ToLower(strings.ReplaceAll(name, "_", "-"))
		bad := strings.HasPrefix(plain, "pawl-") || plain == "authorization" || plain == "x-original-url" || plain == "x-rewrite-url"
		if bad && strings.Join(values, "") != "" || cookies && plain == "cookie" && strings.Contains(strings.Join(values, ""), "Token=") {
			t.Errorf("%q: the application got %s: %q", target, name, values)
		}
	}
}

// plain are targets that programs need, as clients write them.
var plain = []string{
	"/orders", "/orders/", "/orders/a%2Fb", "/orders/a%2fb", "/orders/a%20b", "/orders/%C3%A9", "/orders/a;b=c", "/orders/a%3Bb", "/orders/a%3Fb", "/orders/a%23b", "/orders/a%25b", "/orders/a+b", "/orders/a%2Bb",
	"/orders/a:b@c", "/orders/(x)!*'$,=~", "/orders/a.b/..c/.d", "/orders/%61", "/ORDERS/A", "/orders?q=a%2Fb&r=c+d", "/orders?q=/../sign-in", "/orders?a=1?b=2", "/orders/?", "/orders/a%5Cb", "/orders/%E2%82%AC?%E2%82%AC", "/sign-in/x", "/api/orders/7",
}

// normal is what Traefik makes of some of them, which means the same (RFC 3986 §6.2.2).
var normal = map[string]string{"/orders/a%2fb": "/orders/a%2Fb", "/orders/%61": "/orders/a"}

// With a token they arrive as they were sent.
func TestEncodedPathsArriveUnchanged(t *testing.T) {
	every(t, func(t *testing.T, name string, run func(t *testing.T, pawl, app string) string) {
		s := start(t, "", false)
		app := listen(t, "200 OK")
		at := strings.TrimPrefix(run(t, s.issuer, app.Addr().String()), "http://")
		bearer := auth(s.srv.SignIn("id-anna").AccessToken)
		app.take()
		for _, target := range plain {
			status, _ := raw(t, at, target, bearer, "X-Original-URL: /admin", "X-Rewrite-URL: /admin")
			want := target
			if same := normal[target]; name == "traefik" && same != "" {
				want = same
			}
			got := app.take()
			if status != 200 || len(got) != 1 || got[0].target != want || got[0].header.Get("Pawl-Subject") != "id-anna" {
				t.Errorf("%q: %d, the application got %q", target, status, got)
				continue
			}
			for _, name := range []string{"Pawl-Gateway", "Authorization", "X-Original-Url", "X-Rewrite-Url"} {
				if v := got[0].header.Get(name); v != "" {
					t.Errorf("%q: the application got %s: %s", target, name, v)
				}
			}
		}
	})
}

// Nor by another method, where Pawl cannot be asked, and where it does not know the
// gateway: what is not a yes does not reach the application.
func TestNothingButAYesReachesTheApplication(t *testing.T) {
	every(t, func(t *testing.T, name string, run func(t *testing.T, pawl, app string) string) {
		app, issuer := listen(t, "200 OK"), listen(t, "")
		at := strings.TrimPrefix(run(t, issuer.Addr().String(), app.Addr().String()), "http://")
		app.take()
		for _, c := range []struct {
			pawl   string // what it answers; empty: nothing listens there
			status int    // of a GET; 0: any but a good one
		}{
			{"401 Unauthorized", 401},
			{"403 Forbidden", 403},
			{"503 Service Unavailable", 503},
			{"302 Found", 0},
			{"404 Not Found", 0},
			{"429 Too Many Requests", 0},
			{"500 Internal Server Error", 0},
			{"501 Not Implemented", 0},
			{"", 0},
		} {
			methods := []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND", "TRACE", "get", "X"}
			if issuer.say(c.pawl); c.pawl == "" {
				issuer.Close()
				methods = methods[:1] // HAProxy tries for three seconds
			}
			for _, method := range methods {
				for _, target := range []string{"/orders", "/sign-in/..%2forders", "/api/verify"} {
					status, h := rawBy(t, at, method, target, "Origin: https://evil.example", "Access-Control-Request-Method: GET", "X-HTTP-Method-Override: GET", "Content-Length: 0")
					if got := app.take(); len(got) != 0 || status/100 == 2 || h.Get("Location") != "" {
						t.Errorf("Pawl answers %q: %s %s: %d %s, the application got %q", c.pawl, method, target, status, h.Get("Location"), got)
					}
					if target == "/orders" && method == "GET" && c.status != 0 && status != c.status {
						t.Errorf("Pawl answers %q: %d", c.pawl, status)
					}
				}
			}
		}
	})
}

// An operator who mistyped the secret sees 403, and no browser is sent to sign in.
func TestAWrongSecretOfTheGatewayIs403(t *testing.T) {
	every(t, func(t *testing.T, name string, run func(t *testing.T, pawl, app string) string) {
		s := startWith(t, "", true, "kT7mXw2RfQz9sLb4NdGy6VjC1hPu8aEo")
		app := listen(t, "200 OK")
		at := strings.TrimPrefix(run(t, s.issuer, app.Addr().String()), "http://")
		app.take()
		tokens := s.srv.SignIn("id-anna")
		for _, headers := range [][]string{{"Accept: text/html"}, {cookie(tokens.RefreshToken)}, {auth(tokens.AccessToken)}} {
			if status, h := raw(t, at, "/orders", headers...); status != 403 || h.Get("Location") != "" || len(app.take()) != 0 {
				t.Errorf("%.20s: %d %v", headers, status, h)
			}
		}
	})
}

// HAProxy goes on after an error in a script: the request is refused nevertheless.
func TestAnErrorInTheScriptRefuses(t *testing.T) {
	own, err := os.ReadFile("haproxy/pawl.lua")
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "pawl.lua")
	broken := strings.Replace(string(own), "local headers = {}", "local headers = nil + 1", 1)
	if broken == string(own) {
		t.Fatal("nothing was broken")
	}
	write(t, script, broken)
	app, issuer := listen(t, "200 OK"), listen(t, "204 No Content")
	at := strings.TrimPrefix(haproxyBy(t, script, issuer.Addr().String(), app.Addr().String()), "http://")
	if status, _ := raw(t, at, "/orders"); status != 503 || len(app.take()) != 0 || len(issuer.take()) != 0 {
		t.Errorf("%d", status)
	}
}
