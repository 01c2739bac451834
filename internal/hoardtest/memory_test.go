package hoardtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/store/sqlite"
	"github.com/pawlauth/pawl/store/storetest"
)

// most is how much memory the server may take, in MiB, whatever is asked of it.
const most = 150

// size is the size of the attack: one user's sessions, and connections at a time.
func size() (sessions, connections int) {
	if os.Getenv("CI") == "true" {
		return 6000, 200
	}
	return 1500, 100
}

// SECURITY 54: clients ask for the largest lists and do not read. The
// user's sessions are from before there was a limit.
func TestListsThatAreNotRead(t *testing.T) {
	if testing.Short() {
		t.Skip("a server is built and filled: left to the full run")
	}
	sessions, connections := size()
	s := furnish(t, sessions)
	before := s.memory("VmRSS")
	peak := before
	for _, path := range []string{
		"/api/sessions", "/api/sessions?limit=200", "/api/events",
		"/admin/api/users?limit=200", "/admin/api/users/" + s.user + "/sessions?limit=200",
		"/admin/api/sessions?limit=200", "/admin/api/sessions?limit=200&user=" + s.user,
		"/admin/api/audit?limit=200", "/admin/api/clients", "/admin/api/feed", "/admin/api/keys", "/admin/api/activity",
		"/.well-known/jwks.json", "/openapi.yaml",
	} {
		now := s.hoard(path, connections)
		if now > most {
			t.Errorf("%d connections that ask for %s and do not read: %d MiB, at most %d", connections, path, now, most)
		}
		peak = max(peak, now)
	}
	t.Attr("memory-before-mib", fmt.Sprint(before))
	t.Attr("memory-under-unread-lists-mib", fmt.Sprint(peak))
	t.Logf("%d sessions, %d connections: %d MiB before, %d MiB at most", sessions, connections, before, peak)
}

// server is a pawl process.
type server struct {
	t     *testing.T
	addr  string
	pid   int
	user  string // subject of an administrator
	token string // of theirs
	admin string // of theirs, for the administration
}

// hoard opens connections, asks for the path on each of them, reads the status and
// no more, and gives the most memory that the server takes meanwhile.
func (s *server) hoard(path string, connections int) (peak int) {
	s.t.Helper()
	var answered, refused atomic.Int64
	var asking sync.WaitGroup
	for range connections {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			s.t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		_ = c.(*net.TCPConn).SetReadBuffer(4 << 10) // what the network's buffers take is not the server's memory
		asking.Go(func() {
			token := s.token
			if strings.HasPrefix(path, "/admin/") {
				token = s.admin
			}
			_, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", path, token)
			status := make([]byte, len("HTTP/1.1 200"))
			_ = c.SetReadDeadline(time.Now().Add(time.Minute))
			if err == nil {
				_, err = io.ReadFull(c, status)
			}
			switch {
			case err == nil && bytes.HasSuffix(status, []byte(" 200")):
				answered.Add(1)
			case err == nil && bytes.HasSuffix(status, []byte(" 503")): // a busy machine
				refused.Add(1)
			default:
				s.t.Errorf("%s: %s, %v", path, status, err)
			}
		})
	}
	over := make(chan struct{})
	go func() { asking.Wait(); close(over) }()
	for still := 0; still < 10; still++ { // until all are answered and it has not grown for a second
		time.Sleep(100 * time.Millisecond)
		if now := s.memory("VmRSS"); now > peak {
			peak, still = now, 0
		}
		select {
		case <-over:
		default:
			still = 0
		}
	}
	s.t.Logf("%-60s %3d answered, %3d refused, %4d MiB", path, answered.Load(), refused.Load(), peak)
	if answered.Load() == 0 {
		s.t.Errorf("%s: nothing was answered", path)
	}
	return peak
}

// memory gives a line of /proc/…/status in MiB.
func (s *server) memory(line string) (mib int) {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.pid))
	if err != nil {
		s.t.Skipf("memory is read from /proc, which Linux has: %v", err)
	}
	_, rest, _ := strings.Cut(string(text), line+":")
	var kib int
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		s.t.Fatal(err)
	}
	return kib >> 10
}

const password = "seven quiet herons"

var program = flag.String("hoard.program", "", "the pawl to run, such as one of an earlier release; empty: this one is built")

// furnish starts a server with large lists.
func furnish(t *testing.T, sessions int) *server {
	t.Helper()
	dir := t.TempDir()
	bin := *program
	if bin == "" {
		bin = filepath.Join(dir, "pawl")
		run(t, "", "go", "build", "-o", bin, "github.com/pawlauth/pawl/cmd/pawl")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, addr: l.Addr().String()}
	_ = l.Close()
	flags := []string{"--data-dir", filepath.Join(dir, "data"), "--listen", s.addr, "--sessions-per-user", "0", "--access-ttl", "3h", "--log-level", "error"}
	cmd := exec.Command(bin, append([]string{"serve"}, flags...)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.pid = cmd.Process.Pid
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	s.await(&said)
	run(t, password+"\n", bin, append([]string{"user", "add", "root", "--role", "admin", "--password-stdin"}, flags[:2]...)...)
	s.user = fill(t, filepath.Join(dir, "data", "pawl.db"), sessions)
	s.signIn()
	return s
}

func run(t *testing.T, in, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(in)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

func (s *server) await(said *bytes.Buffer) {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if r, err := http.Get("http://" + s.addr + "/readyz"); err == nil {
			_ = r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the server does not get ready:\n%s", said)
		}
	}
}

func (s *server) signIn() {
	s.t.Helper()
	in := s.tokens("/api/login", `{"userId":"root","password":"`+password+`","delivery":"body"}`)
	s.token = in.AccessToken
	s.admin = s.tokens("/api/reissue", `{"refreshToken":"`+in.RefreshToken+`","audience":"http://`+s.addr+`/admin"}`).AccessToken
}

// tokens posts to the path, and returns the tokens of the answer.
func (s *server) tokens(path, body string) (in api.Tokens) {
	s.t.Helper()
	r, err := http.Post("http://"+s.addr+path, "application/json", strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.StatusCode != http.StatusOK {
		s.t.Fatal(path, r.Status, err)
	}
	return in
}

// fill writes what makes lists large: sessions of one user, users with as many
// claims as fit, registered clients, and audit entries. It gives the one user.
func fill(t *testing.T, path string, sessions int) (user string) {
	t.Helper()
	ctx := t.Context()
	s, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	root, err := s.ByLogin(ctx, "root")
	if err != nil {
		t.Fatal(err)
	}
	var errs atomic.Pointer[error]
	var wg sync.WaitGroup
	for w := range 64 { // those that wait share a commit
		wg.Go(func() {
			for i := w; i < sessions; i += 64 {
				rec := storetest.NewSession(root.ID, time.Now().Add(-time.Duration(i)*time.Minute/4))
				rec.Client.Label = strings.Repeat("label ", 10)
				if _, err := s.Create(ctx, rec, pawl.Mark{}, 0); err != nil {
					errs.Store(&err)
				}
			}
		})
	}
	wg.Wait()
	var users []pawl.User
	for i := range 500 {
		users = append(users, pawl.User{
			ID: fmt.Sprintf("id-%04d", i), Login: fmt.Sprintf("user-%04d", i), Roles: []string{"editor"},
			Claims: map[string]any{"about": strings.Repeat("x", 4000)},
		})
	}
	_, failed := s.CreateUsers(ctx, users)
	var events []pawl.Event
	for i := range 5000 {
		events = append(events, pawl.Event{
			At: time.Now(), Kind: pawl.EventSignIn, User: root.ID, Login: "root", Session: fmt.Sprintf("%022d", i),
			Client: pawl.Client{Address: "2001:db8::1", Agent: "Firefox on Linux"}, Why: strings.Repeat("why ", 40),
		})
	}
	failed = errors.Join(failed, s.Append(ctx, events...))
	for i := range 1000 {
		c, _, err := pawl.NewRegisteredClient(fmt.Sprintf("client-%04d", i), pawl.Scopes(), time.Now())
		failed = errors.Join(failed, err, s.AddClient(ctx, c))
	}
	if err := errs.Load(); err != nil {
		failed = errors.Join(failed, *err)
	}
	if failed != nil {
		t.Fatal(failed)
	}
	return root.ID
}
