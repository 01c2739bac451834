package otel

import (
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Handler gives each request that h serves a span of kind server, named by its
// method and route. Put it around what httpapi.New makes, or around the mux that
// this is mounted in. The caller's trace is read from the W3C header traceparent;
// see [Options].
func Handler(h http.Handler, o Options) http.Handler {
	tracer := o.tracer()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		opts := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer)}
		if o.TrustParent == nil || !o.TrustParent(r) {
			opts = append(opts, trace.WithNewRoot())
			if theirs := trace.SpanContextFromContext(ctx); theirs.IsValid() {
				opts = append(opts, trace.WithLinks(trace.Link{SpanContext: theirs}))
			}
		}
		method := method(r.Method)
		ctx, span := tracer.Start(ctx, method, opts...)
		rec := &recorder{ResponseWriter: w}
		r = r.WithContext(ctx)
		defer func() {
			if v := recover(); v != nil {
				rec.status = http.StatusInternalServerError // net/http cuts the connection
				defer panic(v)
			}
			finish(span, rec, method, r.Pattern)
		}()
		h.ServeHTTP(rec, r)
	})
}

// finish names the span by the route's pattern: the path may hold what somebody
// sent to the wrong place.
func finish(span trace.Span, rec *recorder, method, route string) {
	defer span.End()
	if !span.IsRecording() {
		return
	}
	if rec.status == 0 {
		rec.status = http.StatusOK // as net/http does
	}
	span.SetAttributes(attribute.String("http.request.method", method), attribute.Int("http.response.status_code", rec.status))
	if route != "" {
		span.SetName(method + " " + route)
		span.SetAttributes(attribute.String("http.route", route))
	}
	if id := rec.Header().Get("Pawl-Request-Id"); id != "" {
		span.SetAttributes(attribute.String("pawl.request_id", id))
	}
	if rec.status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
}

// method keeps words of the client's making out of the spans.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "HTTP"
}

// recorder remembers the status.
type recorder struct {
	http.ResponseWriter
	status int // 0: nothing was written
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
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
