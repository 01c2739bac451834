package otel_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"

	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/httpapi"
	"github.com/pawlauth/pawl/otel"
	"github.com/pawlauth/pawl/store/memory"
)

// A program that has Pawl in it and traces what it does. In place of the memory
// exporter stands the one of your collector, such as otlptracehttp.
func Example() {
	exporter := tracetest.NewInMemoryExporter()
	o := otel.Options{
		Provider: trace.NewTracerProvider(trace.WithSyncer(exporter)),
		TrustParent: func(r *http.Request) bool { // the proxy on this machine
			from, err := netip.ParseAddrPort(r.RemoteAddr)
			return err == nil && from.Addr().IsLoopback()
		},
	}
	log := slog.New(otel.Log(slog.NewJSONHandler(os.Stderr, nil)))
	store := memory.New()
	svc, err := pawl.New(context.Background(), pawl.Config{
		Issuer: "https://id.example", Audience: []string{"api"}, MasterKey: pawl.NewMasterKey(),
		Sessions: otel.Sessions(store, o), Users: store, Keys: store, Log: log,
	})
	if err != nil {
		panic(err)
	}
	defer svc.Close()
	api, err := httpapi.New(svc, httpapi.Options{Log: log})
	if err != nil {
		panic(err)
	}
	handler := otel.Handler(api, o)

	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/readyz", nil))
	for _, span := range exporter.GetSpans() {
		fmt.Println(span.Name)
	}
	// Output:
	// store mark
	// GET /readyz
}
