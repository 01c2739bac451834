//go:build unix

package cli_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/store/sqlite"
	"github.com/pawlauth/pawl/store/storetest"
	"github.com/pawlauth/pawl/token"
)

const (
	loadLogin    = "ada"
	loadPassword = "seven-green-kettles"
	loadIssuer   = "http://127.0.0.1:1" // the same for every server of the test
)

// runPawl runs a command to its end and gives what it wrote.
func runPawl(t *testing.T, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	exe, err := plainPawl()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Args = append([]string{"pawl"}, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + t.TempDir(), quickExit}
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run() // the state says more
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// mustRun is runPawl, which must succeed.
func mustRun(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	out, errs, code := runPawl(t, stdin, args...)
	if code != 0 {
		t.Fatalf("pawl %s: exit code %d\n%s", strings.Join(args, " "), code, errs)
	}
	return out
}

// busyServer rotates at every reissue, so that each is a write.
func busyServer(t *testing.T, dir string) *process {
	t.Helper()
	exe, err := plainPawl()
	if err != nil {
		t.Fatal(err)
	}
	p := startBinary(t, exe, nil, "serve", "--listen", "127.0.0.1:0", "--issuer", loadIssuer, "--data-dir", dir,
		"--unsafe-reuse-window", "0", "--unsafe-http-cookies", "--sessions-per-user", "1000")
	p.ready(t)
	return p
}

// chainer is a client that reissues one session on and on.
type chainer struct {
	url  string
	http *http.Client
	api.TokenResponse
}

func (c *chainer) post(path string, body any) (int, []byte, error) {
	encoded, _ := json.Marshal(body)
	r, err := http.NewRequest(http.MethodPost, c.url+path, bytes.NewReader(encoded))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Pawl-Request", "1")
	r.Header.Set("Idempotency-Key", rand.Text())
	resp, err := c.http.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

func (c *chainer) tokens(path string, body any) error {
	status, answer, err := c.post(path, body)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%s: status %d: %s", path, status, answer)
	}
	if err == nil {
		err = json.Unmarshal(answer, &c.TokenResponse)
	}
	return err
}

func (c *chainer) signIn() error {
	return c.tokens("/api/login", api.LoginRequest{UserID: loadLogin, Password: loadPassword, Delivery: api.DeliveryBody})
}

// chain reissues until ctx ends; every answer must be good.
func (c *chainer) chain(ctx context.Context, t *testing.T, answered *atomic.Int64) {
	for ctx.Err() == nil {
		if err := c.tokens("/api/reissue", api.ReissueBody{RefreshToken: c.RefreshToken}); err != nil {
			t.Error(err)
			return
		}
		answered.Add(1)
	}
}

// problem asks for something with old tokens and gives the reason of the 401.
func problem(t *testing.T, status int, body []byte) string {
	t.Helper()
	e := api.ReadProblem(status, http.Header{"Content-Type": {"application/problem+json"}}, body)
	if status != http.StatusUnauthorized || e.Reason == "" {
		t.Errorf("status %d, reason %q: %s", status, e.Reason, body)
	}
	return e.Reason
}

// The whole of it: a backup beside a server under load, restored into an empty
// folder, brings everybody back and nobody's session.
func TestBackupUnderLoadAndRestore(t *testing.T) {
	seeds, clients, people, phase := 500, 8, 3, 600*time.Millisecond
	if os.Getenv("CI") == "true" {
		seeds, clients, people, phase = 200_000, 16, 20, 5*time.Second
	}
	dir := filepath.Join(t.TempDir(), "data")
	seedDatabase(t, dir, seeds)
	srv := busyServer(t, dir)
	for i := range people {
		mustRun(t, loadPassword, "user", "add", fmt.Sprintf("user-%d", i), "--password-stdin", "--data-dir", dir)
	}
	mustRun(t, loadPassword, "user", "add", loadLogin, "--password-stdin", "--data-dir", dir)

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var answered atomic.Int64
	var running sync.WaitGroup
	client := &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 2 * clients}}
	chainers, aged := make([]*chainer, clients), chainer{}
	for i := range chainers {
		chainers[i] = &chainer{url: srv.url, http: client}
		if err := chainers[i].signIn(); err != nil {
			t.Fatal(err)
		}
		aged = *chainers[i] // has been left behind by its owner
		running.Go(func() { chainers[i].chain(ctx, t, &answered) })
	}
	rate := func(during func()) (perSecond float64) {
		from, began := answered.Load(), time.Now()
		during()
		return float64(answered.Load()-from) / time.Since(began).Seconds()
	}
	alone := rate(func() { time.Sleep(phase) })
	backup, made, took := filepath.Join(t.TempDir(), "backup.db"), 0, time.Duration(0)
	beside := rate(func() {
		for began := time.Now(); time.Since(began) < phase; made++ {
			mustRun(t, "", "backup", "--force", backup, "--data-dir", dir)
			took = time.Since(began) / time.Duration(made+1)
		}
	})
	after := &chainer{url: srv.url, http: client} // signs in when the backup is made
	if err := after.signIn(); err != nil {
		t.Fatal(err)
	}
	rate(func() { time.Sleep(phase / 4) }) // whoever went on is ahead of the backup
	stop()
	running.Wait()
	srv.signal(t, syscall.SIGTERM)
	if code := srv.end(t); code != 0 {
		t.Fatalf("exit code %d\n%s", code, srv.stderr)
	}
	t.Attr("reissues-per-second", fmt.Sprintf("%.0f alone, %.0f beside a backup after the other", alone, beside))
	t.Attr("backup", fmt.Sprintf("%d of %d sessions, %v each", made, seeds+clients, took.Round(time.Millisecond)))

	checkIntegrity(t, backup)
	restored := restoreInto(t, backup, dir, people+1)
	follow(t, dir, restored)
	srv = busyServer(t, restored)
	old := append(append([]*chainer{}, chainers...), &aged, after)
	for _, c := range old {
		c.url = srv.url
		refused(t, c)
	}
	fresh := &chainer{url: srv.url, http: client}
	if err := fresh.signIn(); err != nil {
		t.Fatalf("a new sign-in: %v", err)
	}
	if status, body := getSession(t, fresh); status != http.StatusOK {
		t.Errorf("the new access token: %d %s", status, body)
	}
	if err := fresh.tokens("/api/reissue", api.ReissueBody{RefreshToken: fresh.RefreshToken}); err != nil {
		t.Errorf("the new refresh token: %v", err)
	}
	if want, got := mustRun(t, "", "user", "list", "--data-dir", dir), mustRun(t, "", "user", "list", "--data-dir", restored); got != want {
		t.Errorf("the people are\n%s, were\n%s", got, want)
	}
	srv.signal(t, syscall.SIGTERM)
	srv.end(t)
}

func seedDatabase(t *testing.T, dir string, n int) {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), filepath.Join(dir, "pawl.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Seed(t, s, n, time.Now())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func checkIntegrity(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var said string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&said); err != nil || said != "ok" {
		t.Errorf("integrity of the backup: %s, %v", said, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("SECURITY 20: the backup's mode is %v, %v", info.Mode(), err)
	}
}

// restoreInto restores into an empty folder that has the master key only.
func restoreInto(t *testing.T, backup, old string, people int) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "restored")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(old, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "master.key"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	said := mustRun(t, "", "restore", backup, "--data-dir", dir)
	for _, want := range []string{"Everybody is signed out", fmt.Sprintf("%d users", people), "2 sealed keys", "old (of 20", "the old ones are good again"} {
		if !strings.Contains(said, want) {
			t.Errorf("the restoration does not say %q:\n%s", want, said)
		}
	}
	return dir
}

// follow shows that whoever followed the old revocation log begins anew, and
// learns that everybody's sessions are over.
func follow(t *testing.T, old, restored string) {
	t.Helper()
	page := func(dir, cursor string) (cursorAfter string, reset bool, last token.Revocation) {
		s, err := sqlite.Open(t.Context(), filepath.Join(dir, "pawl.db"), sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		p, err := s.Revocations(t.Context(), cursor, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(p.Entries); n > 0 {
			last = p.Entries[n-1].Revocation
		}
		return p.Cursor, p.Reset, last
	}
	cursor, _, _ := page(old, "")
	if _, reset, last := page(restored, cursor); !reset || last.Kind != token.KindAll {
		t.Errorf("a follower of before: reset %v, last entry %+v", reset, last)
	}
}

// refused shows that neither token of a session of before is accepted.
func refused(t *testing.T, c *chainer) {
	t.Helper()
	status, body := getSession(t, c)
	if reason := problem(t, status, body); reason != api.ReasonEndedByAdmin {
		t.Errorf("the access token is refused for %q", reason)
	}
	status, body, err := c.post("/api/reissue", api.ReissueBody{RefreshToken: c.RefreshToken})
	if err != nil {
		t.Fatal(err)
	}
	problem(t, status, body)
}

func getSession(t *testing.T, c *chainer) (int, []byte) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, c.url+"/api/session", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.AccessToken)
	resp, err := c.http.Do(r)
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
