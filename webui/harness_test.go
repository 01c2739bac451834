package webui_test

import (
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/httpapi"
	"github.com/pawlauth/pawl/store/memory"
	"github.com/pawlauth/pawl/webui"
)

const pass = "seven-green-kettles"

var quiet = slog.New(slog.DiscardHandler)

// site is the pages and the API of a service, called without a network.
type site struct {
	t     *testing.T
	svc   *pawl.Service
	store *memory.Store
	h     http.Handler
}

func start(t *testing.T, o webui.Options, change ...func(*pawl.Config)) *site {
	t.Helper()
	s := &site{t: t, store: memory.New()}
	c := pawl.Config{
		Issuer: "https://login.example.com", Audience: []string{"https://login.example.com"}, MasterKey: pawl.NewMasterKey(),
		Sessions: s.store, Users: s.store, Keys: s.store, Audit: s.store, Log: quiet,
	}
	for _, f := range change {
		f(&c)
	}
	var err error
	if s.svc, err = pawl.New(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.svc.Close)
	o.Log = quiet
	pages, err := webui.New(s.svc, o)
	if err != nil {
		t.Fatal(err)
	}
	if s.h, err = httpapi.New(s.svc, httpapi.Options{Pages: pages, Log: quiet}); err != nil {
		t.Fatal(err)
	}
	return s
}

// addUser gives the ID of a new person with a password.
func (s *site) addUser(login string, roles ...string) string {
	s.t.Helper()
	u, err := s.svc.CreateUser(s.t.Context(), pawl.NewUser{Login: login, Password: pass, Roles: roles})
	if err != nil {
		s.t.Fatal(err)
	}
	return u.ID
}

// page is what came back.
type page struct {
	t      *testing.T
	status int
	header http.Header
	body   string
	cookie *http.Cookie // the refresh cookie, if one was set
}

func (s *site) send(r *http.Request) page {
	s.t.Helper()
	w := httptest.NewRecorder()
	s.h.ServeHTTP(w, r)
	resp := w.Result()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	p := page{t: s.t, status: resp.StatusCode, header: resp.Header, body: string(b)}
	for _, c := range resp.Cookies() {
		if c.Name == "__Host-refreshToken" {
			p.cookie = c
		}
	}
	return p
}

// get asks for a page; headers are "Name: value".
func (s *site) get(path string, headers ...string) page {
	s.t.Helper()
	return s.send(request(http.MethodGet, path, "", headers))
}

// post sends a form as a page of ours does: pairs are names and values.
func (s *site) post(path string, pairs []string, headers ...string) page {
	s.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	if len(headers) == 0 {
		headers = []string{"Sec-Fetch-Site: same-origin"}
	}
	return s.send(request(http.MethodPost, path, form.Encode(), append(headers, "Content-Type: application/x-www-form-urlencoded")))
}

func request(method, path, body string, headers []string) *http.Request {
	r := httptest.NewRequest(method, "https://login.example.com"+path, strings.NewReader(body))
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	return r
}

func (s *site) signIn(login, pw string, more ...string) page {
	s.t.Helper()
	return s.post("/sign-in", append([]string{"userId", login, "password", pw}, more...))
}

func (p page) is(status int) page {
	p.t.Helper()
	if p.status != status {
		p.t.Errorf("status %d, want %d\n%s", p.status, status, p.body)
	}
	return p
}

func (p page) says(text string) page {
	p.t.Helper()
	if !strings.Contains(p.body, text) {
		p.t.Errorf("the page does not say %q\n%s", text, p.body)
	}
	return p
}

var onward = regexp.MustCompile(`<meta http-equiv="refresh" content="0; url=([^"]*)">`)

// goesOnTo: the page itself leads on, and has a link besides.
func (p page) goesOnTo(target string) page {
	p.t.Helper()
	m := onward.FindStringSubmatch(p.body)
	if p.status != http.StatusOK || m == nil || html.UnescapeString(m[1]) != target || !strings.Contains(p.body, `class="button" href="`) {
		p.t.Errorf("%d %q, want a page that goes on to %q\n%s", p.status, m, target, p.body)
	}
	return p
}

func (p page) leadsTo(location string) page {
	p.t.Helper()
	if p.status != http.StatusSeeOther || p.header.Get("Location") != location {
		p.t.Errorf("%d to %q, want to %q\n%s", p.status, p.header.Get("Location"), location, p.body)
	}
	return p
}
