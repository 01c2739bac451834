package telemetry

import (
	"context"
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

// lastRow is the last row of the rotation table.
const lastRow = 8

// other stands for a label's values that are not known here.
const other = "other"

// Metrics counts what happens. Its methods are safe for concurrent use.
type Metrics struct {
	now func() time.Time // for durations only

	signIns        prometheus.Counter
	signInFailures *labelled
	reissues       [lastRow + 1]prometheus.Counter // by row
	refusals       *labelled
	reuse          prometheus.Counter
	resent         prometheus.Counter
	restored       prometheus.Counter
	movedIn        prometheus.Counter
	ends           map[string]*labelled // by what ended: kind of event → by reason
	changes        *labelled
	live           live

	storeTook   *prometheus.HistogramVec
	storeErrors *prometheus.CounterVec
	requests    *prometheus.HistogramVec

	reg prometheus.Registerer
}

// Options of New.
type Options struct {
	Version string           // of the program, for pawl_build_info
	Now     func() time.Time // nil: time.Now
}

// New registers the metrics on reg, with those of the Go runtime and of the
// process. The error says what is registered there already.
func New(reg prometheus.Registerer, o Options) (*Metrics, error) {
	r := &registry{Registerer: reg}
	m := &Metrics{reg: reg, now: o.Now}
	if m.now == nil {
		m.now = time.Now
	}
	m.live.now = m.now
	m.events(r)
	m.storeTook = r.histograms("pawl_store_seconds", "Time that a call of the session store took.", storeBuckets, "method")
	m.storeErrors = r.counters("pawl_store_errors_total", "Calls of the session store that it could not answer.", "method")
	m.requests = r.histograms("pawl_http_request_seconds", "Time that HTTP requests took, until the answer was written.", requestBuckets, "route", "class")
	r.add(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "pawl_build_info", Help: "Always 1; the labels say which program this is.",
		ConstLabels: prometheus.Labels{"version": o.Version, "go": runtime.Version()},
	}, func() float64 { return 1 }))
	r.add(collectors.NewGoCollector())
	r.add(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m, r.err
}

func (m *Metrics) events(r *registry) {
	reasons := append(api.Codes(), api.Reasons()...)
	m.signIns = r.counter("pawl_sign_ins_total", "Sign-ins that succeeded.")
	m.signInFailures = r.labelled("pawl_sign_in_failures_total", "Sign-ins that failed, by reason.", "reason", reasons)
	rows := r.counters("pawl_reissues_total", "Reissues that reached the rotation rule, by row of its table.", "row")
	for i := range m.reissues {
		m.reissues[i] = rows.WithLabelValues(strconv.Itoa(i))
	}
	m.refusals = r.labelled("pawl_reissue_refusals_total", "Reissues that were refused (rows 1 and 3), by reason.", "reason", reasons)
	m.reuse = r.counter("pawl_reuse_total", "Used refresh tokens that came back and ended their session (row 7): theft is likely.")
	m.resent = r.counter("pawl_resent_elsewhere_total", "Refresh tokens that were sent again to another address or browser than the one that rotated.")
	m.restored = r.counter("pawl_restored_total", "Sessions that were ahead of the store, which had lost writes (row 2).")
	m.movedIn = r.counter("pawl_moved_in_total", "Sessions of the old system that became sessions of Pawl's (row 5, too).")
	m.ends = map[string]*labelled{}
	ends := r.counters("pawl_ends_total", "Ends, by what was ended (a session, all of a user, everybody) and why.", "of", "reason")
	for kind, of := range map[string]string{pawl.EventSessionEnded: "session", pawl.EventUserEnded: "user", pawl.EventAllEnded: "all"} {
		m.ends[kind] = newLabelled(ends.MustCurryWith(prometheus.Labels{"of": of}), reasons)
	}
	m.changes = r.labelled("pawl_changes_total", "Changes of users, passwords, clients and keys, and whatever else happened, by kind.", "kind", []string{
		pawl.EventPasswordChanged, pawl.EventPasswordRefused, pawl.EventPasswordUpgraded, pawl.EventPasswordReset, pawl.EventResetOffered, pawl.EventResetRefused,
		pawl.EventUserCreated, pawl.EventUsersImported, pawl.EventUserUpdated, pawl.EventUserDisabled, pawl.EventUserEnabled, pawl.EventUserDeleted,
		pawl.EventClientAdded, pawl.EventClientRemoved, pawl.EventKeyAdded, pawl.EventKeyRemoved, pawl.EventKeysResealed, pawl.EventDatabaseBackedUp, pawl.EventDatabaseRestored,
	})
}

// OnEvent counts an event; it is for pawl.Config.OnEvent.
func (m *Metrics) OnEvent(_ context.Context, e pawl.Event) {
	switch e.Kind {
	case pawl.EventReissue:
		m.row(e.Row)
	case pawl.EventReissueRefused:
		m.row(e.Row)
		m.refusals.inc(e.Reason)
	case pawl.EventReused:
		m.row(e.Row)
		m.reuse.Inc()
	case pawl.EventRestored:
		m.row(e.Row)
		m.restored.Inc()
	case pawl.EventMovedIn:
		m.row(e.Row)
		m.movedIn.Inc()
	case pawl.EventResentElsewhere:
		m.resent.Inc()
	case pawl.EventSignIn:
		m.signIns.Inc()
	case pawl.EventSignInFailed:
		m.signInFailures.inc(e.Reason)
	case pawl.EventSessionEnded, pawl.EventUserEnded, pawl.EventAllEnded:
		m.ends[e.Kind].inc(e.Reason)
	default:
		m.changes.inc(e.Kind)
	}
}

func (m *Metrics) row(n int) {
	if n < 0 || n > lastRow {
		n = 0
	}
	m.reissues[n].Inc()
}

// feedRoute streams the revocations.
const feedRoute = "/api/revocations"

// requestBuckets, in seconds: from a reissue to a sign-in that waits for its
// turn to hash.
var requestBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// Request counts an HTTP request. route is the pattern that it matched, never
// its path; status 0 means that nothing was answered.
func (m *Metrics) Request(route string, status int, took time.Duration) {
	if route == feedRoute && status == http.StatusOK {
		return // it lasts as long as somebody follows
	}
	if route == "" {
		route = "/"
	}
	class := "none"
	if 100 <= status && status < 600 {
		class = [...]string{"1xx", "2xx", "3xx", "4xx", "5xx"}[status/100-1]
	}
	m.requests.WithLabelValues(route, class).Observe(took.Seconds())
}
