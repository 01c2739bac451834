package cli_test

import (
	"bytes"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/cli"
	"github.com/pawlauth/pawl/internal/config"
	"github.com/pawlauth/pawl/internal/legacy/legacytest"
)

const oldSecret = "the secret of an old system, 48 bytes of base64."

// openWith is open, by the environment.
func openWith(t *testing.T, env ...string) *server {
	t.Helper()
	env = append(env, "PAWL_DATA_DIR="+filepath.Join(t.TempDir(), "data"))
	cfg, err := config.Load(config.Sources{Env: env})
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
	if _, err := s.Service.CreateUser(t.Context(), pawl.NewUser{Login: "ada", Password: "seven-green-kettles"}); err != nil {
		t.Fatal(err)
	}
	return &server{s, t, cfg}
}

type legacyCase struct {
	env          []string
	token        string
	cookie       string // its name; empty: the default's
	want, wantBy int    // with the key, and without
}

// over sets the case's variables over those of base.
func (c legacyCase) over(base []string) (env []string) {
	set := map[string]bool{}
	for _, e := range c.env {
		name, _, _ := strings.Cut(e, "=")
		set["PAWL_"+name] = true
		env = append(env, "PAWL_"+e)
	}
	for _, e := range base {
		if name, _, _ := strings.Cut(e, "="); !set[name] {
			env = append(env, e)
		}
	}
	return env
}

// Each key that says how old sessions move in, with a token that shows it: what
// a reissue answers with the key, and with its default.
func TestLegacyKeysTakeEffect(t *testing.T) {
	now := time.Now()
	claims := legacytest.Claims("ada", now.Add(-time.Hour), now.Add(time.Hour))
	with := func(more string) string { return strings.Replace(claims, "{", "{"+more+",", 1) }
	sign := func(claims string, secret string) string {
		return legacytest.Sign(legacytest.HeaderHS256, claims, []byte(secret))
	}
	redis := legacytest.StartRedis(t)
	const signOut, in = http.StatusUnauthorized, http.StatusOK
	for _, tc := range []legacyCase{
		{[]string{"LEGACY_SECRET=" + strings.ToUpper(oldSecret)}, sign(claims, strings.ToUpper(oldSecret)), "", in, signOut},
		{[]string{"LEGACY_SECRET_ENCODING=base64", "LEGACY_SECRET=" + strings.Repeat("c2VjcmV0", 8)}, sign(claims, strings.Repeat("secret", 8)), "", in, signOut},
		{[]string{"LEGACY_UNTIL=2020-01-01"}, sign(claims, oldSecret), "", signOut, in},
		{[]string{"LEGACY_ISSUER=old"}, sign(claims, oldSecret), "", signOut, in},
		{[]string{"LEGACY_AUDIENCE=shop"}, sign(claims, oldSecret), "", signOut, in},
		{[]string{"LEGACY_USER_CLAIM=userId"}, sign(strings.Replace(claims, "sub", "userId", 1), oldSecret), "", in, signOut},
		{[]string{"LEGACY_REFRESH_CLAIM=type=refresh"}, sign(with(`"type":"access"`), oldSecret), "", signOut, in},
		{[]string{"LEGACY_COOKIE=rt"}, sign(claims, oldSecret), "rt", in, signOut},
		{[]string{"LEGACY_REDIS=" + redis.URL}, sign(claims, oldSecret), "", signOut, in},
	} {
		key, _, _ := strings.Cut(tc.env[0], "=")
		t.Run(key, func(t *testing.T) {
			base := []string{"PAWL_LEGACY_UNTIL=2999-01-01", "PAWL_LEGACY_SECRET=" + oldSecret}
			if tc.cookie == "" {
				tc.cookie = "refreshToken"
			}
			for i, want := range []int{tc.wantBy, tc.want} {
				env := base
				if i == 1 {
					env = tc.over(base)
				}
				w := openWith(t, env...).call("POST", "/api/reissue", "", "Cookie", tc.cookie+"="+tc.token)
				if w.Code != want {
					t.Errorf("%v: %d %s, want %d", env, w.Code, w.Body, want)
				}
			}
		})
	}
	t.Run("LEGACY_COOKIE_PATH", func(t *testing.T) {
		s := openWith(t, "PAWL_LEGACY_UNTIL=2999-01-01", "PAWL_LEGACY_SECRET="+oldSecret, "PAWL_LEGACY_COOKIE_PATH=/api")
		w := s.call("POST", "/api/reissue", "", "Cookie", "refreshToken="+sign(claims, oldSecret))
		if got := w.Result().Cookies()[0]; got.Name != "refreshToken" || got.Path != "/api" || got.MaxAge >= 0 {
			t.Errorf("%v", got)
		}
	})
	t.Run("LEGACY_REDIS_KEY", func(t *testing.T) {
		token := sign(claims, oldSecret)
		redis.SetAll("rt:", map[string]string{"ada": token}, time.Hour)
		s := openWith(t, "PAWL_LEGACY_UNTIL=2999-01-01", "PAWL_LEGACY_SECRET="+oldSecret, "PAWL_LEGACY_REDIS="+redis.URL, "PAWL_LEGACY_REDIS_KEY=rt:{user}")
		if w := s.call("POST", "/api/reissue", "", "Cookie", "refreshToken="+token); w.Code != in {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

func TestAStartSaysThatSessionsMoveIn(t *testing.T) {
	for _, tc := range []struct {
		env  string
		want string // "": nothing is said
	}{
		{"", ""},
		{"PAWL_LEGACY_UNTIL=2026-02-01", "level=WARN msg=\"sessions of the old system move in: whoever knows its secret can sign in as anybody\" legacy_until=2026-02-01"},
		{"PAWL_LEGACY_UNTIL=2026-02-01", "an access token of the old system counts as a refresh token"},
		{"PAWL_LEGACY_UNTIL=2026-01-01", "moving in is over: remove the legacy_ keys"},
	} {
		var env []string
		if tc.env != "" {
			env = []string{tc.env, "PAWL_LEGACY_SECRET=" + oldSecret}
		}
		cfg, err := config.Load(config.Sources{Env: env})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		cli.WarnOfLegacy(cfg, cli.NewLog(cfg, &b), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		if got := b.String(); (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) || strings.Contains(got, oldSecret) {
			t.Errorf("%s: %s", tc.env, got)
		}
	}
}
