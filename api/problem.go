package api

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"
)

// ProblemType is the media type of error bodies (RFC 9457).
const ProblemType = "application/problem+json"

// Problem is the body of every error response.
type Problem struct {
	Type   string `json:"type"` // always about:blank: code is what tells problems apart
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Code   string `json:"code"`
	Reason string `json:"reason,omitempty"`
}

// WriteProblem answers with err as a problem document. It is the only place
// where errors become responses. A 401 carries WWW-Authenticate (RFC 9110
// §15.5.2), with an error code only where a token was sent (RFC 6750 §3.1): a
// caller who knows that none was sets the header beforehand.
// Nothing here touches cookies: a refused reissue must not wipe the cookie that
// a parallel one has just set.
func WriteProblem(w http.ResponseWriter, err error) {
	e := AsError(err)
	h := w.Header()
	h.Set("Content-Type", ProblemType)
	h.Set("Cache-Control", "no-store")
	if e.Status == http.StatusUnauthorized && h.Get("WWW-Authenticate") == "" {
		h.Set("WWW-Authenticate", challenge(e))
	}
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	w.WriteHeader(e.Status)
	_ = json.NewEncoder(w).Encode(Problem{
		Type: "about:blank", Title: http.StatusText(e.Status), Status: e.Status,
		Detail: e.Detail, Code: e.Code, Reason: e.Reason,
	})
}

func challenge(e *Error) string {
	switch e.Code {
	case CodeAccessDenied, CodeInvalidCredentials:
		return `Bearer realm="pawl"`
	}
	return `Bearer realm="pawl", error="invalid_token", error_description="` + e.Code + `"`
}

// ReadProblem turns an error response's body back into the *Error it was made
// from. A body that is no problem document becomes an error of the status's
// kind: 5xx is ErrUnavailable, 429 ErrRateLimited, anything else
// ErrInvalidRequest.
func ReadProblem(status int, header http.Header, body []byte) *Error {
	var p Problem
	e := &Error{}
	if json.Unmarshal(body, &p) != nil || codeTable[p.Code] == nil {
		e = ofStatus(status).WithStatus(status)
	} else {
		*e = Error{Status: status, Code: p.Code, Reason: p.Reason, Detail: p.Detail}
	}
	if s, err := strconv.Atoi(header.Get("Retry-After")); err == nil {
		e.RetryAfter = time.Duration(s) * time.Second
	}
	return e
}

func ofStatus(status int) *Error {
	switch {
	case status >= http.StatusInternalServerError:
		return ErrUnavailable
	case status == http.StatusTooManyRequests:
		return ErrRateLimited
	}
	return ErrInvalidRequest
}
