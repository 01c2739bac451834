package httpapi_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/httpapi"
	"github.com/pawlauth/pawl/token"
)

// told is an event of the feed.
type told struct{ name, id, data string }

// listener is a follower of the feed.
type listener struct {
	t      testing.TB
	events chan told // closed at the end
	header http.Header
	ctx    context.Context
	stop   context.CancelFunc
}

// listen follows the feed, behind a cursor.
func (s *staffed) listen(after string) *listener {
	s.t.Helper()
	r := s.request("GET", "/api/revocations", "", s.clients["feed"])
	if after != "" {
		r.Header.Set("Last-Event-ID", after)
	}
	return followFeed(s.t, s.http, r)
}

func followFeed(t testing.TB, client *http.Client, r *http.Request) *listener {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
	resp, err := client.Do(r.WithContext(ctx))
	if err != nil {
		stop()
		t.Fatal(err)
	}
	if resp.StatusCode != 200 {
		t.Fatalf("the feed: %s", resp.Status)
	}
	l := &listener{t: t, events: make(chan told, 100_000), header: resp.Header, ctx: ctx, stop: stop}
	t.Cleanup(stop)
	go func() {
		defer close(l.events)
		defer resp.Body.Close()
		var e told
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			field, value, _ := strings.Cut(lines.Text(), ": ")
			switch field {
			case "event":
				e.name = value
			case "id":
				e.id = value
			case "data":
				e.data = value
			case "":
				if e.name != "" {
					l.events <- e
				}
				e = told{}
			}
		}
	}()
	return l
}

// next gives the next event that is one of the named, heartbeats and all else
// passed over.
func (l *listener) next(names ...string) told {
	l.t.Helper()
	for e := range l.events {
		for _, name := range names {
			if e.name == name {
				return e
			}
		}
	}
	l.t.Fatalf("the feed ended before one of %v", names)
	return told{}
}

// ends waits until the server ends the stream, and not the test's own patience.
func (l *listener) ends() {
	l.t.Helper()
	for e := range l.events {
		_ = e
	}
	if l.ctx.Err() != nil {
		l.t.Error("the server did not end the stream")
	}
}

func (e told) entry(t testing.TB) (in api.FeedEntry) {
	t.Helper()
	if err := json.Unmarshal([]byte(e.data), &in); err != nil {
		t.Fatalf("%v: %s", err, e.data)
	}
	return in
}

// all gives what is told up to the first heartbeat.
func (l *listener) all() (entries []api.FeedEntry, reset bool, cursor string) {
	l.t.Helper()
	for {
		switch e := l.next(api.FeedReset, api.FeedRevoked, api.FeedCurrent); e.name {
		case api.FeedReset:
			reset, entries = true, nil
		case api.FeedRevoked:
			entries = append(entries, e.entry(l.t))
		default:
			return entries, reset, e.id
		}
	}
}

// What is live first, then what changes, each with a cursor to go on from.
func TestTheFeedTellsWhatIsLiveAndThenWhatChanges(t *testing.T) {
	s := startStaffed(t)
	anna, before := s.anna()
	s.send("POST", "/api/logout", "", bearer(before.AccessToken)).is(204, "")
	l := s.listen("")
	for name, want := range map[string]string{"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"} {
		if got := l.header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	entries, reset, _ := l.all()
	if !reset || len(entries) != 1 || entries[0].Kind != token.KindSession || entries[0].ID != before.SessionID || entries[0].Reason != api.ReasonSignedOut {
		t.Errorf("at the start: %v %+v", reset, entries)
	}

	after := s.SignIn(anna.ID)
	s.send("POST", "/api/logout", "", bearer(after.AccessToken)).is(204, "")
	one := l.next(api.FeedRevoked)
	if in := one.entry(t); in.ID != after.SessionID || in.NotBefore != nil || one.id == "" {
		t.Errorf("a logout: %+v", one)
	}
	if _, err := s.Service.EndUser(t.Context(), anna.ID, api.ReasonEndedByAdmin); err != nil {
		t.Fatal(err)
	}
	if in := l.next(api.FeedRevoked).entry(t); in.Kind != token.KindUser || in.ID != anna.ID || in.NotBefore == nil {
		t.Errorf("an end of a user: %+v", in)
	}
	if err := s.Service.EndAll(t.Context(), api.ReasonEndedByAdmin); err != nil {
		t.Fatal(err)
	}
	last := l.next(api.FeedRevoked)
	if in := last.entry(t); in.Kind != token.KindAll || in.ID != "" || in.NotBefore == nil {
		t.Errorf("an end of all: %+v", in)
	}
	l.stop()

	entries, reset, _ = s.listen(one.id).all()
	if reset || len(entries) != 2 || entries[0].Kind != token.KindUser || entries[1].Kind != token.KindAll {
		t.Errorf("resumed: %v %+v", reset, entries)
	}
	entries, reset, cursor := s.listen(last.id).all()
	if reset || len(entries) != 0 || cursor != last.id {
		t.Errorf("resumed at the end: %v %+v %q", reset, entries, cursor)
	}
	for _, unknown := range []string{"0123456789abcdef:1", "nonsense", last.id + "000", ":"} {
		if entries, reset, _ := s.listen(unknown).all(); !reset || len(entries) != 4 {
			t.Errorf("from the unknown cursor %q: %v %+v", unknown, reset, entries)
		}
	}
}

// Pages are an inner matter: a follower gets all, each once, and is told then
// that it has.
func TestTheFeedOfMoreThanAPage(t *testing.T) {
	s := startStaffed(t)
	const n = 1001
	s.endMany(n)
	entries, reset, cursor := s.listen("").all()
	ids := map[string]bool{}
	for _, e := range entries {
		ids[e.ID] = true
	}
	if !reset || len(entries) != n || len(ids) != n || cursor == "" {
		t.Errorf("reset %v, %d entries, %d different", reset, len(entries), len(ids))
	}
}

// endMany starts and ends n sessions.
func (s *staffed) endMany(n int) {
	s.t.Helper()
	u := s.Add(pawl.User{ID: "id-many", Login: "many"})
	for range n {
		a := s.SignIn(u.ID)
		if err := s.Service.Logout(context.Background(), api.ReissueRequest{RefreshToken: a.RefreshToken}); err != nil {
			s.t.Fatal(err)
		}
	}
}

// SECURITY 18: whoever follows hears of a removed key at once.
func TestTheFeedNamesTheKeys(t *testing.T) {
	s := startStaffed(t)
	l := s.listen("")
	kids := func() string { return l.next(api.FeedKeys).data }
	signing := s.Service.KeySet().Signing().ID()
	if got := kids(); got != fmt.Sprintf(`{"kids":[%q]}`, signing) {
		t.Errorf("at the start: %s", got)
	}
	if _, err := s.Service.RemoveKeys(t.Context(), signing); err != nil {
		t.Fatal(err)
	}
	if got := kids(); got != fmt.Sprintf(`{"kids":[%q]}`, s.Service.KeySet().Signing().ID()) || strings.Contains(got, signing) {
		t.Errorf("after the removal: %s", got)
	}
}

// A secret key is not named: there is nothing that others could do with it.
func TestTheFeedNamesNoSecretKey(t *testing.T) {
	s := startStaffed(t, withConfig(func(c *pawl.Config) { c.KeyPolicy.Algorithm = token.HS256 }))
	if got := s.listen("").next(api.FeedKeys).data; got != `{"kids":[]}` {
		t.Error(got)
	}
}

func TestTheHeartbeat(t *testing.T) {
	t.Parallel()
	s := startStaffed(t)
	l := s.listen("")
	l.next(api.FeedCurrent)
	s.Advance(7 * time.Second)
	for want := s.Service.Now(); ; {
		var now api.FeedNow
		e := l.next(api.FeedCurrent)
		if err := json.Unmarshal([]byte(e.data), &now); err != nil || now.KeepSeconds != 31*60 || e.id == "" {
			t.Fatalf("%v: %+v", err, e)
		}
		if now.Time.Equal(want) {
			return
		}
	}
}

// A heartbeat says that the log was read to its end. While it cannot be, saying
// so would have followers accept what was ended meanwhile.
func TestThereIsNoHeartbeatWithoutTheStore(t *testing.T) {
	t.Parallel()
	s := startStaffed(t)
	l := s.listen("")
	l.next(api.FeedCurrent)
	s.StoreDown(true)
	s.send("GET", "/api/revocations", "", s.clients["feed"]).is(503, "unavailable")
	s.Advance(time.Hour)
	during := s.Service.Now()
	s.Advance(time.Hour)
	s.StoreDown(false)
	after := s.Service.Now()
	for {
		var now api.FeedNow
		if err := json.Unmarshal([]byte(l.next(api.FeedCurrent).data), &now); err != nil {
			t.Fatal(err)
		}
		if now.Time.Equal(during) {
			t.Fatal("a heartbeat while the store was down")
		}
		if now.Time.Equal(after) {
			return
		}
	}
}

// Nor between two pages of the log: it says that all was told.
func TestThereIsNoHeartbeatBetweenPages(t *testing.T) {
	s := startStaffed(t)
	for _, more := range []bool{true, false} {
		step := pawl.LogStep{RevocationPage: pawl.RevocationPage{Cursor: "c", More: more}, Keys: s.Service.KeySet()}
		got, err := httpapi.FeedStep(s.Service, step)
		if err != nil || strings.Contains(got, api.FeedCurrent) == more {
			t.Errorf("more %v: %v, %q", more, err, got)
		}
	}
}

// gated is a connection that takes nothing, once it was told the first time that
// it has all, until its gate opens.
type gated struct {
	*httptest.ResponseRecorder
	gate    chan struct{}
	current chan struct{} // closed at the first heartbeat
	last    string        // what ends the stream
	stop    context.CancelFunc
	once    sync.Once
}

func (w *gated) Write(b []byte) (int, error) {
	select {
	case <-w.current:
		<-w.gate
	default:
	}
	n, err := w.ResponseRecorder.Write(b)
	if bytes.Contains(b, []byte("event: "+api.FeedCurrent)) {
		w.once.Do(func() { close(w.current) })
	}
	if bytes.Contains(b, []byte(w.last)) {
		w.stop()
	}
	return n, err
}

// A follower that stops reading for a while, and is left behind by what is kept
// for all, misses nothing.
func TestAFollowerThatTheRingLeftBehind(t *testing.T) {
	const n = 6_000 // more than a mebibyte
	s := startStaffed(t)
	r := httptest.NewRequest("GET", "/api/revocations", nil)
	name, value, _ := strings.Cut(s.clients["feed"], ": ")
	r.Header.Set(name, value)
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	w := &gated{
		ResponseRecorder: httptest.NewRecorder(), gate: make(chan struct{}), current: make(chan struct{}),
		last: longName(n - 1), stop: stop,
	}
	go func() {
		<-w.current
		s.endLongNames(n)
		for s.Service.Revoked().Len() < n {
			time.Sleep(time.Millisecond)
		}
		close(w.gate)
	}()
	s.handler(nil).ServeHTTP(w, r.WithContext(ctx))
	ended := map[string]bool{}
	for line := range strings.Lines(w.Body.String()) {
		if _, text, ok := strings.Cut(line, `"id":"`); ok {
			id, _, _ := strings.Cut(text, `"`)
			ended[id] = true
		}
	}
	if len(ended) != n {
		t.Errorf("told of %d ends of %d", len(ended), n)
	}
}

func TestWhoMayFollow(t *testing.T) {
	s := startStaffed(t)
	_, tokens := s.anna()
	for _, c := range []struct {
		who    string
		header string
		status int
		code   string
	}{
		{"nobody", "X-Nothing: 1", 401, "access_denied"},
		{"a person", bearer(tokens.AccessToken), 403, "access_denied"},
		{"an administrator", s.root, 403, "access_denied"},
		{"a client without the scope", s.clients["users"], 403, "access_denied"},
		{"another without it", s.clients["sessions"], 403, "access_denied"},
		{"a wrong secret", basic("only-feed", "wrong"), 401, "invalid_credentials"},
		{"an unknown client", basic("no-such", "wrong"), 401, "invalid_credentials"},
	} {
		t.Run(c.who, func(*testing.T) { s.send("GET", "/api/revocations", "", c.header).is(c.status, c.code) })
	}
	s.send("GET", "/api/revocations?access_token=x", "", s.clients["feed"]).is(400, "invalid_request")
	s.send("GET", "/api/revocations?last-event-id=x", "", s.clients["feed"]).is(400, "invalid_request")
	s.send("POST", "/api/revocations", "", s.clients["feed"]).is(405, "invalid_request")
	if a := s.send("HEAD", "/api/revocations", "", s.clients["feed"]); a.status != 200 || a.body != "" {
		t.Errorf("HEAD: %d %q", a.status, a.body)
	}
}

// A client that is removed is cut off within some heartbeats; others stay.
func TestARemovedClientIsCutOff(t *testing.T) {
	t.Parallel()
	s := startStaffed(t)
	_, secret, err := s.Service.AddClient(t.Context(), "other", []string{pawl.ScopeFeed})
	if err != nil {
		t.Fatal(err)
	}
	l, stays := s.listen(""), followFeed(t, s.http, s.request("GET", "/api/revocations", "", basic("other", secret)))
	l.next(api.FeedCurrent)
	if err := s.Service.RemoveClient(t.Context(), "only-feed"); err != nil {
		t.Fatal(err)
	}
	l.ends()
	for len(stays.events) > 0 {
		stays.next(api.FeedCurrent)
	}
	stays.next(api.FeedCurrent)
}

// Shutdown waits for requests: this one must not keep it waiting.
func TestAShutdownEndsTheFeedAtOnce(t *testing.T) {
	s := startStaffed(t)
	h, err := httpapi.New(s.Service, httpapi.Options{Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- httpapi.Serve(ctx, httpapi.Server(h, httpapi.ServerOptions{Log: quiet}), l, time.Minute)
	}()
	r := s.request("GET", "/api/revocations", "", s.clients["feed"])
	r.URL.Scheme, r.URL.Host = "http", l.Addr().String()
	follower := followFeed(t, http.DefaultClient, r)
	follower.next(api.FeedCurrent)
	stop()
	follower.ends()
	if err := <-served; err != nil {
		t.Errorf("the shutdown: %v", err)
	}
}

// The limits of an ordinary request do not end the stream.
func TestTheFeedOutlivesTheServersTimeouts(t *testing.T) {
	t.Parallel()
	s := startStaffed(t)
	h, err := httpapi.New(s.Service, httpapi.Options{Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(h)
	srv.Config = httpapi.Server(h, httpapi.ServerOptions{ReadTimeout: 300 * time.Millisecond, WriteTimeout: 300 * time.Millisecond, Log: quiet})
	srv.Start()
	defer srv.Close()
	defer srv.CloseClientConnections()
	r := s.request("GET", "/api/revocations", "", s.clients["feed"])
	r.URL.Scheme, r.URL.Host = "http", srv.Listener.Addr().String()
	follower := followFeed(t, srv.Client(), r)
	for range 4 { // more than two seconds
		follower.next(api.FeedCurrent)
	}
}

// A follower that does not read holds up nobody, and is cut off.
func TestASlowFollowerIsCutOffAndHoldsUpNobody(t *testing.T) {
	s := startStaffed(t)
	defer func(before time.Duration) { *httpapi.FeedWrite = before }(*httpapi.FeedWrite)
	*httpapi.FeedWrite = 500 * time.Millisecond
	cutOff := make(chan string, 10)
	s.stuckFollower(s.handler(func(route string, _ int, _ time.Duration) { cutOff <- route }))
	l := s.listen("")
	l.all()
	_, a := s.anna()
	s.send("POST", "/api/logout", "", bearer(a.AccessToken)).is(204, "")
	for l.next(api.FeedRevoked).entry(t).ID != a.SessionID { // entries can come twice
	}
	if route := <-cutOff; route != "/api/revocations" {
		t.Errorf("what ended was %q", route)
	}
}

// endLongNames ends n users whose names have 120 characters and more.
func (s *staffed) endLongNames(n int) {
	s.t.Helper()
	for i := range n {
		if _, _, err := s.store.EndUser(context.Background(), longName(i), "", api.ReasonDisabled, s.Service.Now()); err != nil {
			s.t.Error(err)
			return
		}
	}
}

func longName(i int) string { return fmt.Sprintf("user %0120d", i) }

// stuckFollower follows a feed of more than the network holds on its own, and
// does not read it.
func (s *staffed) stuckFollower(h http.Handler) {
	s.t.Helper()
	s.endLongNames(20_000)
	srv := httptest.NewServer(h)
	s.t.Cleanup(srv.Close)
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	_ = conn.(*net.TCPConn).SetReadBuffer(1 << 10)
	fmt.Fprintf(conn, "GET /api/revocations HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", s.clients["feed"])
}

func (s *staffed) handler(onRequest func(string, int, time.Duration)) http.Handler {
	s.t.Helper()
	h, err := httpapi.New(s.Service, httpapi.Options{Log: quiet, OnRequest: onRequest})
	if err != nil {
		s.t.Fatal(err)
	}
	return h
}

// A thousand followers on one node all hear of an end; what they cost is shown.
func TestAThousandFollowers(t *testing.T) {
	const n = 1000
	s := startStaffed(t)
	_, secret, err := s.Service.AddClient(t.Context(), "second", []string{pawl.ScopeFeed})
	if err != nil {
		t.Fatal(err)
	}
	clients := []string{s.clients["feed"], basic("second", secret)} // one may have 500
	srv := httptest.NewServer(s.handler(nil))
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	memory := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	empty := memory()
	all := make([]*bufio.Reader, n) // no http.Client: its memory is not the server's
	for i := range all {
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		fmt.Fprintf(conn, "GET /api/revocations HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", clients[i%2])
		all[i] = bufio.NewReaderSize(conn, 256)
	}
	waitFor := func(r *bufio.Reader, text string) {
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				t.Fatalf("before %q: %v", text, err)
			}
			if strings.Contains(line, text) {
				return
			}
		}
	}
	for _, r := range all {
		waitFor(r, "event: current")
	}
	full := memory()
	u := s.Add(pawl.User{ID: "id-bob", Login: "bob"})
	a := s.SignIn(u.ID)
	s.send("POST", "/api/logout", "", bearer(a.AccessToken)).is(204, "")
	answered := time.Now()
	for _, r := range all {
		waitFor(r, a.SessionID)
	}
	t.Attr("feed-1000-followers-memory", fmt.Sprintf("%d KiB each, the reader's own included", (full-empty)/n/1024))
	t.Attr("feed-1000-followers-logout-to-the-last", time.Since(answered).Round(time.Millisecond).String())
}

// slowWriter is a follower's connection that takes a second for each piece.
type slowWriter struct {
	*httptest.ResponseRecorder
	s    *staffed
	stop context.CancelFunc
}

func (w slowWriter) Write(b []byte) (int, error) {
	w.s.Advance(time.Second)
	n, err := w.ResponseRecorder.Write(b)
	if strings.Contains(w.Body.String(), "event: "+api.FeedCurrent) {
		w.stop()
	}
	return n, err
}

// "You are up to date" is said of the moment when the log was read, not of when
// a slow connection had taken what was read.
func TestTheFirstHeartbeatIsAsOldAsWhatWasRead(t *testing.T) {
	s := startStaffed(t)
	read := s.Service.Now()
	r := httptest.NewRequest("GET", "/api/revocations", nil)
	name, value, _ := strings.Cut(s.clients["feed"], ": ")
	r.Header.Set(name, value)
	ctx, stop := context.WithCancel(t.Context())
	w := slowWriter{httptest.NewRecorder(), s, stop}
	s.handler(nil).ServeHTTP(w, r.WithContext(ctx))
	if s.Service.Now().Equal(read) {
		t.Fatal("the connection was not slow")
	}
	_, data, _ := strings.Cut(w.Body.String(), "event: "+api.FeedCurrent)
	_, data, _ = strings.Cut(data, "\ndata: ")
	var now api.FeedNow
	if err := json.NewDecoder(strings.NewReader(data)).Decode(&now); err != nil || !now.Time.Equal(read) {
		t.Errorf("%v: read at %v, said %v", err, read, now.Time)
	}
}
