package cli_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/cli"
)

// spoiler stands between the tour and a server, and breaks a rule.
type spoiler func(w http.ResponseWriter, r *http.Request, next http.Handler)

func on(path string, n int64, f http.HandlerFunc) spoiler {
	var count atomic.Int64
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.URL.Path == path && count.Add(1) == n {
			f(w, r)
			return
		}
		next.ServeHTTP(w, r)
	}
}

// A tour of a server that breaks a rule says at which step.
func TestATourOfABrokenServerFails(t *testing.T) {
	t.Parallel()
	const window = 300 * time.Millisecond
	noKey := func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		r.Header.Del("Idempotency-Key")
		next.ServeHTTP(w, r)
	}
	refuse := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
	nothing := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }
	for _, c := range []struct {
		name    string
		setting string // of reuse_window, or unsafe_reuse_window where it is 0s
		spoil   spoiler
		want    string
	}{
		{"nobody can sign in", "300ms", on("/api/login", 1, refuse), `step 1, "Sign in"`},
		{"no window: parallel tabs are taken for theft", "0s", nil, `step 2, "Four tabs refresh at once"`},
		{"one of four is refused", "300ms", on("/api/reissue", 3, refuse), `step 2, "Four tabs refresh at once"`},
		{"retries are not recognised", "300ms", noKey, `step 3, "A reply is lost"`},
		{"old tokens are good for a minute", "60s", nil, `step 2, "Four tabs refresh at once"`},
		{"theft goes unnoticed", "300ms", theftUnnoticed(), `step 4, "A thief replays an old token"`},
		{"the person is not told why", "300ms", on("/api/reissue", 9, refuse), `step 5, "The person is told why"`},
		{"the access token outlives the theft", "300ms", on("/api/session", 1, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }), `step 5, "The person is told why"`},
		{"signing out ends nothing", "300ms", on("/api/logout", 1, nothing), `step 7, "Signing out stops the access token at once"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var shown strings.Builder
			err := cli.RunTour(t.Context(), toured(t, c.setting, c.spoil), window, &shown)
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
			if !strings.Contains(shown.String(), "did not turn out as it should") || strings.Contains(shown.String(), "What to try next") {
				t.Errorf("it shows\n%s", shown.String())
			}
		})
	}
}

// theftUnnoticed answers the thief, whose request is the eighth reissue, with
// what the person was given.
func theftUnnoticed() spoiler {
	var count atomic.Int64
	var owner atomic.Pointer[httptest.ResponseRecorder]
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.URL.Path != "/api/reissue" {
			next.ServeHTTP(w, r)
			return
		}
		rec := httptest.NewRecorder()
		if n := count.Add(1); n == 8 {
			rec = owner.Load()
		} else {
			next.ServeHTTP(rec, r)
			owner.Store(rec)
		}
		for name, values := range rec.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(rec.Code)
		_, _ = io.WriteString(w, rec.Body.String())
	}
}

// toured is a server with the tour's person, and perhaps a broken rule.
func toured(t *testing.T, window string, spoil spoiler) string {
	t.Helper()
	flags := map[string]string{"unsafe_http_cookies": "true", "reuse_window": window}
	if window == "0s" {
		flags = map[string]string{"unsafe_http_cookies": "true", "unsafe_reuse_window": window}
	}
	s := open(t, flags)
	if _, err := s.Service.CreateUser(context.Background(), pawl.NewUser{Login: cli.DemoLogin, Password: cli.DemoPassword}); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if spoil != nil {
			spoil(w, r, s.Handler)
			return
		}
		s.Handler.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}
