package cli_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/cli"
	"github.com/pawlauth/pawl/internal/config"
	"github.com/pawlauth/pawl/token"
)

// server is a server made from flags, and what it answers.
type server struct {
	*cli.Serving
	t   *testing.T
	cfg *config.Config
}

func open(t *testing.T, flags map[string]string) *server {
	t.Helper()
	all := map[string]string{"data_dir": filepath.Join(t.TempDir(), "data")}
	for key, text := range flags {
		all[key] = text
	}
	cfg, err := config.Load(config.Sources{Flags: all})
	if err != nil {
		t.Fatal(err)
	}
	s, err := cli.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &server{s, t, cfg}
}

// call sends a request as the program behind a proxy at 10.1.2.3 would.
func (s *server) call(method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr = "10.1.2.3:4444"
	r.Header.Set("Pawl-Request", "1")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.Handler.ServeHTTP(w, r)
	return w
}

// signIn makes a user, if need be, and signs in.
func (s *server) signIn(header ...string) (api.TokenResponse, *http.Cookie) {
	s.t.Helper()
	_, err := s.Service.CreateUser(context.Background(), pawl.NewUser{Login: "ada", Password: "seven-green-kettles"})
	if err != nil && api.AsError(err).Code != api.CodeConflict {
		s.t.Fatal(err)
	}
	w := s.call("POST", "/api/login", `{"userId":"ada","password":"seven-green-kettles"}`, header...)
	if w.Code != http.StatusOK {
		s.t.Fatalf("login: %d %s", w.Code, w.Body)
	}
	var t api.TokenResponse
	if err := json.Unmarshal(w.Body.Bytes(), &t); err != nil {
		s.t.Fatal(err)
	}
	return t, w.Result().Cookies()[0]
}

// claims are those of a fresh access token, its header's alg among them.
func (s *server) claims() map[string]any {
	s.t.Helper()
	t, _ := s.signIn()
	info, err := token.Inspect(t.AccessToken)
	if err != nil {
		s.t.Fatal(err)
	}
	m := map[string]any{}
	for _, part := range []json.RawMessage{info.Header, info.Claims} {
		if err := json.Unmarshal(part, &m); err != nil {
			s.t.Fatal(err)
		}
	}
	return m
}

// session is the one that a sign-in makes.
func (s *server) session(header ...string) pawl.Session {
	s.t.Helper()
	s.signIn(header...)
	u, err := s.Config.Users.ByLogin(context.Background(), "ada")
	if err != nil {
		s.t.Fatal(err)
	}
	all, err := s.Service.SessionsOf(context.Background(), u.ID, "", 0)
	if err != nil || len(all.Sessions) == 0 {
		s.t.Fatal(all, err)
	}
	return all.Sessions[len(all.Sessions)-1]
}

// advances reports whether a reissue right after the sign-in rotates.
func (s *server) advances() bool {
	s.t.Helper()
	_, cookie := s.signIn()
	w := s.call("POST", "/api/reissue", "", "Cookie", cookie.Name+"="+cookie.Value)
	if w.Code != http.StatusOK {
		s.t.Fatalf("reissue: %d %s", w.Code, w.Body)
	}
	return len(w.Result().Cookies()) > 0
}

// codeOfSecondFailure is how the second wrong password in a row is answered.
func (s *server) codeOfSecondFailure() int {
	const wrong = `{"userId":"ada","password":"a wrong password"}`
	s.call("POST", "/api/login", wrong)
	return s.call("POST", "/api/login", wrong).Code
}

// resetLink is the link that a registered client is given, without its code.
func (s *server) resetLink() string {
	s.t.Helper()
	s.signIn()
	u, err := s.Config.Users.ByLogin(context.Background(), "ada")
	if err != nil {
		s.t.Fatal(err)
	}
	_, secret, err := s.Service.AddClient(context.Background(), "mailer", []string{pawl.ScopeUsers})
	if err != nil && api.AsError(err).Code != api.CodeConflict {
		s.t.Fatal(err)
	}
	w := s.call("POST", "/admin/api/users/"+u.ID+"/reset", "", "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("mailer:"+secret)))
	var offer api.ResetOffer
	if err := json.Unmarshal(w.Body.Bytes(), &offer); err != nil || w.Code != http.StatusCreated {
		s.t.Fatalf("%v: %d", err, w.Code)
	}
	return strings.TrimSuffix(offer.Link, offer.Code)
}

func (s *server) storedHash() string {
	s.signIn()
	u, err := s.Config.Users.ByLogin(context.Background(), "ada")
	if err != nil {
		s.t.Fatal(err)
	}
	return u.PasswordHash
}

// Each key that changes how the server behaves, with a look at that behaviour
// which gives want with the key and something else without.
func TestKeysTakeEffectOnTheServer(t *testing.T) {
	for _, tc := range []struct {
		flags string
		look  func(*server) any
		want  any
	}{
		{"issuer=https://login.example.com", func(s *server) any { return s.claims()["iss"] }, "https://login.example.com"},
		{"audience=orders", func(s *server) any { return s.claims()["aud"].([]any)[0] }, "orders"},
		{"access_ttl=5m", func(s *server) any { c := s.claims(); return c["exp"].(float64) - c["iat"].(float64) }, 300.0},
		{"refresh_ttl=1h", func(s *server) any { r := s.session(); return r.IdleExpires.Sub(r.Created) }, time.Hour},
		{"session_ttl=2h", func(s *server) any { r := s.session(); return r.Ends.Sub(r.Created) }, 2 * time.Hour},
		{"reuse_window=1ms", func(s *server) any { return s.Config.Policy.ReuseWindow }, time.Millisecond},
		{"unsafe_reuse_window=0", func(s *server) any { return s.advances() }, true},
		{"sessions_per_user=1", func(s *server) any {
			first, _ := s.signIn()
			s.signIn()
			return s.call("GET", "/api/session", "", "Authorization", "Bearer "+first.AccessToken).Code
		}, http.StatusUnauthorized},
		{"signing_algorithm=HS256", func(s *server) any { return s.claims()["alg"] }, "HS256"},
		{"signing_algorithm=Ed25519", func(s *server) any { return s.claims()["alg"] }, "Ed25519"},
		{"key_rotation=2h", func(s *server) any { return s.Config.KeyPolicy.Every }, 2 * time.Hour},
		{"password_min_length=20", func(s *server) any {
			_, err := s.Service.CreateUser(context.Background(), pawl.NewUser{Login: "ada", Password: "seven-green-kettles"})
			return err != nil
		}, true},
		{"password_hash_memory=20MiB", func(s *server) any { return strings.Contains(s.storedHash(), "m=20480,t=2,p=1") }, true},
		{"password_hash_time=3", func(s *server) any { return strings.Contains(s.storedHash(), "m=19456,t=3,p=1") }, true},
		{"sign_in_failures_per_account=1", func(s *server) any { return s.codeOfSecondFailure() }, http.StatusTooManyRequests},
		{"sign_in_failures_per_address=1", func(s *server) any { return s.codeOfSecondFailure() }, http.StatusTooManyRequests},
		{"sign_in_failures_per_account=0", func(s *server) any { return s.Config.SignInLimits.PerAccount }, -1},
		{"sign_ins_per_account=1", func(s *server) any {
			s.signIn()
			return s.call("POST", "/api/login", `{"userId":"ada","password":"seven-green-kettles"}`, "Pawl-Request", "1").Code
		}, http.StatusTooManyRequests},
		{"sign_ins_per_account=0", func(s *server) any { return s.Config.SignInLimits.SignIns }, -1},
		{"sign_in_failures_period=1h", func(s *server) any { return s.Config.SignInLimits.Period }, time.Hour},
		{"password_reset_ttl=10m", func(s *server) any { return s.Config.ResetTTL }, 10 * time.Minute},
		{"password_reset_url=https://app.example.com/new", func(s *server) any { return s.resetLink() }, "https://app.example.com/new#code="},
		{"admin_listen=127.0.0.1:8081", func(s *server) any { return s.call("GET", "/admin/api/users", "").Code }, http.StatusNotFound},
		{"admin_listen=127.0.0.1:8082", func(s *server) any { return s.call("GET", "/admin", "").Code }, http.StatusNotFound},
		{"pages=false", func(s *server) any { return s.call("GET", "/sign-in", "").Code }, http.StatusNotFound},
		{"site_name=Example", func(s *server) any {
			return strings.Contains(s.call("GET", "/sign-in", "").Body.String(), "<span>Example</span>")
		}, true},
		{"return_to=https://shop.example.com", func(s *server) any {
			return strings.Contains(s.call("GET", "/sign-in?return_to=https://shop.example.com/cart", "").Body.String(), `value="https://shop.example.com/cart"`)
		}, true},
		{"audit_retention=1h", func(s *server) any { return s.Config.AuditRetention }, time.Hour},
		{"cookie_same_site=strict", func(s *server) any { _, c := s.signIn(); return c.SameSite }, http.SameSiteStrictMode},
		{"unsafe_http_cookies=true", func(s *server) any { _, c := s.signIn(); return c.Name }, api.InsecureCookieName},
		{"trusted_origins=https://app.example.com", func(s *server) any {
			return s.call("GET", "/healthz", "", "Origin", "https://app.example.com").Header().Get("Access-Control-Allow-Origin")
		}, "https://app.example.com"},
		{"trusted_proxies=10.0.0.0/8", func(s *server) any { return s.session("X-Forwarded-For", "192.0.2.7").Client.Address }, "192.0.2.7"},
	} {
		t.Run(tc.flags, func(t *testing.T) {
			t.Parallel()
			key, text, _ := strings.Cut(tc.flags, "=")
			if got := tc.look(open(t, map[string]string{key: text})); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
			if got := tc.look(open(t, nil)); got == tc.want {
				t.Errorf("%v without the key, too: this row shows nothing", got)
			}
		})
	}
}

func TestLogKeys(t *testing.T) {
	write := func(flags map[string]string) string {
		cfg, err := config.Load(config.Sources{Flags: flags})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		sink := cli.LogEvents(cli.NewLog(cfg, &b))
		sink(context.Background(), pawl.Event{Kind: pawl.EventReissue, User: "u", Row: 5})
		sink(context.Background(), pawl.Event{Kind: pawl.EventSignIn, User: "u", Client: pawl.Client{Address: "192.0.2.1", Agent: "a\nlevel=ERROR b"}})
		sink(context.Background(), pawl.Event{Kind: pawl.EventReused, Session: "s"})
		return b.String()
	}
	if got := write(nil); strings.Contains(got, "msg=reissue") || !strings.Contains(got, "level=INFO msg=sign_in user=u address=192.0.2.1") || !strings.Contains(got, "level=WARN msg=reused session=s") {
		t.Errorf("by default:\n%s", got)
	} else if strings.Count(got, "\n") != 2 {
		t.Errorf("SECURITY 57: an agent made lines of its own:\n%s", got)
	}
	if got := write(map[string]string{"log_level": "debug"}); !strings.Contains(got, "level=DEBUG msg=reissue user=u row=5") {
		t.Errorf("log_level debug:\n%s", got)
	}
	if got := write(map[string]string{"log_level": "error"}); got != "" {
		t.Errorf("log_level error:\n%s", got)
	}
	if got := write(map[string]string{"log_format": "json"}); !json.Valid([]byte(strings.SplitN(got, "\n", 2)[0])) {
		t.Errorf("log_format json:\n%s", got)
	}
}

func TestTheDemosPersonMeetsThePolicy(t *testing.T) {
	s := open(t, nil)
	if _, err := s.Service.CreateUser(context.Background(), pawl.NewUser{Login: cli.DemoLogin, Password: cli.DemoPassword}); err != nil {
		t.Error(err)
	}
}

func TestStrangersTextDoesNotSteerTheTerminal(t *testing.T) {
	hostile := "a\x1b[2Jb\u009bc\u202ed\U000E0001e"
	if got := cli.Printable(hostile); got != "a\uFFFD[2Jb\uFFFDc\uFFFDd\uFFFDe" {
		t.Errorf("%q", got)
	}
	got := cli.EscapeJSON("{\n\"a\": \"\u009b\U000E0001\u202eé\"}")
	if want := "{\n\"a\": \"\\u009b\\udb40\\udc01\\u202eé\"}"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	var back map[string]string
	if err := json.Unmarshal([]byte(got), &back); err != nil || back["a"] != "\u009b\U000E0001\u202eé" {
		t.Errorf("it reads back as %q, %v", back, err)
	}
}
