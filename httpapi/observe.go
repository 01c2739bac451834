package httpapi

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/pawlauth/pawl/api"
)

// recorder remembers what was answered, for the log.
type recorder struct {
	http.ResponseWriter
	status int // 0: nothing was written
	err    error
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// observe gives every request an id, every answer its security headers, and
// the log one line.
func (s *server) observe(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := requestID(r)
		s.securityHeaders(w.Header(), r)
		w.Header().Set("Pawl-Request-Id", id)
		rec := &recorder{ResponseWriter: w}
		began := time.Now() //nolint:forbidigo // how long it took, not what time it is
		defer func() {
			took := time.Since(began)
			s.logAccess(r, rec, id, took)
			if s.o.OnRequest != nil {
				s.o.OnRequest(r.Pattern, rec.status, took)
			}
		}()
		h.ServeHTTP(rec, r)
	})
}

// logAccess writes neither path nor query, which may hold what somebody sent
// to the wrong place, but the route; and no header but the sanitised agent
// (SECURITY 56).
func (s *server) logAccess(r *http.Request, rec *recorder, id string, took time.Duration) {
	level := slog.LevelDebug
	switch {
	case rec.status >= 500:
		level = slog.LevelError
	case rec.status >= 400:
		level = slog.LevelInfo
	}
	if !s.log.Enabled(r.Context(), level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", method(r.Method)), slog.String("route", r.Pattern),
		slog.Int("status", rec.status), slog.Duration("took", took), slog.String("request", id),
		slog.String("address", s.clientAddress(r)), slog.String("agent", api.ShortAgent(r.UserAgent())),
	}
	if rec.err != nil {
		e := api.AsError(rec.err)
		attrs = append(attrs, slog.String("code", e.Code), slog.String("reason", e.Reason))
		if e.Status >= 500 {
			attrs = append(attrs, slog.Any("error", rec.err)) // what failed in a store; for 4xx it would be about what was sent
		}
	}
	s.log.LogAttrs(r.Context(), level, "request", attrs...)
}

// method keeps words of the client's making out of the log.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodConnect, http.MethodTrace:
		return m
	}
	return "other"
}

// recoverPanics answers a panic with 500 and code unavailable: a client must
// take it for a failing server, never for the end of its session, and no cookie
// is touched (SECURITY 62).
func (s *server) recoverPanics(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler { //nolint:errorlint // a panic value, by identity
				panic(v)
			}
			s.log.LogAttrs(r.Context(), slog.LevelError, "panic", slog.String("route", r.Pattern),
				slog.String("what", panicText(v)), slog.String("stack", string(debug.Stack())))
			if rec, ok := w.(*recorder); ok && rec.status != 0 {
				panic(http.ErrAbortHandler) // half an answer is out: cut the connection
			}
			w.Header().Del("Set-Cookie")
			api.WriteProblem(w, api.ErrUnavailable.WithStatus(http.StatusInternalServerError))
		}()
		h.ServeHTTP(w, r)
	})
}

// panicText is what of a panic's value is safe to log: the runtime's own words.
// Anything else may quote a secret, so only its type is told.
func panicText(v any) string {
	if e, ok := v.(runtime.Error); ok {
		return e.Error()
	}
	return fmt.Sprintf("a value of type %T", v)
}

// securityHeaders are for answers that no browser should render (SECURITY 51).
func (s *server) securityHeaders(h http.Header, r *http.Request) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	if s.o.HSTS > 0 && s.byTLS(r) {
		h.Set("Strict-Transport-Security", "max-age="+strconv.Itoa(int(s.o.HSTS/time.Second)))
	}
}

// requestID takes the id that something in front gave, if it is harmless, or
// makes one.
func requestID(r *http.Request) string {
	const most = 64
	id := r.Header.Get("X-Request-Id")
	if id == "" || len(id) > most {
		return rand.Text()
	}
	for _, c := range []byte(id) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.') {
			return rand.Text()
		}
	}
	return id
}
