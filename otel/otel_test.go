package otel_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/httpapi"
	"github.com/pawlauth/pawl/otel"
	"github.com/pawlauth/pawl/password"
	"github.com/pawlauth/pawl/store/memory"
	"github.com/pawlauth/pawl/store/storetest"
)

const secret = "seven-green-kettles"

// traced is a Pawl whose spans and log are kept.
type traced struct {
	http.Handler
	spans *tracetest.InMemoryExporter
	log   *bytes.Buffer
	store *memory.Store
}

func start(t testing.TB, o otel.Options) *traced {
	t.Helper()
	p := &traced{spans: tracetest.NewInMemoryExporter(), log: new(bytes.Buffer), store: memory.New()}
	o.Provider = trace.NewTracerProvider(trace.WithSyncer(p.spans))
	log := slog.New(otel.Log(slog.NewJSONHandler(p.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	svc, err := pawl.New(t.Context(), pawl.Config{
		Issuer: "https://id.example", Audience: []string{"api"}, MasterKey: pawl.NewMasterKey(),
		Sessions: otel.Sessions(p.store, o), Users: p.store, Keys: p.store, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(svc.Close)
	hash, err := password.New(password.Options{})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := hash.Hash(t.Context(), secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.store.CreateUser(t.Context(), pawl.User{ID: "subject-of-ada", Login: "ada", PasswordHash: stored}); err != nil {
		t.Fatal(err)
	}
	api, err := httpapi.New(svc, httpapi.Options{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	p.Handler = otel.Handler(api, o)
	return p
}

func (p *traced) send(method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Pawl-Request", "1")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w
}

const login = `{"userId":"ada","password":"` + secret + `","delivery":"body"}`

func attributes(s tracetest.SpanStub) map[string]string {
	m := map[string]string{}
	for _, a := range s.Attributes {
		m[string(a.Key)] = a.Value.String()
	}
	return m
}

func TestARequestIsASpanWithItsStoreCalls(t *testing.T) {
	p := start(t, otel.Options{})
	res := p.send("POST", "/api/login", login)
	if res.Code != 200 {
		t.Fatalf("%d %s", res.Code, res.Body)
	}
	spans := p.spans.GetSpans()
	server := spans[len(spans)-1]
	got := attributes(server)
	if server.Name != "POST /api/login" || got["http.route"] != "/api/login" || got["http.response.status_code"] != "200" || got["pawl.request_id"] != res.Header().Get("Pawl-Request-Id") {
		t.Errorf("%s %v", server.Name, got)
	}
	names := map[string]bool{}
	for _, s := range spans[:len(spans)-1] {
		names[s.Name] = true
		if s.Parent.SpanID() != server.SpanContext.SpanID() {
			t.Errorf("%s is not within the request", s.Name)
		}
	}
	if !names["store mark"] || !names["store create"] {
		t.Errorf("calls of the store: %v", names)
	}
	var line map[string]any
	for text := range strings.Lines(p.log.String()) {
		if strings.Contains(text, `"msg":"request"`) {
			if err := json.Unmarshal([]byte(text), &line); err != nil {
				t.Fatal(err)
			}
		}
	}
	if line["trace_id"] != server.SpanContext.TraceID().String() || line["span_id"] != server.SpanContext.SpanID().String() || line["request"] != got["pawl.request_id"] {
		t.Errorf("the log's line has no trace: %v", line)
	}
}

const theirTrace, theirs = "4bf92f3577b34da6a3ce929d0e0e4736", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// A stranger's trace is linked to; that of one's own proxy goes on.
func TestWhoseTraceGoesOn(t *testing.T) {
	for _, tc := range []struct {
		name          string
		trust         func(*http.Request) bool
		header        string
		goesOn, links bool
	}{
		{"a stranger's", nil, theirs, false, true},
		{"one's own", func(*http.Request) bool { return true }, theirs, true, false},
		{"distrusted", func(*http.Request) bool { return false }, theirs, false, true},
		{"none", func(*http.Request) bool { return true }, "", false, false},
		{"nonsense", func(*http.Request) bool { return true }, "00-zz-1-01", false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := start(t, otel.Options{TrustParent: tc.trust})
			p.send("GET", "/healthz", "", "traceparent", tc.header)
			span := p.spans.GetSpans()[0]
			if goesOn := span.SpanContext.TraceID().String() == theirTrace; goesOn != tc.goesOn || (len(span.Links) == 1) != tc.links {
				t.Errorf("goes on: %v, links: %v", goesOn, span.Links)
			}
		})
	}
}

// SECURITY 56: nothing that a client sent or was given is in a span; ids of
// people and sessions only if asked for.
func TestSpansHoldNoSecrets(t *testing.T) {
	for _, identities := range []bool{false, true} {
		p := start(t, otel.Options{Identities: identities})
		var got struct{ AccessToken, RefreshToken, SessionID string }
		res := p.send("POST", "/api/login", login)
		if err := json.Unmarshal(res.Body.Bytes(), &got); err != nil || got.RefreshToken == "" {
			t.Fatalf("%v %s", err, res.Body)
		}
		const key = "canary-idempotency-key-0123456789"
		p.send("POST", "/api/reissue", `{"refreshToken":"`+got.RefreshToken+`"}`, "Idempotency-Key", key, "User-Agent", "canary-agent")
		p.send("GET", "/api/session?token=canary-query", "", "Authorization", "Bearer "+got.AccessToken)
		p.send("GET", "/canary-path", "")
		p.send("CANARY-METHOD", "/api/login", "")
		text, err := json.Marshal(p.spans.GetSpans())
		if err != nil {
			t.Fatal(err)
		}
		for _, canary := range []string{secret, got.AccessToken, got.RefreshToken, key, "canary-", "CANARY"} {
			if bytes.Contains(text, []byte(canary)) {
				t.Errorf("identities %v: %q is in a span", identities, canary)
			}
		}
		for _, id := range []string{"subject-of-ada", got.SessionID} {
			if bytes.Contains(text, []byte(id)) != identities {
				t.Errorf("identities %v: %s", identities, id)
			}
		}
	}
}

func TestFaultsAreErrorsAndAnswersAreNot(t *testing.T) {
	exporter := tracetest.NewInMemoryExporter()
	o := otel.Options{Provider: trace.NewTracerProvider(trace.WithSyncer(exporter))}
	for _, tc := range []struct {
		name string
		h    http.HandlerFunc
		want codes.Code
	}{
		{"200", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }, codes.Unset},
		{"nothing written", func(http.ResponseWriter, *http.Request) {}, codes.Unset},
		{"401", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, codes.Unset},
		{"503", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, codes.Error},
		{"a panic", func(http.ResponseWriter, *http.Request) { panic(errors.New("canary")) }, codes.Error},
	} {
		exporter.Reset()
		func() {
			defer func() {
				if v := recover(); (v != nil) != (tc.name == "a panic") {
					t.Errorf("%s: recovered %v", tc.name, v)
				}
			}()
			otel.Handler(tc.h, o).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		}()
		if spans := exporter.GetSpans(); len(spans) != 1 || spans[0].Status.Code != tc.want || spans[0].Status.Description != "" {
			t.Errorf("%s: %+v", tc.name, spans)
		}
	}
}

// What Pawl does by itself would be twenty traces a second.
func TestTheBackgroundIsNotTraced(t *testing.T) {
	p := start(t, otel.Options{})
	if spans := p.spans.GetSpans(); len(spans) != 0 {
		t.Errorf("%d spans without a request", len(spans))
	}
}

// The traced store is a store: it passes what every store passes.
func TestTheTracedStoreIsAStore(t *testing.T) {
	storetest.Sessions(t, func(testing.TB) storetest.Backend {
		s := memory.New()
		node := storetest.Node{Sessions: otel.Sessions(s, otel.Options{}), Users: s, Keys: s, Audit: s}
		return storetest.Backend{Node: node, Second: node}
	})
}
