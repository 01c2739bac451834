package chaostest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/httpapi"
)

const (
	issuer = "https://id.example"

	// window is the reuse_window of every node. The shorter it is, the more often
	// a run crosses it.
	window = 200 * time.Millisecond

	// sessionsPerUser is the session_limit of every node: more than sign-ins whose
	// answer was lost, and which come late, can fill.
	sessionsPerUser = 5

	// bodyRoom is more than any answer here.
	bodyRoom = 1 << 20
)

// role is what a process of this test is told to be, in roleVariable.
type role struct {
	Serve     string // where clients find it
	Listen    string // where the store is heard at once; empty: it is asked
	Database  string // where users, keys and registered clients are
	Sessions  string // where the sessions are; empty: in the database
	MasterKey string
	Proxies   map[string]string // of the session store's servers: address → proxy
	Skew      time.Duration     // how far the node's own clock is ahead
	Sabotage  string            // a fault of Pawl itself, to show that it would be found
	Stops     bool              // it stops at the rotations of sessions with the labels below, until it is told to go on
}

const roleVariable = "PAWL_CHAOSTEST"

// TestMain lets the test binary be a node, when it is told to.
func TestMain(m *testing.M) {
	told := os.Getenv(roleVariable)
	if told == "" {
		os.Exit(m.Run())
	}
	var r role
	err := json.Unmarshal([]byte(told), &r)
	if err == nil {
		err = r.serve(context.Background())
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// said is what a node writes about each event, one line of JSON.
type said struct {
	Kind    string
	Row     int
	Session string
	Reason  string
}

// teller writes what happens to standard output.
func teller() func(context.Context, pawl.Event) {
	var mu sync.Mutex
	out := json.NewEncoder(os.Stdout)
	return func(_ context.Context, e pawl.Event) {
		mu.Lock()
		defer mu.Unlock()
		_ = out.Encode(said{Kind: e.Kind, Row: e.Row, Session: e.Session, Reason: e.Reason})
	}
}

// serve is a node.
func (r role) serve(ctx context.Context) error {
	go listenForGoOn()
	s, err := r.open(ctx)
	if err != nil {
		return err
	}
	master, err := pawl.ParseMasterKey(r.MasterKey)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	svc, err := pawl.New(ctx, pawl.Config{
		Issuer: issuer, Audience: []string{issuer},
		Sessions: r.sabotaged(s.sessions), Users: s.database, Keys: s.database, Clients: s.database, Audit: s.database,
		MasterKey: master, Policy: pawl.Policy{AccessTTL: 15 * time.Minute, ReuseWindow: window},
		SessionsPerUser: sessionsPerUser,
		Now:             s.now, OnEvent: teller(), Log: log,
	})
	if err != nil {
		return err
	}
	h, err := httpapi.New(svc, httpapi.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", r.Serve)
	if err != nil {
		return err
	}
	return httpapi.Serve(ctx, httpapi.Server(h, httpapi.ServerOptions{Log: log}), l, 0)
}

// database is what a store for everything but sessions can do.
type database interface {
	pawl.UserStore
	pawl.KeyStore
	pawl.AuditStore
	pawl.ClientStore
	Close() error
}

// stores are those of one node.
type stores struct {
	database database
	sessions pawl.SessionStore
	clock    *pawl.Clock // nil where the store has none
	now      func() time.Time
}

// clock is the node's own, which may be wrong.
func (r role) clock() time.Time { return time.Now().Add(r.Skew) }

// ready asks a node whether it answers.
func ready(url string) error {
	c := http.Client{Timeout: time.Second}
	resp, err := c.Get(url + "/readyz")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}

// long reports whether the long settings are asked for.
func long() bool { return os.Getenv("CI") == "true" }

// Labels of sessions at whose rotation a node stops, and says so.
const (
	stopsBefore = "stops before the write"
	stopsAfter  = "stops after the write"
)

// stopping is a store at whose advances a node stops.
type stopping struct{ pawl.SessionStore }

func (s *stopping) Rotate(ctx context.Context, from, next pawl.Session) (bool, error) {
	if next.Generation == from.Generation {
		return s.SessionStore.Rotate(ctx, from, next)
	}
	stopAt(next, stopsBefore)
	defer stopAt(next, stopsAfter)
	return s.SessionStore.Rotate(ctx, from, next)
}

// goOn is what lets a stopped node go on: a line on standard input.
var goOn = make(chan struct{})

func stopAt(rec pawl.Session, label string) {
	if rec.Client.Label == label {
		teller()(context.Background(), pawl.Event{Kind: label, Session: rec.ID})
		<-goOn
	}
}

func listenForGoOn() {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		goOn <- struct{}{}
	}
	os.Exit(0) // it ends with the test, however that ends
}

// name is what is counted: by row where there is one.
func (s said) name() string {
	if s.Row > 0 {
		return strconv.Itoa(s.Row) + "-" + s.Kind
	}
	return s.Kind
}

// logTail keeps the end of what a node wrote to its log.
type logTail struct {
	mu sync.Mutex
	b  []byte
}

func (l *logTail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b = append(l.b, p...)
	if len(l.b) > 64<<10 {
		l.b = append([]byte(nil), l.b[len(l.b)-32<<10:]...)
	}
	return len(p), nil
}

// check fails the test if the node died of itself, and shows the log where
// anything went wrong.
func (l *logTail) check(t testing.TB) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.Failed() && len(l.b) > 0 {
		t.Logf("a node wrote:\n%s", l.b[max(0, len(l.b)-16<<10):])
	}
	for _, sign := range []string{"DATA RACE", "panic:", "fatal error:"} {
		if bytes.Contains(l.b, []byte(sign)) {
			t.Errorf("a node wrote:\n%s", l.b)
			return
		}
	}
}
