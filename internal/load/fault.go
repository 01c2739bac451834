package load

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/pawlauth/pawl/api"
)

// fault is a request that did not bring the right answer. No text of it holds a
// token or a password: it is printed.
type fault struct {
	code    string        // what it is counted under
	detail  string        // for the examples
	refused bool          // an honest refusal: 429 or 503 that says when to come back
	broken  bool          // the connection, and perhaps the session, is of no more use
	wait    time.Duration // how long to wait, as the refusal says
}

func (f *fault) Error() string { return f.detail }

func wrong(code, format string, args ...any) *fault {
	return &fault{code: code, detail: fmt.Sprintf(format, args...)}
}

// cut is a request without an answer.
func cut(what string, timeout time.Duration, err error) *fault {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &fault{code: "time-out", detail: fmt.Sprintf("%s: no answer within %v", what, timeout), broken: true}
	}
	return &fault{code: "connection", detail: fmt.Sprintf("%s: %v", what, err), broken: true}
}

// refusal reads an answer that is not the wanted one.
func refusal(what string, a answer) *fault {
	e := api.ReadProblem(a.status, a.header, a.body)
	f := wrong(fmt.Sprintf("%d %s", a.status, e.Code), "%s: %d %s: %s", what, a.status, e.Code, e.Detail)
	if a.header.Get("Content-Type") != api.ProblemType {
		f.code = fmt.Sprintf("%d, no problem document", a.status)
		f.detail = fmt.Sprintf("%s: %d without a problem document", what, a.status)
		return f
	}
	if (a.status == http.StatusServiceUnavailable || a.status == http.StatusTooManyRequests) && e.RetryAfter > 0 {
		f.refused, f.wait = true, e.RetryAfter
	}
	return f
}

func asFault(err error) *fault {
	if f, ok := errors.AsType[*fault](err); ok {
		return f
	}
	return wrong("error", "%v", err)
}
