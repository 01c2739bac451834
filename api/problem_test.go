package api_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl/api"
)

// What the issuer meant is what the client gets, by errors.Is.
func TestProblemsSurviveTheNetwork(t *testing.T) {
	errs := append([]*api.Error{}, sentinels...)
	for _, reason := range api.Reasons() {
		errs = append(errs, api.LoginRequired(reason))
	}
	errs = append(errs, api.ErrInvalidRequest.WithStatus(413).With(`"quotes", <tags> and é`), api.ErrUnavailable.After(90*time.Second))
	for _, want := range errs {
		w := httptest.NewRecorder()
		api.WriteProblem(w, want.Wrap(io.EOF))
		got := api.ReadProblem(w.Code, w.Header(), w.Body.Bytes())
		if *got != *want {
			t.Errorf("sent %+v\ngot  %+v", *want, *got)
		}
		if !errors.Is(got, want) {
			t.Errorf("errors.Is(%v, %v) is false", got, want)
		}
		if w.Header().Get("Content-Type") != api.ProblemType || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%v: headers %v", want, w.Header())
		}
		if w.Header().Get("Set-Cookie") != "" {
			t.Errorf("SECURITY 62: %v sets a cookie", want)
		}
		if strings.Contains(w.Body.String(), "EOF") {
			t.Errorf("SECURITY 61: the cause is told: %s", w.Body)
		}
	}
}

func TestA401CarriesAChallenge(t *testing.T) { // SECURITY 53
	for _, c := range []struct {
		err  error
		want string
	}{
		{api.ErrUnauthenticated, `Bearer realm="pawl"`},
		{api.ErrInvalidCredentials, `Bearer realm="pawl"`},
		{api.ErrInvalidToken, `Bearer realm="pawl", error="invalid_token", error_description="invalid_token"`},
		{api.ErrTokenExpired, `Bearer realm="pawl", error="invalid_token", error_description="token_expired"`},
		{api.LoginRequired(api.ReasonReused), `Bearer realm="pawl", error="invalid_token", error_description="login_required"`},
		{api.ErrAccessDenied, ""},
		{api.ErrUnavailable, ""},
	} {
		w := httptest.NewRecorder()
		api.WriteProblem(w, c.err)
		if got := w.Header().Get("WWW-Authenticate"); got != c.want {
			t.Errorf("%v: %s, want %s", c.err, got, c.want)
		}
	}
	w := httptest.NewRecorder()
	w.Header().Set("WWW-Authenticate", `Bearer realm="pawl"`)
	api.WriteProblem(w, api.ErrInvalidToken)
	if got := w.Header().Get("WWW-Authenticate"); got != `Bearer realm="pawl"` {
		t.Errorf("the caller knew that no token was sent; answered: %s", got)
	}
}

func TestRetryAfterIsRoundedUp(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "", time.Millisecond: "1", time.Second: "1", 1500 * time.Millisecond: "2"} {
		w := httptest.NewRecorder()
		api.WriteProblem(w, api.ErrRateLimited.After(d))
		if got := w.Header().Get("Retry-After"); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestReadProblemOfSomethingElse(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   *api.Error
	}{
		{"a proxy's page", http.StatusBadGateway, "<html>", api.ErrUnavailable},
		{"nothing", http.StatusServiceUnavailable, "", api.ErrUnavailable},
		{"an unknown code", http.StatusInternalServerError, `{"code":"made_up"}`, api.ErrUnavailable},
		{"an unknown 4xx", http.StatusTeapot, "short and stout", api.ErrInvalidRequest},
		// A proxy's 401 must never look like the end of a session.
		{"a proxy's 401", http.StatusUnauthorized, "<html>", api.ErrInvalidRequest},
		{"a proxy's 429", http.StatusTooManyRequests, "<html>", api.ErrRateLimited},
		{"another JSON", http.StatusBadRequest, `[1]`, api.ErrInvalidRequest},
	} {
		got := api.ReadProblem(c.status, http.Header{}, []byte(c.body))
		if !errors.Is(got, c.want) || got.Status != c.status {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	got := api.ReadProblem(http.StatusServiceUnavailable, http.Header{"Retry-After": {"7"}}, nil)
	if got.RetryAfter != 7*time.Second {
		t.Errorf("a proxy's Retry-After: %v", got.RetryAfter)
	}
}
