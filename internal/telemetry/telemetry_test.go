package telemetry_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/telemetry"
	"github.com/pawlauth/pawl/password"
	"github.com/pawlauth/pawl/store/memory"
	"github.com/pawlauth/pawl/store/storetest"
)

// fixture is a service whose metrics are kept in a registry of its own.
type fixture struct {
	*telemetry.Metrics
	reg   *prometheus.Registry
	store pawl.SessionStore
	svc   *pawl.Service
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	reg := prometheus.NewRegistry()
	m, err := telemetry.New(reg, telemetry.Options{Version: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	s := memory.New()
	hasher, err := password.New(password.Options{})
	if err != nil {
		t.Fatal(err)
	}
	watched := m.Sessions(s)
	svc, err := pawl.New(t.Context(), pawl.Config{
		Issuer: "https://id.example", Audience: []string{"api"}, MasterKey: pawl.NewMasterKey(),
		Sessions: watched, Users: s, Keys: s, Hasher: hasher, OnEvent: m.OnEvent, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(svc.Close)
	if err := m.Watch(telemetry.State{Service: svc, Hasher: hasher, Stores: []telemetry.Store{{Kind: "sqlite", Stats: func() (int, int64) { return 3, 4096 }, Unacknowledged: func() uint64 { return 7 }}}}); err != nil {
		t.Fatal(err)
	}
	f := &fixture{m, reg, watched, svc}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); m.CountLive(ctx, svc) }()
	t.Cleanup(func() { cancel(); <-done })
	for !strings.Contains(f.scrape(t), "\npawl_live_sessions 0\n") {
		time.Sleep(time.Millisecond)
	}
	return f
}

// scrape gives what Prometheus would read.
func (f *fixture) scrape(t testing.TB) string {
	t.Helper()
	w := httptest.NewRecorder()
	telemetry.Handler(f.reg, slog.New(slog.DiscardHandler)).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// Each event, and the line that it makes.
func TestEventsAreCounted(t *testing.T) {
	for _, tc := range []struct {
		event pawl.Event
		want  string
	}{
		{pawl.Event{Kind: pawl.EventSignIn}, `pawl_sign_ins_total 1`},
		{pawl.Event{Kind: pawl.EventSignInFailed, Reason: api.CodeInvalidCredentials}, `pawl_sign_in_failures_total{reason="invalid_credentials"} 1`},
		{pawl.Event{Kind: pawl.EventSignInFailed, Reason: api.ReasonDisabled}, `pawl_sign_in_failures_total{reason="disabled"} 1`},
		{pawl.Event{Kind: pawl.EventReissue, Row: 5}, `pawl_reissues_total{row="5"} 1`},
		{pawl.Event{Kind: pawl.EventReissue, Row: -1}, `pawl_reissues_total{row="0"} 1`},
		{pawl.Event{Kind: pawl.EventReissue, Row: 99}, `pawl_reissues_total{row="0"} 1`},
		{pawl.Event{Kind: pawl.EventReissueRefused, Row: 3, Reason: api.ReasonExpired}, `pawl_reissue_refusals_total{reason="expired"} 1`},
		{pawl.Event{Kind: pawl.EventReissueRefused, Row: 3}, `pawl_reissues_total{row="3"} 1`},
		{pawl.Event{Kind: pawl.EventReused, Row: 7}, `pawl_reuse_total 1`},
		{pawl.Event{Kind: pawl.EventReused, Row: 7}, `pawl_reissues_total{row="7"} 1`},
		{pawl.Event{Kind: pawl.EventRestored, Row: 2}, `pawl_restored_total 1`},
		{pawl.Event{Kind: pawl.EventMovedIn, Row: 5}, `pawl_moved_in_total 1`},
		{pawl.Event{Kind: pawl.EventResentElsewhere, Row: 6}, `pawl_resent_elsewhere_total 1`},
		{pawl.Event{Kind: pawl.EventSessionEnded, Reason: api.ReasonSignedOut}, `pawl_ends_total{of="session",reason="signed_out"} 1`},
		{pawl.Event{Kind: pawl.EventUserEnded, Reason: api.ReasonDisabled}, `pawl_ends_total{of="user",reason="disabled"} 1`},
		{pawl.Event{Kind: pawl.EventAllEnded, Reason: api.ReasonEndedByAdmin}, `pawl_ends_total{of="all",reason="ended_by_admin"} 1`},
		{pawl.Event{Kind: pawl.EventPasswordChanged}, `pawl_changes_total{kind="password_changed"} 1`},
		{pawl.Event{Kind: "a kind to come"}, `pawl_changes_total{kind="other"} 1`},
	} {
		f := newFixture(t)
		if strings.Contains(f.scrape(t), "\n"+tc.want+"\n") {
			t.Errorf("%s is there before", tc.want)
		}
		f.OnEvent(t.Context(), tc.event)
		if !strings.Contains(f.scrape(t), "\n"+tc.want+"\n") {
			t.Errorf("%+v: %s is not there", tc.event, tc.want)
		}
	}
}

func TestStateIsLookedAt(t *testing.T) {
	got := newFixture(t).scrape(t)
	for _, want := range []string{
		"pawl_live_revocations 0", "pawl_hash_running 0", "pawl_hash_waiting 0", `pawl_key_age_seconds{use="access"} `, `pawl_key_age_seconds{use="refresh"} `,
		"pawl_feed_followers 0", "pawl_feed_displaced_total 0", "pawl_feed_behind_seconds 0",
		"pawl_log_age_seconds 0.", "pawl_log_losses_total 0", `pawl_ends_unacknowledged_total{store="sqlite"} 7`,
		"pawl_audit_lost_total 0", `pawl_store_waiting{store="sqlite"} 3`, `pawl_store_bytes{store="sqlite"} 4096`, `version="v1"} 1`, "go_goroutines ", "process_",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not there", want)
		}
	}
}

// The follower that is furthest behind is the one that is told of.
func TestFollowersAreLookedAt(t *testing.T) {
	f := newFixture(t)
	for _, behind := range []time.Duration{time.Second, time.Hour, time.Minute} {
		one, _ := f.svc.Follow("shop", "192.0.2.1", func() {})
		one.Took("1", f.svc.Now().Add(-behind))
		defer one.Stop()
	}
	got := f.scrape(t)
	if !strings.Contains(got, "\npawl_feed_followers 3\n") || !regexp.MustCompile(`(?m)^pawl_feed_behind_seconds 36\d\d(\.\d+)?$`).MatchString(got) {
		t.Errorf("three followers, one of them an hour behind:\n%s", got)
	}
}

// SECURITY 56: whatever strangers send and users are called, no series is made
// of it: their number stays the same.
func TestNoLabelCarriesWhatSomebodyChose(t *testing.T) {
	const canary = "s3cr3t-canary"
	f := newFixture(t)
	send := func(i int) {
		c := fmt.Sprint(canary, i)
		for _, kind := range []string{
			c, pawl.EventSignIn, pawl.EventSignInFailed, pawl.EventReissue, pawl.EventReissueRefused, pawl.EventReused,
			pawl.EventRestored, pawl.EventResentElsewhere, pawl.EventSessionEnded, pawl.EventUserEnded, pawl.EventAllEnded, pawl.EventUserCreated, pawl.EventKeyAdded,
		} {
			f.OnEvent(t.Context(), pawl.Event{Kind: kind, User: c, Login: c, Session: c, Reason: c, Row: i, Client: pawl.Client{Address: c, Agent: c, Label: c}, Key: c, By: c})
		}
		for _, status := range []int{-1, 0, 99, 200, 204, 401, 503, 600 + i} {
			f.Request("/api/login", status, time.Millisecond)
			f.Request("", status, time.Millisecond)
		}
		_, _, _ = f.store.Get(t.Context(), pawl.SessionKey{User: c, ID: c})
	}
	series := func() int { return strings.Count(f.scrape(t), "\npawl_") }
	send(0)
	before := series()
	for i := range 500 {
		send(i)
	}
	if after := series(); after != before {
		t.Errorf("%d series, then %d", before, after)
	}
	if strings.Contains(f.scrape(t), canary) {
		t.Error("what somebody chose is in the metrics")
	}
}

// failing is a store that cannot answer.
type failing struct{ pawl.SessionStore }

var errDown = errors.New("down")

func (failing) Mark(context.Context, string) (pawl.Mark, error) { return pawl.Mark{}, errDown }

func (failing) Get(context.Context, pawl.SessionKey) (pawl.Session, pawl.Mark, error) {
	return pawl.Session{}, pawl.Mark{}, pawl.ErrNotFound
}

func TestStoreCallsAreObserved(t *testing.T) {
	f := newFixture(t)
	s := f.Sessions(failing{memory.New()})
	if _, err := s.Mark(t.Context(), ""); !errors.Is(err, errDown) {
		t.Error(err)
	}
	if _, _, err := s.Get(t.Context(), pawl.SessionKey{}); !errors.Is(err, pawl.ErrNotFound) {
		t.Error(err)
	}
	got := f.scrape(t)
	for _, want := range []string{
		`pawl_store_errors_total{method="mark"} 1`, `pawl_store_seconds_count{method="mark"} 1`,
		`pawl_store_errors_total{method="get"} 0`, `pawl_store_seconds_count{method="get"} 1`, // an answer is no fault
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("%s is not there", want)
		}
	}
}

// The watched store is a store: it passes what every store passes.
func TestTheWatchedStoreIsAStore(t *testing.T) {
	storetest.Sessions(t, func(t testing.TB) storetest.Backend {
		s := memory.New()
		m, err := telemetry.New(prometheus.NewRegistry(), telemetry.Options{})
		if err != nil {
			t.Fatal(err)
		}
		node := storetest.Node{Sessions: m.Sessions(s), Users: s, Keys: s, Audit: s}
		return storetest.Backend{Node: node, Second: node}
	})
}

func TestTwoOfThemNeedTwoRegistries(t *testing.T) {
	reg := prometheus.NewRegistry()
	if _, err := telemetry.New(reg, telemetry.Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := telemetry.New(reg, telemetry.Options{}); err == nil {
		t.Error("what is registered twice must be an error")
	}
}

func TestOnlyMetricsAreServed(t *testing.T) {
	h := telemetry.Handler(prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	for _, tc := range []struct {
		method, path string
		want         int
	}{{"GET", "/metrics", 200}, {"POST", "/metrics", 405}, {"GET", "/", 404}, {"GET", "/debug/pprof/", 404}, {"GET", "/api/session", 404}, {"GET", "/metric%73", 404}, {"GET", "//metrics", 404}, {"GET", "/x/../metrics", 404}, {"GET", "/metrics/", 404}} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(tc.method, tc.path, nil))
		if w.Code != tc.want {
			t.Errorf("%s %s: %d", tc.method, tc.path, w.Code)
		}
	}
}

const monitoring = "../../docs/monitoring/"

var inExpr = regexp.MustCompile(`\b(?:pawl|go|process)_[a-z0-9_]+`)

// served gives the names of the series that there are, and the labels of each.
func served(t *testing.T) map[string][]string {
	f := newFixture(t)
	f.Request("/api/login", 200, time.Millisecond)
	names := map[string][]string{}
	for line := range strings.SplitSeq(f.scrape(t), "\n") {
		m := regexp.MustCompile(`^([a-z0-9_]+)(?:\{(.*)\})? `).FindStringSubmatch(line)
		if m == nil {
			continue
		}
		for _, l := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(m[2], -1) {
			names[m[1]] = append(names[m[1]], l[1])
		}
		names[m[1]] = append(names[m[1]], "instance", "job") // Prometheus adds them
	}
	return names
}

// check holds an expression against what is served: names, and the labels that
// it groups and selects by.
func check(t *testing.T, where, expr string, names map[string][]string) {
	t.Helper()
	labels := map[string]bool{}
	for _, name := range inExpr.FindAllString(expr, -1) {
		if names[name] == nil {
			t.Errorf("%s: there is no %s", where, name)
		}
		for _, l := range names[name] {
			labels[l] = true
		}
	}
	for _, m := range regexp.MustCompile(`by \(([^)]*)\)|\{([^}]*)\}`).FindAllStringSubmatch(expr, -1) {
		used := strings.Split(m[1], ",")
		for _, l := range regexp.MustCompile(`(\w+)=`).FindAllStringSubmatch(m[2], -1) {
			used = append(used, l[1])
		}
		for _, l := range used {
			if l = strings.TrimSpace(l); l != "" && len(labels) > 0 && !labels[l] {
				t.Errorf("%s: nothing in it has the label %s", where, l)
			}
		}
	}
}

func TestAlertsNameWhatIsServed(t *testing.T) {
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	b, err := os.ReadFile(monitoring + "alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(b, &file); err != nil || len(file.Groups) != 1 || len(file.Groups[0].Rules) < 5 {
		t.Fatalf("%d groups, %v", len(file.Groups), err)
	}
	names := served(t)
	for _, r := range file.Groups[0].Rules {
		check(t, r.Alert, r.Expr, names)
		if r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["action"] == "" {
			t.Errorf("%s lacks a severity, a summary or an action", r.Alert)
		}
		if _, err := time.ParseDuration(r.For); r.For != "" && err != nil {
			t.Errorf("%s: %v", r.Alert, err)
		}
	}
}

func TestDashboardNamesWhatIsServed(t *testing.T) {
	var board struct {
		Title, UID string
		Panels     []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	b, err := os.ReadFile(filepath.Join(monitoring, "grafana.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &board); err != nil || board.UID == "" || len(board.Panels) < 10 {
		t.Fatalf("%d panels, %v", len(board.Panels), err)
	}
	names, shown := served(t), map[string]bool{}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			check(t, p.Title, target.Expr, names)
			for _, name := range inExpr.FindAllString(target.Expr, -1) {
				shown[strings.NewReplacer("_bucket", "", "_count", "").Replace(name)] = true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		base := strings.NewReplacer("_bucket", "", "_count", "", "_sum", "").Replace(name)
		if strings.HasPrefix(name, "pawl_") && name != "pawl_build_info" && !shown[base] {
			t.Errorf("no panel shows %s", name)
		}
	}
}

// nothing answers at once, so that only the watching is measured.
type nothing struct{ pawl.SessionStore }

func (nothing) Get(context.Context, pawl.SessionKey) (s pawl.Session, m pawl.Mark, err error) {
	return s, m, nil
}

func BenchmarkStoreCall(b *testing.B) {
	for name, s := range map[string]pawl.SessionStore{"bare": nothing{}, "watched": newFixture(b).Sessions(nothing{})} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, _, _ = s.Get(context.Background(), pawl.SessionKey{})
			}
		})
	}
}

func BenchmarkRequest(b *testing.B) {
	f := newFixture(b)
	for b.Loop() {
		f.Request("/api/reissue", 200, time.Millisecond)
	}
}

// A stream lasts as long as somebody follows: it says nothing of how quick
// answers are. One that was refused does.
func TestStreamsAreNoRequestTimes(t *testing.T) {
	f := newFixture(t)
	f.Request("/api/revocations", 200, time.Hour)
	if strings.Contains(f.scrape(t), `route="/api/revocations"`) {
		t.Error("the life of a stream is among the times of requests")
	}
	f.Request("/api/revocations", 401, time.Millisecond)
	if !strings.Contains(f.scrape(t), `pawl_http_request_seconds_count{class="4xx",route="/api/revocations"} 1`) {
		t.Error("a refused stream is not among the requests")
	}
}
