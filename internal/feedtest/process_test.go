package feedtest

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
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/guard"
	"github.com/pawlauth/pawl/internal/servertest"
)

// TestMain is an API service where the environment says so: the test's own
// binary in another process.
func TestMain(m *testing.M) {
	if os.Getenv("FEEDTEST_ISSUER") == "" {
		code := m.Run()
		if built.bin != "" {
			_ = os.Remove(built.bin) // a temporary file
		}
		os.Exit(code)
	}
	if err := serveAPI(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serveAPI is all that a service needs to check Pawl's tokens.
func serveAPI() error {
	issuer := os.Getenv("FEEDTEST_ISSUER")
	remote, err := guard.Remote(context.Background(), guard.RemoteOptions{
		Issuer: issuer, ClientID: os.Getenv("FEEDTEST_CLIENT"), Secret: os.Getenv("FEEDTEST_SECRET"), Stale: guard.FailClosed,
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	g, err := guard.New(remote, guard.Options{Issuer: issuer, Audience: []string{issuer}, Leeway: 30 * time.Second})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/orders", g.Required(ok))
	mux.Handle("/healthz", remote.Health())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("http://" + l.Addr().String())
	go func() { // it ends with the test, however that ends
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	return http.Serve(l, mux)
}

// issuer is a pawl in a process of its own, on SQLite.
type issuer struct {
	t        *testing.T
	bin, dir string
	url      string
	cmd      *exec.Cmd
}

// program builds pawl, once.
func program(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		built.bin = filepath.Join(os.TempDir(), fmt.Sprintf("pawl-feedtest-%d", os.Getpid()))
		if out, err := exec.Command("go", "build", "-o", built.bin, "github.com/pawlauth/pawl/cmd/pawl").CombinedOutput(); err != nil {
			t.Fatalf("build pawl: %v\n%s", err, out)
		}
	})
	return built.bin
}

var built struct {
	once sync.Once
	bin  string
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	dir := t.TempDir()
	i := &issuer{t: t, dir: dir, bin: program(t)}
	addr := servertest.FreeAddr(t)
	i.url = "http://" + addr
	config := fmt.Sprintf("listen: %s\nissuer: %s\ndata_dir: %s\nunsafe_http_cookies: true\n", addr, i.url, filepath.Join(dir, "data"))
	if err := os.WriteFile(i.config(), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	i.start()
	t.Cleanup(i.stop)
	return i
}

func (i *issuer) config() string { return filepath.Join(i.dir, "pawl.yaml") }

func (i *issuer) start() {
	i.t.Helper()
	i.cmd = exec.Command(i.bin, "serve", "--config", i.config())
	if err := i.cmd.Start(); err != nil {
		i.t.Fatal(err)
	}
	eventually(i.t, "the issuer is ready", func() bool {
		resp, err := http.Get(i.url + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// stop is what an operator does. Followers do not hold it up.
func (i *issuer) stop() {
	_ = i.cmd.Process.Signal(syscall.SIGTERM)
	if err := i.cmd.Wait(); err != nil {
		i.t.Errorf("the issuer stopped: %v", err)
	}
}

// command runs pawl and gives the last line that it printed.
func (i *issuer) command(args ...string) string {
	i.t.Helper()
	out, err := exec.Command(i.bin, append(args, "--config", i.config())...).Output()
	if err != nil {
		i.t.Fatalf("pawl %v: %v\n%s", args, err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

// service starts an API service in a process of its own and gives its URL.
func (i *issuer) service(secret string) string {
	i.t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "FEEDTEST_ISSUER="+i.url, "FEEDTEST_CLIENT=orders", "FEEDTEST_SECRET="+secret)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		i.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		i.t.Fatal(err)
	}
	var log strings.Builder
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() {
		stdin.Close()
		_ = cmd.Wait() // it was told to go
		if i.t.Failed() {
			i.t.Log(log.String())
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		i.t.Fatalf("the service does not start: %v", err)
	}
	return strings.TrimSpace(line)
}

// ask makes a request and gives its status and body.
func ask(t *testing.T, method, url, body string, change func(*http.Request)) (int, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	change(r)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Errorf("%s %s: %v", method, url, err)
		return 0, nil
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, b
}

func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

// SECURITY 26: from the answer of a sign-out to the refusal at each of three
// services in processes of their own, over real HTTP.
func TestASignOutIsFeltEverywhere(t *testing.T) {
	logouts := 100
	if os.Getenv("CI") == "true" {
		logouts = 1000
	}
	i := newIssuer(t)
	follower, backend := i.command("client", "add", "orders", "--scope", "feed"), i.command("client", "add", "shop", "--scope", "sessions")
	services := []string{i.service(follower), i.service(follower), i.service(follower)}
	signIn := func() (a api.TokenResponse) {
		status, body := ask(t, "POST", i.url+"/api/sessions", `{"userId":"ann"}`, func(r *http.Request) { r.SetBasicAuth("shop", backend) })
		if err := json.Unmarshal(body, &a); err != nil || status != http.StatusCreated {
			t.Fatalf("%d %s", status, body)
		}
		return a
	}
	var each, last []time.Duration
	for range logouts {
		a := signIn()
		for _, s := range services {
			if status, body := ask(t, "GET", s+"/orders", "", bearer(a.AccessToken)); status != http.StatusOK {
				t.Fatalf("signed in: %d %s", status, body)
			}
		}
		if status, body := ask(t, "POST", i.url+"/api/logout", "", bearer(a.AccessToken)); status != http.StatusNoContent {
			t.Fatalf("logout: %d %s", status, body)
		}
		took := refusedAfter(t, time.Now(), services, a.AccessToken)
		each, last = append(each, took...), append(last, slices.Max(took))
	}
	for name, all := range map[string][]time.Duration{"each-service": each, "last-of-three": last} {
		slices.Sort(all)
		t.Attr("logout-to-refusal-"+name, fmt.Sprintf("median %v, p99 %v, longest %v, of %d",
			all[len(all)/2].Round(10*time.Microsecond), all[len(all)*99/100].Round(10*time.Microsecond), all[len(all)-1].Round(10*time.Microsecond), len(all)))
	}

	// The command line has no server to tell: the server follows the log.
	a := signIn()
	i.command("session", "end", "--all", "--yes", "--why", "test")
	began := time.Now()
	t.Attr("command-to-refusal-last-of-three", slices.Max(refusedAfter(t, began, services, a.AccessToken)).Round(time.Millisecond).String())
}

// refusedAfter asks each service until it refuses the token as signed out.
func refusedAfter(t *testing.T, began time.Time, services []string, token string) []time.Duration {
	t.Helper()
	took := make([]time.Duration, len(services))
	var all sync.WaitGroup
	for n, s := range services {
		all.Go(func() {
			for time.Since(began) < 30*time.Second {
				status, body := ask(t, "GET", s+"/orders", "", bearer(token))
				if status == http.StatusOK {
					continue
				}
				took[n] = time.Since(began)
				if status != http.StatusUnauthorized || !strings.Contains(string(body), api.CodeLoginRequired) {
					t.Errorf("refused with %d %s", status, body)
				}
				return
			}
			t.Errorf("%s accepts it still", s)
		})
	}
	all.Wait()
	return took
}

// An issuer that restarts signs nobody out, and its followers come back.
func TestTheIssuerRestarts(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	follower, backend := i.command("client", "add", "orders", "--scope", "feed"), i.command("client", "add", "shop", "--scope", "sessions")
	s := i.service(follower)
	var a api.TokenResponse
	_, body := ask(t, "POST", i.url+"/api/sessions", `{"userId":"ann"}`, func(r *http.Request) { r.SetBasicAuth("shop", backend) })
	if err := json.Unmarshal(body, &a); err != nil {
		t.Fatal(err)
	}
	i.stop()
	if status, body := ask(t, "GET", s+"/orders", "", bearer(a.AccessToken)); status != http.StatusOK {
		t.Errorf("while it is down: %d %s", status, body)
	}
	i.command("session", "end", "--all", "--yes", "--why", "while the server is down")
	i.start()
	refusedAfter(t, time.Now(), []string{s}, a.AccessToken)
	if status, body := ask(t, "GET", s+"/healthz", "", bearer("")); status != http.StatusOK || !strings.Contains(string(body), `"status":"ok"`) || !strings.Contains(string(body), `"reconnects":1`) {
		t.Errorf("health: %d %s", status, body)
	}
}
