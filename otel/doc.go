// Package otel traces a Pawl that is part of your program with OpenTelemetry: a
// span for each request, one for each call of the session store within it, and
// the ids of both in the log. It is a module of its own, so that whoever does
// without compiles none of it.
//
// The providers are yours: which exporter, which sampler, which resource. Spans
// hold no token, password, cookie, address or path with what somebody typed, and
// no user's or session's id unless [Options.Identities] is set.
package otel

import (
	"net/http"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"
)

// scope names the spans' maker.
const scope = "github.com/pawlauth/pawl/otel"

// Options say how to trace. The zero value is right for a server that strangers
// reach.
type Options struct {
	// Provider makes the spans; nil: the global one.
	Provider trace.TracerProvider
	// TrustParent reports whether a request comes from a component of your own,
	// whose trace it then continues. Everybody else's is begun anew, with a link
	// to theirs: a stranger could otherwise have every request of theirs sampled,
	// or mix into your traces. nil: nobody is trusted.
	TrustParent func(*http.Request) bool
	// Identities puts users' subjects and sessions' ids (enduser.id, session.id)
	// into the spans of store calls: personal data in the traces' store.
	Identities bool
}

func (o Options) tracer() trace.Tracer {
	if o.Provider == nil {
		return otel.GetTracerProvider().Tracer(scope)
	}
	return o.Provider.Tracer(scope)
}
