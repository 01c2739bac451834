package interop_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// services are the examples in Node.
var services = []struct {
	file    string
	ed25519 bool
	noKeys  int // the answer when the issuer was never there
}{
	{"jose.mjs", true, http.StatusServiceUnavailable},
	{"express.mjs", false, http.StatusUnauthorized}, // it does not tell the two apart
}

func TestNodeServicesCheckAccessTokensUnmodified(t *testing.T) {
	dir, pawl := install(t), build(t)
	var issuers []*issuer // at once, so that the tokens to be expired expire together
	for _, algorithm := range []string{token.ES256, token.RS256, token.Ed25519} {
		issuers = append(issuers, newIssuer(t, pawl, algorithm))
	}
	for _, i := range issuers {
		for _, s := range services {
			t.Run(i.algorithm+"/"+s.file, func(t *testing.T) {
				service := serve(t, dir, s.file, i.url)
				if !s.ed25519 && i.algorithm == token.Ed25519 {
					if code, _ := get(t, service, i.fresh.AccessToken); code != http.StatusUnauthorized {
						t.Errorf("%d for Ed25519: take it into the table when this is accepted", code)
					}
					return
				}
				good(t, service, i.fresh)
				cases := bad(t, i.tokens)
				cases["no token"] = ""
				cases["another audience"] = i.audience.AccessToken
				cases["another issuer"] = i.issuer.AccessToken
				for name, text := range cases {
					t.Run(name, func(t *testing.T) { refusedWithin(t, service, text, name == "expired") })
				}
				good(t, service, i.fresh)
				if code, _ := get(t, serve(t, dir, s.file, "http://"+freePort(t)), i.fresh.AccessToken); code != s.noKeys {
					t.Errorf("%d without keys, want %d", code, s.noKeys)
				}
			})
		}
	}
}

func good(t *testing.T, service string, want api.Tokens) {
	t.Helper()
	code, body := get(t, service, want.AccessToken)
	var got struct {
		Sub, Sid string
		Roles    []string
	}
	err := json.Unmarshal(body, &got)
	if code != http.StatusOK || err != nil || got.Sub == "" || got.Sid != want.SessionID || !reflect.DeepEqual(got.Roles, []string{"reader", "writer"}) {
		t.Errorf("%d %s, %v", code, body, err)
	}
}

// refusedWithin allows for the services' leeway where a token has just expired.
func refusedWithin(t *testing.T, service, text string, patient bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		code, body := get(t, service, text)
		if code == http.StatusUnauthorized {
			return
		}
		if !patient || code != http.StatusOK || time.Now().After(deadline) {
			t.Fatalf("%d %s, want 401", code, body)
		}
	}
}

func get(t *testing.T, url, bearer string) (int, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	return send(t, r)
}

func send(t *testing.T, r *http.Request) (int, []byte) {
	t.Helper()
	resp, err := (&http.Client{Timeout: time.Minute}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, body
}

// issuer is a running "pawl serve" with data of its own.
type issuer struct {
	algorithm, url   string
	tokens           // all good but for what their names say
	audience, issuer api.Tokens
}

// newIssuer starts one several times, with the same keys but other settings, to
// have tokens of it that a service must refuse.
func newIssuer(t *testing.T, pawl, algorithm string) *issuer {
	t.Helper()
	at := freePort(t)
	i := &issuer{algorithm: algorithm, url: "http://" + at}
	env := func(more ...string) []string {
		return append(more, "HOME="+t.TempDir(), "PAWL_LISTEN="+at, "PAWL_SIGNING_ALGORITHM="+algorithm)
	}
	own, others := "PAWL_DATA_DIR="+filepath.Join(t.TempDir(), "own"), "PAWL_DATA_DIR="+filepath.Join(t.TempDir(), "others")
	with := func(settings ...string) api.Tokens {
		stop := run(t, env(settings...), "", "msg=ready", pawl, "serve")
		defer stop()
		return i.signIn(t)
	}
	for _, data := range []string{own, others} {
		stop := run(t, env(data), "", "msg=ready", pawl, "serve") // makes the database
		addUser(t, pawl, env(data))
		stop()
	}
	i.expired = with(own, "PAWL_ACCESS_TTL=1s")
	i.audience = with(own, "PAWL_AUDIENCE=https://orders.example.com")
	i.issuer = with(own, "PAWL_ISSUER=http://localhost", "PAWL_AUDIENCE="+i.url)
	i.foreign = with(others)
	run(t, env(own), "", "msg=ready", pawl, "serve")
	i.fresh, i.old = i.signIn(t), i.signIn(t)
	return i
}

func addUser(t *testing.T, pawl string, env []string) {
	t.Helper()
	add := exec.CommandContext(t.Context(), pawl, "user", "add", "anna", "--role", "reader", "--role", "writer", "--password-stdin")
	add.Env, add.Stdin = env, strings.NewReader(password+"\n")
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("pawl user add: %v\n%s", err, out)
	}
}

const password = "seven-green-kettles"

func (i *issuer) signIn(t *testing.T) (got api.Tokens) {
	t.Helper()
	body := strings.NewReader(fmt.Sprintf(`{"userId":"anna","password":%q,"delivery":"body"}`, password))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, i.url+"/api/login", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	code, answer := send(t, r)
	if err := json.Unmarshal(answer, &got); code != http.StatusOK || err != nil {
		t.Fatalf("sign in: %d %s %v", code, answer, err)
	}
	return got
}

// serve starts an example and gives its address.
func serve(t *testing.T, dir, file, issuer string) string {
	t.Helper()
	at := freePort(t)
	_, port, _ := net.SplitHostPort(at)
	run(t, os.Environ(), dir, "http://"+at, "node", file, issuer, issuer, port)
	return "http://" + at
}

// run starts a program that ends with the test at the latest, and waits until it
// has said something.
func run(t *testing.T, env []string, dir, says, name string, args ...string) (stop func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env, cmd.Dir = env, dir
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = out.Close()
	var said bytes.Buffer
	ready, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		for s, waits := bufio.NewScanner(in), true; s.Scan(); {
			said.WriteString(s.Text() + "\n")
			if waits && strings.Contains(s.Text(), says) {
				waits = false
				close(ready)
			}
		}
		_ = in.Close()
		_ = cmd.Wait() // it was interrupted
	}()
	stop = func() {
		_ = cmd.Process.Signal(os.Interrupt) // fails where it has ended
		<-gone
	}
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("%s said:\n%s", name, said.String())
		}
	})
	select {
	case <-ready:
	case <-gone:
		t.Fatalf("%s %v ended:\n%s", name, args, said.String())
	case <-time.After(time.Minute):
		t.Fatalf("%s %v does not say %q", name, args, says)
	}
	return stop
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// build gives the path of the program.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pawl")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-C", "../..", "-buildvcs=false", "-o", path, "./cmd/pawl").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// unreachable is how npm says that there is no registry.
var unreachable = regexp.MustCompile(`ENOTFOUND|EAI_AGAIN|ECONN\w+|E?TIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|code E5\d\d|ENOTCACHED`)

// install gives a copy of the examples with the packages that they need. It
// skips, loudly, where these cannot be had.
func install(t *testing.T) string {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("NOT TESTED: %s is not installed, so the examples in node/ did not run; on Debian: apt-get install nodejs npm", program)
		}
	}
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "jose.mjs", "express.mjs"} {
		text, err := os.ReadFile(filepath.Join("node", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out []byte
	var err error
	for range 2 {
		npm := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline")
		npm.Dir = dir
		if out, err = npm.CombinedOutput(); err == nil {
			return dir
		}
	}
	if unreachable.Match(out) {
		t.Skipf("NOT TESTED: npm does not reach its registry, so the examples in node/ did not run:\n%s", out)
	}
	t.Fatalf("npm ci: %v\n%s", err, out)
	return ""
}
