package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/httpapi"
	"github.com/pawlauth/pawl/pawltest"
	"github.com/pawlauth/pawl/store/memory"
)

const (
	pass  = "a long enough password"
	pass2 = "another password, as long"
)

var (
	unmarshal = json.Unmarshal
	quiet     = slog.New(slog.DiscardHandler)
)

// server is a Pawl under test, whose every answer is held against openapi.yaml.
type server struct {
	*pawltest.Server
	t     *testing.T
	http  *http.Client
	store *memory.Store // behind the faults
}

func start(t *testing.T, opts ...pawltest.Option) *server {
	t.Helper()
	s := &server{t: t, store: memory.New()}
	own := pawltest.WithConfig(func(c *pawl.Config) {
		c.Sessions, c.Users, c.Keys, c.Clients, c.Audit = s.store, s.store, s.store, s.store, s.store
	})
	s.Server = pawltest.NewServer(t, append([]pawltest.Option{own}, opts...)...)
	s.http = s.Client()
	s.http.Jar = nil // tests say which cookies they send
	s.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return s
}

// answer is what came back.
type answer struct {
	t       *testing.T
	status  int
	header  http.Header
	body    string
	problem api.Problem
	tokens  api.TokenResponse
	cookie  *http.Cookie // the refresh cookie that was set, if one was
}

// send makes a request; headers are "Name: value". A body is sent as JSON
// unless a header says otherwise.
func (s *server) send(method, path, body string, headers ...string) answer {
	s.t.Helper()
	r := s.request(method, path, body, headers...)
	resp, err := s.http.Do(r)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	if err := theContract.check(r, []byte(body), resp, b); err != nil {
		s.t.Errorf("%s %s is not as documented: %v\n%s", method, path, err, b)
	}
	return s.answer(resp, b)
}

func (s *server) request(method, path, body string, headers ...string) *http.Request {
	s.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Content-Type" {
			r.Header.Del(name)
		}
		r.Header.Add(name, value)
	}
	return r
}

func (s *server) answer(resp *http.Response, body []byte) answer {
	a := answer{t: s.t, status: resp.StatusCode, header: resp.Header, body: string(body)}
	if bytes.HasPrefix(body, []byte("{")) {
		if resp.StatusCode >= 400 {
			_ = json.Unmarshal(body, &a.problem)
		}
		_ = json.Unmarshal(body, &a.tokens)
	}
	for _, c := range resp.Cookies() {
		if c.Name != api.CookieName && c.Name != api.InsecureCookieName {
			s.t.Errorf("an unknown cookie: %s", c.Name)
		}
		a.cookie = c
	}
	return a
}

// is checks status and "code" or "code reason"; "" is a success.
func (a answer) is(status int, code string) answer {
	a.t.Helper()
	got := strings.TrimSpace(a.problem.Code + " " + a.problem.Reason)
	if a.status != status || got != code {
		a.t.Errorf("status %d, code %q; want %d, %q\n%s", a.status, got, status, code, a.body)
	}
	return a
}

// says checks that the detail holds one of the texts.
func (a answer) says(parts ...string) answer {
	a.t.Helper()
	if !slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(a.problem.Detail, part) }) {
		a.t.Errorf("the detail %q does not say %q", a.problem.Detail, parts)
	}
	return a
}

// keepsCookie checks that no cookie was set or cleared.
func (a answer) keepsCookie() answer {
	a.t.Helper()
	if a.header.Values("Set-Cookie") != nil {
		a.t.Errorf("Set-Cookie: %v", a.header.Values("Set-Cookie"))
	}
	return a
}

func cookie(refreshToken string) string { return "Cookie: " + api.CookieName + "=" + refreshToken }
func bearer(accessToken string) string  { return "Authorization: Bearer " + accessToken }

// own is what a request from a page of Pawl's own origin carries.
const own = "Sec-Fetch-Site: same-origin"

func refreshBody(refreshToken string) string {
	b, _ := json.Marshal(api.ReissueBody{RefreshToken: refreshToken})
	return string(b)
}

func loginBody(login, password string) string {
	b, _ := json.Marshal(api.LoginRequest{UserID: login, Password: password})
	return string(b)
}

// anna adds a user and starts a session.
func (s *server) anna(roles ...string) (pawl.User, api.Tokens) {
	s.t.Helper()
	u := s.Add(pawl.User{ID: "id-anna", Login: "anna", Roles: roles})
	return u, s.SignIn(u.ID)
}

// turn reissues once the reuse window is closed, so that the token advances.
func (s *server) turn(refreshToken string) string {
	s.t.Helper()
	s.Advance(pawl.DefaultReuseWindow + time.Second)
	a := s.send("POST", "/api/reissue", "", cookie(refreshToken), own).is(200, "")
	if a.cookie == nil {
		s.t.Fatal("the refresh token did not turn")
	}
	return a.cookie.Value
}

func withAPI(change func(*httpapi.Options)) pawltest.Option { return pawltest.WithAPI(change) }
func withConfig(change func(*pawl.Config)) pawltest.Option  { return pawltest.WithConfig(change) }
func withPolicy(change func(*pawl.Policy)) pawltest.Option {
	return pawltest.WithConfig(func(c *pawl.Config) { change(&c.Policy) })
}
