package keytest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/httpapi"
	"github.com/pawlauth/pawl/internal/servertest"
	"github.com/pawlauth/pawl/password"
	"github.com/pawlauth/pawl/store/postgres"
	"github.com/pawlauth/pawl/store/sqlite"
)

const (
	issuer = "https://id.example"
	login  = "ann"
	secret = "seven purple herons"

	// patience bounds every wait for something that must happen.
	patience = 30 * time.Second
)

// role is what a process of this test is told to be, in roleVariable.
type role struct {
	Reseal    []string // two master keys to seal under in turns, instead of serving
	Database  string
	MasterKey string
	Policy    pawl.KeyPolicy
	Lifetimes pawl.Policy
}

const roleVariable = "PAWL_KEYTEST"

// TestMain lets the test binary be a node, when it is told to.
func TestMain(m *testing.M) {
	told := os.Getenv(roleVariable)
	if told == "" {
		os.Exit(m.Run())
	}
	var r role
	err := json.Unmarshal([]byte(told), &r)
	if err == nil && len(r.Reseal) > 0 {
		err = r.reseal()
	} else if err == nil {
		err = r.serve()
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// serve is a node; it prints its URL.
func (r role) serve() error {
	ctx := context.Background()
	s, err := openStore(ctx, r.Database)
	if err != nil {
		return err
	}
	master, err := pawl.ParseMasterKey(r.MasterKey)
	if err != nil {
		return err
	}
	svc, err := pawl.New(ctx, pawl.Config{
		Issuer: issuer, Audience: []string{issuer}, Sessions: s, Users: s, Keys: s, MasterKey: master,
		Policy: r.Lifetimes, KeyPolicy: r.Policy, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	h, err := httpapi.New(svc, httpapi.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", l.Addr())
	return http.Serve(l, h)
}

// house is the database, and what a command knows of it.
type house struct {
	pawl.KeyAdmin
	t    *testing.T
	role role // of its nodes
}

// eachEngine runs a test on a new database of each engine.
func eachEngine(t *testing.T, test func(t *testing.T, database string)) {
	t.Run("SQLite", func(t *testing.T) { test(t, filepath.Join(t.TempDir(), "pawl.db")) })
	t.Run("PostgreSQL", func(t *testing.T) {
		test(t, servertest.StartPostgres(t, servertest.PostgresOptions{}).URL("postgres"))
	})
}

// store is what a database holds, whatever its engine.
type store interface {
	pawl.SessionStore
	pawl.UserStore
	pawl.KeyStore
	Close() error
}

func openStore(ctx context.Context, database string) (store, error) {
	if strings.HasPrefix(database, "postgres://") {
		return postgres.Open(ctx, database, postgres.Options{})
	}
	return sqlite.Open(ctx, database, sqlite.Options{})
}

func newHouse(t *testing.T, database string, policy pawl.KeyPolicy, lifetimes pawl.Policy) *house {
	t.Helper()
	s, err := openStore(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	hasher, err := password.New(password.Options{})
	if err != nil {
		t.Fatal(err)
	}
	hash, err := hasher.Hash(t.Context(), secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.CreateUser(t.Context(), pawl.User{ID: "id-ann", Login: login, PasswordHash: hash}); err != nil {
		t.Fatal(err)
	}
	master := pawl.NewMasterKey()
	return &house{
		t:        t,
		role:     role{Database: database, MasterKey: master.Text(), Policy: policy, Lifetimes: lifetimes},
		KeyAdmin: pawl.KeyAdmin{Store: s, MasterKey: master, Policy: policy, Lifetimes: lifetimes},
	}
}

// process runs this test binary in a role until the test ends.
func process(t *testing.T, r role) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	told, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = []string{roleVariable + "=" + string(told), "GORACE=atexit_sleep_ms=0"}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // fails where it has ended
		_ = cmd.Wait()         // a killed process says so
	})
	return cmd, bufio.NewReader(out)
}

// node is a server process.
type node struct{ url string }

func (h *house) start() node {
	h.t.Helper()
	_, out := process(h.t, h.role)
	line, err := out.ReadString('\n')
	if err != nil {
		h.t.Fatal("the node did not start:", err)
	}
	return node{strings.TrimSpace(line)}
}

// call gives the status and, where that is an error, its code and detail.
func (n node) call(method, path, bearer string, body, answer any) (status int, problem string) {
	encoded, _ := json.Marshal(body)
	r, err := http.NewRequest(method, n.url+path, strings.NewReader(string(encoded)))
	if err != nil {
		return 0, err.Error()
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Pawl-Request", "1")
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
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
		err = json.Unmarshal(b, answer)
	}
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, ""
}

func (n node) signIn() (t api.TokenResponse, problem string) {
	_, problem = n.call(http.MethodPost, "/api/login", "", api.LoginRequest{UserID: login, Password: secret, Delivery: api.DeliveryBody}, &t)
	return t, problem
}

func (n node) reissue(refresh string) (t api.TokenResponse, problem string) {
	_, problem = n.call(http.MethodPost, "/api/reissue", "", api.ReissueBody{RefreshToken: refresh}, &t)
	return t, problem
}

// check asks the node's guard about an access token.
func (n node) check(access string) (status int, problem string) {
	return n.call(http.MethodGet, "/api/session", access, nil, nil)
}

// await waits until something is so.
func (h *house) await(what string, is func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Fatalf("it does not come to pass that %s", what)
		}
	}
}

// long reports whether the long settings are asked for.
func long() bool { return os.Getenv("CI") == "true" }
