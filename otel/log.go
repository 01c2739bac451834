package otel

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

// Log gives a log handler that adds trace_id and span_id to what is logged
// within a span.
func Log(h slog.Handler) slog.Handler { return logger{h} }

type logger struct{ slog.Handler }

// Handle implements [slog.Handler].
func (l logger) Handle(ctx context.Context, r slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		r = r.Clone()
		r.AddAttrs(slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	return l.Handler.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (l logger) WithAttrs(attrs []slog.Attr) slog.Handler { return logger{l.Handler.WithAttrs(attrs)} }

// WithGroup implements [slog.Handler].
func (l logger) WithGroup(name string) slog.Handler { return logger{l.Handler.WithGroup(name)} }
