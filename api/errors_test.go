package api_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/pawlauth/pawl/api"
)

var sentinels = []*api.Error{
	api.ErrInvalidRequest, api.ErrInvalidCredentials, api.ErrInvalidToken, api.ErrTokenExpired, api.ErrLoginRequired,
	api.ErrUnauthenticated, api.ErrAccessDenied, api.ErrCrossSite, api.ErrRateLimited, api.ErrNotFound, api.ErrConflict, api.ErrUnavailable,
}

// The codes and reasons are a promise to clients, who switch on them.
func TestCodesAndReasonsAreStable(t *testing.T) { // SECURITY 63
	codes, reasons := api.Codes(), api.Reasons()
	slices.Sort(codes)
	slices.Sort(reasons)
	if want := []string{
		"access_denied", "conflict", "cross_site", "invalid_credentials", "invalid_request", "invalid_token",
		"login_required", "not_found", "rate_limited", "token_expired", "unavailable",
	}; !slices.Equal(codes, want) {
		t.Errorf("codes: %v", codes)
	}
	if want := []string{
		"disabled", "ended_by_admin", "expired", "password_changed", "reused", "session_limit", "signed_out", "signed_out_elsewhere", "unknown",
	}; !slices.Equal(reasons, want) {
		t.Errorf("reasons: %v", reasons)
	}
}

func TestEverySentinelIsComplete(t *testing.T) {
	for _, e := range sentinels {
		if !slices.Contains(api.Codes(), e.Code) || http.StatusText(e.Status) == "" || e.Status < 400 || e.Detail == "" {
			t.Errorf("%+v", e)
		}
	}
	said := map[string]string{}
	for _, reason := range api.Reasons() {
		e := api.LoginRequired(reason)
		if e.Reason != reason || e.Detail == "" || e.Detail == api.ErrLoginRequired.Detail || said[e.Detail] != "" {
			t.Errorf("%s says %q, as does %s", reason, e.Detail, said[e.Detail])
		}
		said[e.Detail] = reason
	}
	if e := api.LoginRequired("made up"); e.Detail == "" {
		t.Error("an unknown reason leaves a person without a word")
	}
}

func TestIsComparesCodeAndReason(t *testing.T) {
	for _, c := range []struct {
		name        string
		err, target error
		want        bool
	}{
		{"the same", api.ErrConflict, api.ErrConflict, true},
		{"another code", api.ErrConflict, api.ErrNotFound, false},
		{"with more detail", api.ErrConflict.With("x"), api.ErrConflict, true},
		{"with another status", api.ErrInvalidRequest.WithStatus(413), api.ErrInvalidRequest, true},
		{"wrapped", fmt.Errorf("x: %w", api.ErrConflict.With("x")), api.ErrConflict, true},
		{"a reason, asked for none", api.LoginRequired(api.ReasonReused), api.ErrLoginRequired, true},
		{"a reason, asked for it", api.LoginRequired(api.ReasonReused), api.LoginRequired(api.ReasonReused), true},
		{"a reason, asked for another", api.LoginRequired(api.ReasonReused), api.LoginRequired(api.ReasonExpired), false},
		{"none, asked for one", api.ErrLoginRequired, api.LoginRequired(api.ReasonExpired), false},
		{"its cause", api.ErrUnavailable.Wrap(io.EOF), io.EOF, true},
		{"something else", io.EOF, api.ErrUnavailable, false},
		{"not signed in and not allowed are one code", api.ErrUnauthenticated, api.ErrAccessDenied, true},
	} {
		if got := errors.Is(c.err, c.target); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestCopiesLeaveTheSentinelAlone(t *testing.T) {
	before := *api.ErrUnavailable
	e := api.ErrUnavailable.With("%d", 1).Wrap(io.EOF).WithStatus(500).After(time.Minute)
	if *api.ErrUnavailable != before {
		t.Errorf("the sentinel is now %+v", *api.ErrUnavailable)
	}
	if e.Detail != "1" || e.Status != 500 || e.RetryAfter != time.Minute || !errors.Is(e, io.EOF) {
		t.Errorf("the copy: %+v", e)
	}
}

func TestAsErrorTakesAnythingElseForAFaultOfOurs(t *testing.T) { // SECURITY 62
	e := api.AsError(io.ErrUnexpectedEOF)
	if e.Status != http.StatusInternalServerError || e.Code != api.CodeUnavailable || !errors.Is(e, io.ErrUnexpectedEOF) {
		t.Errorf("%+v", e)
	}
	if got := api.AsError(fmt.Errorf("x: %w", api.ErrConflict)); got != api.ErrConflict {
		t.Errorf("%+v", got)
	}
}

func TestErrorSaysCodeReasonAndCause(t *testing.T) {
	for want, err := range map[string]error{
		"conflict":                api.ErrConflict,
		"login_required (reused)": api.LoginRequired(api.ReasonReused),
		"unavailable: EOF":        api.ErrUnavailable.Wrap(io.EOF),
	} {
		if got := err.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
