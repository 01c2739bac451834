package nodetest

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/servertest"
)

const retryKey = "a-key-of-twenty-two-characters-at-least"

// From SQLite to the stores of several nodes by the command, which is killed
// again and again, and the server of before goes on meanwhile: nobody is signed
// out, who is out stays out, and a retry whose answer was lost is answered.
func TestMigrate(t *testing.T) {
	db, redis := servertest.StartPostgres(t, servertest.PostgresOptions{}), servertest.StartRedis(t)
	t.Run("PostgreSQL", func(t *testing.T) { migrates(t, newHouse(t, db, nil)) })
	t.Run("PostgreSQL and Redis", func(t *testing.T) { migrates(t, newHouse(t, db, redis)) })
}

func migrates(t *testing.T, h *house) {
	data := filepath.Join(t.TempDir(), "data")
	old := h.beside(data)
	for _, login := range []string{"ann", "bob"} {
		old.pawl(password+"\n", "user", "add", login, "--password-stdin")
	}
	server := old.launchAt(data)
	server.ready()
	in, lost, out, outLater := server.signIn("ann"), server.signIn("bob"), server.signIn("ann"), server.signIn("ann")
	var crowd []api.TokenResponse
	for range 20 {
		crowd = append(crowd, server.signIn("bob"))
	}
	if status, problem := server.call(http.MethodPost, "/api/logout", out.AccessToken, nil, nil); status >= 300 {
		t.Fatal(problem)
	}
	time.Sleep(250 * time.Millisecond) // past the reuse window
	server.advance(lost.RefreshToken, retryKey)

	h.killedMigrations(data)
	h.pawl("", "store", "migrate", "--from", "sqlite://"+data+"/pawl.db")
	in, problem := server.reissue(in.RefreshToken) // the server went on
	if problem != "" {
		t.Fatal(problem)
	}
	if status, problem := server.call(http.MethodPost, "/api/logout", outLater.AccessToken, nil, nil); status >= 300 {
		t.Fatal(problem)
	}
	server.Stop(15)
	said := h.pawl("", "store", "migrate", "--from", "sqlite://"+data+"/pawl.db")
	if !strings.Contains(said, "Compared: 2 users and 24 sessions; 0 differ.") {
		t.Errorf("it said\n%s", said)
	}

	nodes := h.start(2)
	if _, problem := nodes[0].reissue(in.RefreshToken); problem != "" {
		t.Error("who was signed in:", problem)
	}
	if again := nodes[1].advance(lost.RefreshToken, retryKey); again.RefreshToken == lost.RefreshToken {
		t.Error("the lost answer is not sent again")
	}
	for i, c := range crowd {
		if _, problem := nodes[i%2].reissue(c.RefreshToken); problem != "" {
			t.Errorf("session %d: %s", i, problem)
		}
	}
	for _, c := range []api.TokenResponse{out, outLater} {
		if _, problem := nodes[0].reissue(c.RefreshToken); !strings.Contains(problem, api.ReasonSignedOut) {
			t.Errorf("who was signed out: %q", problem)
		}
		if status, _ := nodes[1].check(c.AccessToken); status != http.StatusUnauthorized {
			t.Errorf("the access token of who was signed out: %d", status)
		}
	}
	if audit := h.pawl("", "audit", "list"); strings.Count(audit, "sign_in") < 24 {
		t.Errorf("the audit log holds\n%s", audit)
	}
}

// beside is the server of before: on SQLite, with the same master key.
func (h *house) beside(data string) *house {
	old := &house{t: h.t}
	for _, v := range h.env {
		if !strings.HasPrefix(v, "PAWL_DATABASE") && !strings.HasPrefix(v, "PAWL_SESSIONS") {
			old.env = append(old.env, v)
		}
	}
	// The first start makes the database.
	n := old.launchAt(data)
	n.ready()
	n.Stop(15)
	old.env = append(old.env, "PAWL_DATA_DIR="+data)
	return old
}

// advance reissues with a key.
func (n *node) advance(refresh, key string) (t api.TokenResponse) {
	n.t.Helper()
	problem := n.reissueWith(refresh, key, &t)
	if problem != "" {
		n.t.Fatal("reissue with a key: ", problem)
	}
	return t
}

// killedMigrations begins the copy some times and kills it, each time a little later.
func (h *house) killedMigrations(data string) {
	h.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		h.t.Fatal(err)
	}
	for after := 20 * time.Millisecond; after < 300*time.Millisecond; after = after * 3 / 2 {
		cmd := exec.Command(exe, "store", "migrate", "--from", "sqlite://"+data+"/pawl.db")
		cmd.Env = append(h.env, "HOME="+h.t.TempDir())
		if err := cmd.Start(); err != nil {
			h.t.Fatal(err)
		}
		time.Sleep(after) // the moment of the kill
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}
