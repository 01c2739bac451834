package api

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Codes. They are stable: a client may switch on them (SECURITY 63).
const (
	CodeInvalidRequest     = "invalid_request"
	CodeInvalidCredentials = "invalid_credentials"
	CodeInvalidToken       = "invalid_token"
	CodeTokenExpired       = "token_expired"
	CodeLoginRequired      = "login_required"
	CodeAccessDenied       = "access_denied"
	CodeCrossSite          = "cross_site"
	CodeRateLimited        = "rate_limited"
	CodeNotFound           = "not_found"
	CodeConflict           = "conflict"
	CodeUnavailable        = "unavailable"
)

// Reasons say why a session is over. They come with CodeLoginRequired, in the
// revocation log, and with an access token that a revocation refused.
const (
	ReasonExpired            = "expired"              // idle or absolute lifetime is over
	ReasonSignedOut          = "signed_out"           // this session was signed out
	ReasonSignedOutElsewhere = "signed_out_elsewhere" // ended from another of the person's sessions
	ReasonEndedByAdmin       = "ended_by_admin"
	ReasonPasswordChanged    = "password_changed"
	ReasonSessionLimit       = "session_limit" // a newer sign-in took its place
	ReasonDisabled           = "disabled"      // the account is disabled or gone
	ReasonReused             = "reused"        // a used refresh token came back: theft is likely
	ReasonUnknown            = "unknown"       // no such session is on record
)

// Error is the one error type that reaches the wire. Its values are the
// sentinels below and copies of them with more detail; errors.Is compares the
// code (and the reason, where the target names one).
type Error struct {
	Status     int           // HTTP status
	Code       string        // one of the codes above
	Reason     string        // why a session is over; empty elsewhere
	Detail     string        // for a person: what is wrong and what to do
	RetryAfter time.Duration // for 429 and 503: when another try makes sense; 0: not said

	cause error // for the log only; never on the wire
}

// The sentinels, one for each code; CodeAccessDenied has two, because a caller
// who is not signed in can mend that (401) and one who lacks a role cannot (403).
var (
	ErrInvalidRequest     = &Error{Status: http.StatusBadRequest, Code: CodeInvalidRequest, Detail: "The request is not valid."}
	ErrInvalidCredentials = &Error{Status: http.StatusUnauthorized, Code: CodeInvalidCredentials, Detail: "The user ID or the password is not right."}
	ErrInvalidToken       = &Error{Status: http.StatusUnauthorized, Code: CodeInvalidToken, Detail: "The token is not valid here. Sign in again."}
	ErrTokenExpired       = &Error{Status: http.StatusUnauthorized, Code: CodeTokenExpired, Detail: "The access token has expired. Reissue it with the refresh token."}
	ErrLoginRequired      = &Error{Status: http.StatusUnauthorized, Code: CodeLoginRequired, Detail: "The session is over. Sign in again."}
	ErrUnauthenticated    = &Error{Status: http.StatusUnauthorized, Code: CodeAccessDenied, Detail: "Sign in first: no token came with the request."}
	ErrAccessDenied       = &Error{Status: http.StatusForbidden, Code: CodeAccessDenied, Detail: "You are not allowed to do this."}
	ErrCrossSite          = &Error{Status: http.StatusForbidden, Code: CodeCrossSite, Detail: "The request seems to come from another site. Send it from an allowed origin, or with the header Pawl-Request: 1."}
	ErrRateLimited        = &Error{Status: http.StatusTooManyRequests, Code: CodeRateLimited, Detail: "Too many tries. Wait a little.", RetryAfter: time.Second}
	ErrNotFound           = &Error{Status: http.StatusNotFound, Code: CodeNotFound, Detail: "There is no such thing here."}
	ErrConflict           = &Error{Status: http.StatusConflict, Code: CodeConflict, Detail: "That exists already."}
	ErrUnavailable        = &Error{Status: http.StatusServiceUnavailable, Code: CodeUnavailable, Detail: "The service cannot answer right now. Nothing was lost; try again.", RetryAfter: time.Second}
)

// codeTable is every code with the one sentinel that stands for it.
var codeTable = map[string]*Error{
	CodeInvalidRequest:     ErrInvalidRequest,
	CodeInvalidCredentials: ErrInvalidCredentials,
	CodeInvalidToken:       ErrInvalidToken,
	CodeTokenExpired:       ErrTokenExpired,
	CodeLoginRequired:      ErrLoginRequired,
	CodeAccessDenied:       ErrAccessDenied,
	CodeCrossSite:          ErrCrossSite,
	CodeRateLimited:        ErrRateLimited,
	CodeNotFound:           ErrNotFound,
	CodeConflict:           ErrConflict,
	CodeUnavailable:        ErrUnavailable,
}

// reasonTable is every reason with the sentence that a person reads.
var reasonTable = map[string]string{
	ReasonExpired:            "Your session has expired. Sign in again.",
	ReasonSignedOut:          "You signed out of this session. Sign in again.",
	ReasonSignedOutElsewhere: "This session was signed out from another of your devices. Sign in again.",
	ReasonEndedByAdmin:       "An administrator ended this session. Sign in again.",
	ReasonPasswordChanged:    "The password was changed, which ended this session. Sign in with the new password.",
	ReasonSessionLimit:       "A newer sign-in took the place of this session. Sign in again.",
	ReasonDisabled:           "This account is disabled or no longer exists. Ask an administrator.",
	ReasonReused:             "This session was ended because a used token came back, which can mean that it was stolen. Sign in again, and look through your sessions.",
	ReasonUnknown:            "There is no such session any more. Sign in again.",
}

// Codes lists every code, in no order.
func Codes() []string { return keys(codeTable) }

// Reasons lists every reason, in no order.
func Reasons() []string { return keys(reasonTable) }

func keys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	return out
}

// Error says code, reason and cause: it is for logs, never for the wire.
func (e *Error) Error() string {
	s := e.Code
	if e.Reason != "" {
		s += " (" + e.Reason + ")"
	}
	if e.cause != nil {
		s += ": " + e.cause.Error()
	}
	return s
}

// Unwrap gives what caused the error, if anything did.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is an *Error of the same code, and of the same
// reason where target names one.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && (t.Reason == "" || t.Reason == e.Reason)
}

// LoginRequired is ErrLoginRequired with a reason and its sentence.
func LoginRequired(reason string) *Error {
	e := *ErrLoginRequired
	e.Reason = reason
	if text, ok := reasonTable[reason]; ok {
		e.Detail = text
	}
	return &e
}

// With gives a copy that tells a person more: what is wrong, what to do next.
// The text goes over the wire: it must not hold secrets or internals.
func (e *Error) With(format string, args ...any) *Error {
	c := *e
	c.Detail = fmt.Sprintf(format, args...)
	return &c
}

// Wrap gives a copy that keeps its cause for the log.
func (e *Error) Wrap(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// WithStatus gives a copy with another HTTP status, for the few codes that
// stand for several (405, 413 and 415 are all CodeInvalidRequest).
func (e *Error) WithStatus(status int) *Error {
	c := *e
	c.Status = status
	return &c
}

// After gives a copy that says when another try makes sense.
func (e *Error) After(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}

// AsError finds the *Error in err's chain. Anything else is a fault of Pawl
// itself: status 500, code "unavailable", so that a client treats it as a
// failing server and never as the end of its session (SECURITY 62).
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return ErrUnavailable.WithStatus(http.StatusInternalServerError).Wrap(err)
}
