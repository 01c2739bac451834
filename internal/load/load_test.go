package load

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/httpapi"
	"github.com/pawlauth/pawl/password"
	"github.com/pawlauth/pawl/store/memory"
)

// ann and bob can sign in at every test server.
var ann, bob = Person{"ann", "seven-green-kettles"}, Person{"bob", "nine-blue-kettles"}

// phc hashes once for all test servers.
var phc = func() map[Person]string {
	h, err := password.New(password.Options{})
	if err != nil {
		panic(err)
	}
	all := map[Person]string{}
	for _, p := range []Person{ann, bob} {
		if all[p], err = h.Hash(context.Background(), p.Password); err != nil {
			panic(err)
		}
	}
	return all
}()

// serve runs a real Pawl behind a handler of the test's.
func serve(t *testing.T, window bool, spoil func(http.Handler) http.Handler) string {
	t.Helper()
	store, quiet := memory.New(), slog.New(slog.DiscardHandler)
	for p, hash := range phc {
		if err := store.CreateUser(t.Context(), pawl.User{ID: "id-" + p.Login, Login: p.Login, PasswordHash: hash}); err != nil {
			t.Fatal(err)
		}
	}
	svc, err := pawl.New(t.Context(), pawl.Config{
		Issuer: "https://id.example", Audience: []string{"https://id.example"}, UnsafeNoReuseWindow: !window,
		Sessions: store, Users: store, Keys: store, MasterKey: pawl.NewMasterKey(), Log: quiet,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(svc.Close)
	h, err := httpapi.New(svc, httpapi.Options{Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(spoil(h))
	t.Cleanup(srv.Close)
	return srv.URL
}

func faithful(h http.Handler) http.Handler { return h }

// at spoils the answers at a path.
func at(path string, spoil func(w http.ResponseWriter, r *http.Request, next http.Handler)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != path {
				next.ServeHTTP(w, r)
				return
			}
			spoil(w, r, next)
		})
	}
}

// rewrite changes the members of 200s at a path. It is given what came before.
func rewrite(path string, change func(request, answer, before map[string]any)) func(http.Handler) http.Handler {
	var last atomic.Pointer[map[string]any]
	last.Store(&map[string]any{})
	return at(path, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		var body bytes.Buffer
		_, _ = body.ReadFrom(r.Body)
		request, answer := map[string]any{}, map[string]any{}
		_ = json.Unmarshal(body.Bytes(), &request)
		r = r.Clone(r.Context())
		r.Body = http.NoBody
		if body.Len() > 0 {
			r.Body = readCloser{&body}
		}
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		maps.Copy(w.Header(), rec.Header())
		w.WriteHeader(rec.Code)
		if rec.Code == http.StatusOK && json.Unmarshal(rec.Body.Bytes(), &answer) == nil {
			before := last.Swap(ptr(maps.Clone(answer)))
			change(request, answer, *before)
			_ = json.NewEncoder(w).Encode(answer)
			return
		}
		_, _ = w.Write(rec.Body.Bytes())
	})
}

type readCloser struct{ *bytes.Buffer }

func (readCloser) Close() error { return nil }

func ptr[T any](v T) *T { return &v }

// status answers everything at a path so.
func status(path string, code int, body string, header ...string) func(http.Handler) http.Handler {
	return at(path, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	})
}

func problem(path string, err error) func(http.Handler) http.Handler {
	return at(path, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { api.WriteProblem(w, err) })
}

// one measures a single short run.
func one(t *testing.T, k Kind, clients int, url string, change func(*Plan)) (Row, error) {
	t.Helper()
	p := Plan{Kinds: []Kind{k}, Clients: []int{clients}, Length: 100 * time.Millisecond, Runs: 1}
	if change != nil {
		change(&p)
	}
	var row Row
	err := Run(t.Context(), p, Target{URL: url, People: []Person{ann, bob}}, func(r Row) { row = r })
	return row, err
}

func TestRightAnswersAreCounted(t *testing.T) {
	for _, k := range Kinds() {
		t.Run(string(k), func(t *testing.T) {
			row, err := one(t, k, 2, serve(t, k != Advance, faithful), func(p *Plan) { p.Length = 500 * time.Millisecond })
			if err != nil || !row.Good() || row.PerSecond.Median <= 0 || row.P50 <= 0 || row.P99 < row.P50 {
				t.Errorf("%+v, %v", row, err)
			}
		})
	}
}

func TestWrongAnswersAreNoticed(t *testing.T) {
	for _, c := range []struct {
		name  string
		kind  Kind
		spoil func(http.Handler) http.Handler
		want  string // code of a wrong answer
	}{
		{"somebody else", Check, rewrite("/api/session", func(_, a, _ map[string]any) { a["sub"] = "id-eve" }), "wrong subject"},
		{"another session", Check, rewrite("/api/session", func(_, a, _ map[string]any) { a["sessionId"] = "AAAA" }), "wrong session"},
		{"no JSON", Check, status("/api/session", 200, "<html>"), "no JSON"},
		{"somebody else, told a proxy", Verify, status("/api/verify", 204, "", "Pawl-Subject", "id-eve"), "wrong subject"},
		{"200 instead of 204", Verify, status("/api/verify", 200, ""), "200, no problem document"},
		{"a fault", Check, problem("/api/session", api.ErrUnavailable.WithStatus(500).After(0)), "500 unavailable"},
		{"a fault of something between", Check, status("/api/session", 502, "<html>"), "502, no problem document"},
		{"a 503 that does not say when", Check, problem("/api/session", api.ErrUnavailable.After(0)), "503 unavailable"},
		{"a session that is over", Resend, nthTime("/api/reissue", 10, problem("/api/reissue", api.LoginRequired(api.ReasonReused))), "401 login_required"},
		{"the old refresh token instead of an advance", Advance, nthTime("/api/reissue", 10, rewrite("/api/reissue", func(r, a, _ map[string]any) { a["refreshToken"] = r["refreshToken"] })), "not advanced"},
		{"the old access token", Resend, nthTime("/api/reissue", 10, rewrite("/api/reissue", func(_, a, b map[string]any) {
			if b["accessToken"] != nil {
				a["accessToken"] = b["accessToken"]
			}
		})), "old access token"},
		{"a token of another session", SignIn, rewrite("/api/login", func(_, a, b map[string]any) {
			if b["refreshToken"] != nil {
				a["refreshToken"] = b["refreshToken"]
			}
		}), "wrong session"},
		{"no refresh token", SignIn, rewrite("/api/login", func(_, a, _ map[string]any) { delete(a, "refreshToken") }), "no tokens"},
		{"no token", SignIn, rewrite("/api/login", func(_, a, _ map[string]any) { a["accessToken"] = "x" }), "no JWT"},
		{"no answer", Check, at("/api/session", func(_ http.ResponseWriter, r *http.Request, _ http.Handler) { <-r.Context().Done() }), "time-out"},
		{"a connection that is cut", Check, at("/api/session", func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }), "connection"},
	} {
		t.Run(c.name, func(t *testing.T) {
			row, err := one(t, c.kind, 1, serve(t, c.kind != Advance, c.spoil), func(p *Plan) {
				if c.want == "time-out" {
					p.Timeout = time.Second
				}
			})
			if err != nil || row.Good() || row.Wrong[c.want] == 0 {
				t.Fatalf("wrong answers: %v, want %q; %v", row.Wrong, c.want, err)
			}
			if len(row.Examples) == 0 || len(row.Examples) > maxExamples || strings.Contains(strings.Join(row.Examples, ""), "eyJ") {
				t.Errorf("examples: %q", row.Examples)
			}
		})
	}
}

// nthTime spoils from the nth request to a path on.
func nthTime(path string, n int64, spoil func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	var count atomic.Int64
	return func(next http.Handler) http.Handler {
		spoiled := spoil(next)
		return at(path, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if count.Add(1) >= n {
				spoiled.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})(next)
	}
}

// A sign-out after which the access token lives on would be the worst of
// answers: the day looks for it. SECURITY 46.
func TestASignOutWithoutEffectIsNoticed(t *testing.T) {
	url := serve(t, true, status("/api/logout", http.StatusNoContent, ""))
	e, err := parseEndpoint(url)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{conn: conn{endpoint: e, timeout: time.Minute, ctx: t.Context()}, Person: ann, step: dayOut}
	t.Cleanup(c.close)
	for _, want := range []string{"", "", "signed out, and lives"} {
		_, err := c.act(Mixed)
		if got := code(err); got != want {
			t.Fatalf("step %d: %q, want %q", c.step, got, want)
		}
	}
}

func code(err error) string {
	if err == nil {
		return ""
	}
	return asFault(err).code
}

// The whole day, once: each kind of request is in it, and the session at its end
// is another.
func TestTheDay(t *testing.T) {
	asked := map[string]int{}
	url := serve(t, true, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked[r.URL.Path]++
			next.ServeHTTP(w, r)
		})
	})
	e, err := parseEndpoint(url + "/")
	if err != nil {
		t.Fatal(err)
	}
	c := &client{conn: conn{endpoint: e, timeout: time.Minute, ctx: t.Context()}, Person: ann}
	t.Cleanup(c.close)
	for range dayLength + 1 { // the first one signs in
		if _, err := c.act(Mixed); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]int{"/api/session": 161, "/api/verify": 160, "/api/reissue": 16, "/api/logout": 1, "/api/login": 2}
	if !maps.Equal(asked, want) || c.step != 0 {
		t.Errorf("a day asks for %v, want %v", asked, want)
	}
}

// A refusal that says when to come back is no wrong answer, and is obeyed.
func TestHonestRefusalsAreCountedApart(t *testing.T) {
	for want, err := range map[string]error{
		"503 unavailable":  api.ErrUnavailable.After(time.Second),
		"429 rate_limited": api.ErrRateLimited.After(time.Hour),
	} {
		row, runErr := one(t, Check, 2, serve(t, true, nthTime("/api/session", 5, problem("/api/session", err))), nil)
		if runErr != nil || len(row.Wrong) != 0 {
			t.Errorf("%+v, %v", row, runErr)
		}
		if row.Right = 1; !row.Good() {
			t.Errorf("a refusal beside right answers is taken for a wrong one: %+v", row)
		}
		// A client that did not wait would be refused hundreds of times.
		if n := row.Refused[want]; n < 1 || n > 4 {
			t.Errorf("%d times %s, want at most one for each client and run", n, want)
		}
	}
}

func TestWhatCannotBeMeasuredIsSaid(t *testing.T) {
	for _, c := range []struct {
		name   string
		kind   Kind
		window bool
		spoil  func(http.Handler) http.Handler
		want   string
	}{
		{"advances within a window", Advance, true, faithful, "its reuse window is on"},
		{"re-sends without one", Resend, false, faithful, "it has no reuse window"},
		{"nobody can sign in", Check, true, problem("/api/login", api.ErrInvalidCredentials), ": POST /api/login: 401 invalid_credentials"},
		{"no Pawl", Check, true, status("/api/login", 404, "<html>"), "404 without a problem document"},
	} {
		row, err := one(t, c.kind, 2, serve(t, c.window, c.spoil), nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || row.Right != 0 {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// What ran before is signed out again, on a server that is not ours.
func TestNoSessionIsLeftBehind(t *testing.T) {
	var in, out atomic.Int64
	url := serve(t, true, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen := &statusWriter{w, 0}
			next.ServeHTTP(seen, r)
			switch {
			case r.URL.Path == "/api/login" && seen.status == http.StatusOK:
				in.Add(1)
			case r.URL.Path == "/api/logout" && seen.status == http.StatusNoContent:
				out.Add(1)
			}
		})
	})
	for _, k := range []Kind{Check, SignIn} {
		if row, err := one(t, k, 3, url, nil); err != nil || !row.Good() {
			t.Errorf("%+v, %v", row, err)
		}
	}
	if in.Load() == 0 || in.Load() != out.Load() {
		t.Errorf("%d sign-ins, %d sign-outs", in.Load(), out.Load())
	}
}

// Stopping does not wait for a server that hangs, and what was under way is no
// wrong answer.
func TestStoppingGivesTheFiguresSoFar(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	const before = 50
	url := serve(t, true, nthTime("/api/session", before+1, at("/api/session", func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		stop()
		<-r.Context().Done()
	})))
	p := Plan{Kinds: []Kind{Check}, Clients: []int{2}, Length: time.Hour, Runs: 3, Timeout: time.Hour}
	s, err := Target{URL: url, People: []Person{ann}}.stage(ctx, &p, Check, 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	count := newTally()
	r := drive(ctx, s.clients, Check, p.Length, count)
	if right := r.took.total.Load(); right < before-1 || right > before || len(count.wrong)+len(count.refused) > 0 {
		t.Errorf("%d right answers of %d, %v and %v", right, before, count.wrong, count.refused)
	}
	if err := Run(ctx, p, Target{URL: url, People: []Person{ann}}, func(r Row) { t.Errorf("a row without figures: %+v", r) }); err != nil {
		t.Errorf("stopped before it began: %v", err)
	}
}

func TestPlansThatMakeNoSense(t *testing.T) {
	good := Plan{Kinds: []Kind{Check}, Clients: []int{1}, Length: time.Second, Runs: 1}
	if err := good.Check(); err != nil || good.Timeout == 0 {
		t.Fatalf("%v, %v", err, good.Timeout)
	}
	for want, change := range map[string]func(*Plan){
		`no kind of load "chekc"`: func(p *Plan) { p.Kinds = []Kind{"chekc"} },
		"0 clients":               func(p *Plan) { p.Clients = []int{1, 0} },
		"10001 clients":           func(p *Plan) { p.Clients = []int{10001} },
		"nothing to measure":      func(p *Plan) { p.Clients = nil },
		"more than 0 seconds":     func(p *Plan) { p.Length = 0 },
		"0 runs":                  func(p *Plan) { p.Runs = 0 },
		"the time-out":            func(p *Plan) { p.Timeout = -1 },
		"other sessions":          func(p *Plan) { p.Sessions = -1 },
	} {
		p := good
		if change(&p); p.Check() == nil || !strings.Contains(p.Check().Error(), want) {
			t.Errorf("%v, want %q", p.Check(), want)
		}
	}
	for _, url := range []string{"", "127.0.0.1:8080", "ftp://127.0.0.1", "http://", "http://a:b@127.0.0.1", "http://127.0.0.1/?x=1"} {
		if (Target{URL: url}).Check() == nil {
			t.Errorf("%q is taken for a server's URL", url)
		}
	}
}

// Each bucket holds what is at most 1/128 more than its least value.
func TestHistogram(t *testing.T) {
	for us := uint64(0); us < 1<<40; us += 1 + us/97 {
		b := bucketOf(us)
		if top := uint64(upper(b).Microseconds()); top < us || top-us > us/fine || b > 0 && uint64(upper(b-1).Microseconds()) >= us {
			t.Fatalf("%d µs is in the bucket up to %d µs", us, top)
		}
	}
	h := new(histogram)
	for ms := range 1000 {
		h.add(time.Duration(ms+1) * time.Millisecond)
	}
	for q, want := range map[float64]time.Duration{0: time.Millisecond, 0.5: 500 * time.Millisecond, 0.99: 990 * time.Millisecond, 1: time.Second} {
		if got := h.quantile(q); got < want || got > want+want/64 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if new(histogram).quantile(0.5) != 0 {
		t.Error("a quantile of nothing")
	}
}

func TestReport(t *testing.T) {
	p := Plan{Kinds: []Kind{SignIn}, Clients: []int{1000}, Length: 10 * time.Second, Runs: 3, Version: "v1"}
	r := NewReport(p, Target{Program: "pawl"})
	row := Row{
		Kind: SignIn, Clients: 1000, Right: 12345, PerSecond: Span{1234567, 81.26, 2000}, P50: 1, P99: 2.5, Server: &Usage{23.1, 120.4},
		Bare:    &Bare{Span{88, 87, 89}, 0.91, 1.2},
		Refused: map[string]int{"503 unavailable": 8211, "429 rate_limited": 1}, Wrong: map[string]int{"time-out": 2},
		Examples: []string{"GET /api/session: \x1b[31mred"}, Stopped: true,
	}
	r.Rows = append(r.Rows, row, Row{Kind: Check, Clients: 1})
	var b strings.Builder
	r.Head(&b)
	for _, row := range r.Rows {
		row.Line(&b)
	}
	r.Foot(&b)
	for _, want := range []string{
		"pawl v1, go", "a server of its own for each row", "3 runs of 10 s",
		"| signin | 1000 | 1,234,567 (81–2,000) | 1.00 | 2.50 | 23.100 | 120 | 429 rate_limited: 1; 503 unavailable: 8,211 | time-out: 2 |",
		"| check | 1 | 0.0 (0.0–0.0) | – | – | – | – | 0 | 0 |",
		"made 88.0 (87.0–89.0) a second; sign-ins reach 91 % of it, and their p99 is 1.20 times",
		"stopped before all runs were done", "WRONG: GET /api/session: \uFFFD[31mred",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, b.String())
		}
	}
	if got := (&samples{rate: []float64{1, 4, 2, 3}}).rate; median(got) != 2.5 || !slices.Equal(got, []float64{1, 4, 2, 3}) {
		t.Errorf("median %v of %v", median(got), got)
	}
}
