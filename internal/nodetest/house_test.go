package nodetest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/cli"
	"github.com/pawlauth/pawl/internal/servertest"
)

const (
	issuer   = "http://127.0.0.1:8080" // of all nodes: what a proxy in front of them would be called
	password = "seven purple herons"

	// patience bounds every wait for something that must happen.
	patience = 30 * time.Second

	asPawl = "NODETEST_AS_PAWL"
)

// TestMain lets the test binary be the pawl command, when it is told to.
func TestMain(m *testing.M) {
	if os.Getenv(asPawl) == "" {
		os.Exit(m.Run())
	}
	_ = os.Unsetenv("PAWL_TEST_NO_INSTALL") // the tests' own, and no setting
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// house is what nodes share.
type house struct {
	t        *testing.T
	env      []string          // where the stores are, and the master key
	database string            // URL
	redis    *servertest.Redis // nil: sessions are in PostgreSQL
	settings []string          // flags of every node
}

// newHouse is a house with a new database. A Redis is emptied first.
func newHouse(t *testing.T, db *servertest.Postgres, redis *servertest.Redis) *house {
	t.Helper()
	name := fmt.Sprintf("pawl_%d", time.Now().UnixNano())
	db.Exec("postgres", "CREATE DATABASE "+name)
	h := &house{t: t, database: db.URL(name), redis: redis}
	h.env = []string{asPawl + "=1", "PAWL_DATABASE=" + h.database, "PAWL_DATABASE_LISTEN=" + h.database, "PAWL_MASTER_KEY=" + pawl.NewMasterKey().Text()}
	if redis != nil {
		redis.Do("FLUSHALL")
		h.env = append(h.env, "PAWL_SESSIONS="+redis.URL)
	}
	return h
}

// node is a running server.
type node struct {
	*servertest.Process
	t   *testing.T
	url string
}

// launch starts a node and does not wait for it.
func (h *house) launch() *node {
	h.t.Helper()
	return h.launchAt(filepath.Join(h.t.TempDir(), "data"))
}

// launchAt starts a node with a data directory.
func (h *house) launchAt(data string) *node {
	h.t.Helper()
	addr := servertest.FreeAddr(h.t)
	exe, err := os.Executable()
	if err != nil {
		h.t.Fatal(err)
	}
	args := append([]string{"serve", "--listen", addr, "--issuer", issuer, "--data-dir", data, "--reuse-window", "200ms"}, h.settings...)
	n := &node{t: h.t, url: "http://" + addr}
	n.Process = servertest.Start(h.t, addr, servertest.Options{Env: h.env, Ready: func() error { return nil }}, exe, args...)
	return n
}

// ready waits until the node can serve.
func (n *node) ready() {
	n.t.Helper()
	await(n.t, "the node is ready", func() bool {
		status, _ := n.call(http.MethodGet, "/readyz", "", nil, nil)
		return status == http.StatusOK
	})
}

// start starts nodes, all at once.
func (h *house) start(n int) []*node {
	h.t.Helper()
	nodes := make([]*node, n)
	for i := range nodes {
		nodes[i] = h.launch()
	}
	for _, n := range nodes {
		n.ready()
	}
	return nodes
}

// pawl runs a command beside the nodes.
func (h *house) pawl(stdin string, args ...string) string {
	h.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		h.t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Env = append(h.env, "HOME="+h.t.TempDir(), "GORACE=atexit_sleep_ms=0")
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		h.t.Fatalf("pawl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// call gives the status and, where that is an error, its code and detail.
func (n *node) call(method, path, bearer string, body, answer any) (status int, problem string) {
	return n.callWith(method, path, http.Header{"Authorization": {"Bearer " + bearer}}, body, answer)
}

func (n *node) callWith(method, path string, header http.Header, body, answer any) (status int, problem string) {
	var content io.Reader
	if body != nil {
		encoded, _ := json.Marshal(body)
		content = strings.NewReader(string(encoded))
	}
	r, err := http.NewRequest(method, n.url+path, content)
	if err != nil {
		return 0, err.Error()
	}
	r.Header = header
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Pawl-Request", "1")
	if r.Header.Get("Authorization") == "Bearer " {
		r.Header.Del("Authorization")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	if resp.StatusCode >= 400 {
		return resp.StatusCode, api.ReadProblem(resp.StatusCode, resp.Header, b).Error()
	}
	if answer != nil {
		if err = json.Unmarshal(b, answer); err != nil {
			return 0, err.Error()
		}
	}
	return resp.StatusCode, ""
}

func (n *node) signIn(login string) api.TokenResponse {
	n.t.Helper()
	var t api.TokenResponse
	if _, problem := n.call(http.MethodPost, "/api/login", "", api.LoginRequest{UserID: login, Password: password, Delivery: api.DeliveryBody}, &t); problem != "" {
		n.t.Fatal("sign-in:", problem)
	}
	return t
}

func (n *node) reissue(refresh string) (t api.TokenResponse, problem string) {
	_, problem = n.call(http.MethodPost, "/api/reissue", "", api.ReissueBody{RefreshToken: refresh}, &t)
	return t, problem
}

// reissueWith reissues with an Idempotency-Key.
func (n *node) reissueWith(refresh, key string, t *api.TokenResponse) (problem string) {
	_, problem = n.callWith(http.MethodPost, "/api/reissue", http.Header{"Idempotency-Key": {key}}, api.ReissueBody{RefreshToken: refresh}, t)
	return problem
}

// check asks the node's guard about an access token.
func (n *node) check(access string) (status int, problem string) {
	return n.call(http.MethodGet, "/api/session", access, nil, nil)
}

func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it does not come to pass that %s", what)
		}
	}
}

// long reports whether the long settings are asked for.
func long() bool { return os.Getenv("CI") == "true" }
