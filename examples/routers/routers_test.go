// Package routers_test runs the programs beside it against a real Pawl.
package routers_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/httpapi"
	"github.com/pawlauth/pawl/pawltest"
)

var programs = []string{"chi", "echo", "gin"}

// issuer is a Pawl over HTTP, with the client "orders".
type issuer struct {
	*pawltest.Server
	url, secret string
}

func startIssuer(t *testing.T) issuer {
	t.Helper()
	srv := httptest.NewUnstartedServer(nil)
	url := "http://" + srv.Listener.Addr().String()
	s := pawltest.NewServer(t, pawltest.WithConfig(func(c *pawl.Config) {
		c.Issuer, c.Audience = url, []string{url}
		c.Now = time.Now // the programs have no other
	}))
	s.Add(pawl.User{ID: "c-1", Login: "ann"})
	s.Add(pawl.User{ID: "c-2", Login: "bob", Roles: []string{"staff"}})
	_, secret, err := s.Service.AddClient(t.Context(), "orders", []string{pawl.ScopeFeed})
	if err != nil {
		t.Fatal(err)
	}
	srv.Config.Handler, err = httpapi.New(s.Service, httpapi.Options{Cookie: api.Cookie{UnsafeHTTP: true}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() {
		srv.CloseClientConnections() // the programs' feeds never end
		srv.Close()
	})
	return issuer{s, url, secret}
}

// start runs a program until the test ends, as its doc comment says, and gives
// its URL.
func start(t *testing.T, bin, name string, i issuer) string {
	t.Helper()
	listen := freePort(t)
	var said bytes.Buffer
	cmd := exec.Command(filepath.Join(bin, name), listen)
	cmd.Env = append(os.Environ(), "PAWL_ISSUER="+i.url, "PAWL_CLIENT_ID=orders", "PAWL_CLIENT_SECRET="+i.secret)
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() { _ = cmd.Wait(); close(gone) }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-gone
		if t.Failed() {
			t.Logf("%s said:\n%s", name, said.String())
		}
	})
	await(t, name+" listens", func() bool {
		select {
		case <-gone:
			t.Fatalf("%s ended:\n%s", name, said.String())
		default:
		}
		conn, err := net.Dial("tcp", listen)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return "http://" + listen
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

// await is for what takes milliseconds; its bound is for a machine that is busy.
func await(t *testing.T, what string, done func() bool) time.Duration {
	t.Helper()
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		if done() {
			return time.Since(began)
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

type answer struct {
	*http.Response
	body string
}

func send(t *testing.T, method, url, bearer string) answer {
	t.Helper()
	r, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Pawl-Request", "1")
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp, string(body)}
}

// refusal is what a problem document says of itself.
func (a answer) refusal() (p struct{ Code, Reason string }) {
	_ = json.Unmarshal([]byte(a.body), &p)
	return p
}

// SECURITY 26: behind each router, who signs out at the issuer is refused.
func TestRouters(t *testing.T) {
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", bin+"/", "./chi", "./echo", "./gin").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	i := startIssuer(t)
	for _, name := range programs {
		t.Run(name, func(t *testing.T) {
			url := start(t, bin, name, i)
			ann, bob := i.SignIn("c-1").AccessToken, i.SignIn("c-2").AccessToken
			for _, c := range []struct {
				path, bearer string
				status       int
				code, body   string
			}{
				{"/", "", 200, "", "welcome\n"},
				{"/", "nonsense", 200, "", "welcome\n"},
				{"/orders", "", 401, "access_denied", ""},
				{"/orders", "nonsense", 401, "invalid_token", ""},
				{"/orders", ann[:len(ann)-4] + "AAAA", 401, "invalid_token", ""},
				{"/orders", ann, 200, "", "orders of c-1\n"},
				{"/orders", bob, 200, "", "orders of c-2\n"},
				{"/stock", "", 401, "access_denied", ""},
				{"/stock", ann, 403, "access_denied", ""},
				{"/stock", bob, 200, "", "42 kettles\n"},
			} {
				got := send(t, "GET", url+c.path, c.bearer)
				if got.StatusCode != c.status || got.refusal().Code != c.code || c.body != "" && got.body != c.body {
					t.Errorf("%s with %.8q: %d %s, want %d %s%s", c.path, c.bearer, got.StatusCode, got.body, c.status, c.code, c.body)
				}
				if challenged := got.Header.Get("WWW-Authenticate") != ""; challenged != (c.status == 401) {
					t.Errorf("%s with %.8q: %d, WWW-Authenticate %q", c.path, c.bearer, got.StatusCode, got.Header.Get("WWW-Authenticate"))
				}
				if c.code != "" && strings.Contains(got.body, "kettles") {
					t.Errorf("%s with %.8q: refused, and the handler ran all the same", c.path, c.bearer)
				}
			}
			if got := send(t, "POST", i.url+"/api/logout", ann); got.StatusCode != 204 {
				t.Fatalf("logout: %d %s", got.StatusCode, got.body)
			}
			var last answer
			took := await(t, "ann is refused", func() bool {
				last = send(t, "GET", url+"/orders", ann)
				return last.StatusCode != 200
			})
			if p := last.refusal(); last.StatusCode != 401 || p.Reason != api.ReasonSignedOut {
				t.Errorf("signed out: %d %s", last.StatusCode, last.body)
			}
			t.Attr("logout-to-refusal-"+name, took.String())
			if got := send(t, "GET", url+"/orders", bob); got.StatusCode != 200 {
				t.Errorf("somebody else: %d %s", got.StatusCode, got.body)
			}
			if got := send(t, "GET", url+"/healthz", ""); got.StatusCode != 200 || !strings.Contains(got.body, `"status":"ok"`) {
				t.Errorf("health: %d %s", got.StatusCode, got.body)
			}
		})
	}
}

// Where a setting is missing, the program says which, and what to do.
func TestTheProgramsSayWhatIsMissing(t *testing.T) {
	for _, name := range programs {
		cmd := exec.Command("go", "run", "./"+name)
		cmd.Env = append(os.Environ(), "PAWL_ISSUER=http://127.0.0.1:1", "PAWL_CLIENT_ID=", "PAWL_CLIENT_SECRET=")
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "pawl client add") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
