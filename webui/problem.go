package webui

import (
	"errors"
	"math"
	"net/http"
	"strconv"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/password"
)

// problem is what a form says when it was refused.
type problem struct {
	Text  string
	Field string // the one to mend: userId, password or code; empty: none
	Wait  int    // seconds until another try makes sense; 0: not said
}

// fields says which field an error is about.
var fields = map[string]string{
	api.CodeInvalidCredentials: "password",
	api.CodeAccessDenied:       "code",
	api.CodeConflict:           "userId",
	api.CodeInvalidRequest:     "userId",
}

// refuse shows the form again, with what is wrong. 422 rather than 401, which
// would be a challenge of HTTP authentication (RFC 9110 §15.5.2).
func (s *site) refuse(w http.ResponseWriter, r *http.Request, v view, err error) {
	e := api.AsError(err)
	status := http.StatusUnprocessableEntity
	switch {
	case e.Status >= http.StatusInternalServerError:
		status = http.StatusServiceUnavailable
		s.log.ErrorContext(r.Context(), "cannot serve a form", "page", v.Page, "error", err)
	case e.Code == api.CodeCrossSite, e.Code == api.CodeRateLimited:
		status = e.Status
	}
	if wait := seconds(e); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(wait))
	}
	v.fault = e
	s.show(w, r, status, v)
}

func seconds(e *api.Error) int { return int(math.Ceil(e.RetryAfter.Seconds())) }

// explain finds the words: those for the page, those for the code, or else the
// error's own, which are for people too.
func (t *tongue) explain(e *api.Error, v *view) *problem {
	p := &problem{Text: e.Detail, Field: fields[e.Code], Wait: seconds(e)}
	code := e.Code
	if bad, ok := errors.AsType[*password.PolicyError](e); ok {
		code, p.Field = string(bad.Code), "password"
	}
	if e.Reason != "" {
		code = e.Reason
	}
	for _, key := range []string{"error." + v.Page + "." + code, "error." + code} {
		if m, err := t.text(key, "least", v.Least); err == nil {
			p.Text = m
			break
		}
	}
	return p
}
