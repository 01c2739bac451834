// Package browsertest runs tests in a real Chromium: a Go test starts servers,
// a scenario in JavaScript drives the browser with Playwright, and each of its
// tests becomes a subtest.
package browsertest

import (
	"embed"
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl/internal/nodetest"
	"github.com/pawlauth/pawl/internal/servertest"
)

//go:embed node/*.mjs node/package.json node/package-lock.json
var files embed.FS

// Scenario is a module in JavaScript whose default export maps the names of
// tests to functions (see node/run.mjs), and what it needs.
type Scenario struct {
	File    string             // relative to the test's package
	Input   any                // as JSON: the tests' input
	Control map[string]Control // what the tests can call
	Limit   time.Duration      // bounds a hang; 0: ten minutes
}

// Control is a function of the Go side that a scenario calls by name. What it
// gives goes back as JSON.
type Control func(argument json.RawMessage) (any, error)

// Run runs the scenario's tests, one after the other, as subtests of t. Without
// Chromium or Node it skips, loudly; with -short, too.
func Run(t *testing.T, s Scenario) {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes its time")
	}
	chromium := servertest.Program(t, "chromium", "chromium")
	node, err := fs.Sub(files, "node")
	if err != nil {
		t.Fatal(err)
	}
	modules := nodetest.Install(t, node)
	scenario, err := filepath.Abs(s.File)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, node); err != nil {
		t.Fatal(err)
	}
	control := httptest.NewServer(controls(s.Control))
	defer control.Close()
	settings, err := json.Marshal(map[string]any{
		"scenario": scenario, "modules": modules, "chromium": chromium, "control": control.URL, "input": s.Input,
	})
	if err != nil {
		t.Fatal(err)
	}
	nodetest.Run(t, nodetest.Command{Dir: dir, Args: []string{"run.mjs"}, Stdin: string(settings), Limit: s.Limit})
}

func controls(calls map[string]Control) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var argument json.RawMessage
		call, ok := calls[strings.TrimPrefix(r.URL.Path, "/")]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			_ = json.NewEncoder(w).Encode("the test has no such control")
			return
		}
		_ = json.NewDecoder(r.Body).Decode(&argument)
		got, err := call(argument)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			got = err.Error()
		}
		_ = json.NewEncoder(w).Encode(got)
	})
}

// Serve serves h by TLS with a certificate of its own, and HTTP/2, until the test
// ends, and gives the port. Chromium reaches it as https://localhost:port and as
// https://127.0.0.1:port, which are two sites.
func Serve(t *testing.T, h http.Handler) (port string) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0) // browsers break connections off
	s.StartTLS()
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL[strings.LastIndex(s.URL, ":")+1:]
}
