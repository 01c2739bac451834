//go:build unix

package cli_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/store/sqlite"
)

// begin starts a command without waiting for it.
func begin(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := plainPawl()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Args = append([]string{"pawl"}, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + t.TempDir(), quickExit}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// Killed at any moment, a restoration leaves no database, or the one of before
// as it was, or the finished one: sessions over, audit entry and all.
func TestRestoreKilledAtAnyMoment(t *testing.T) {
	rounds := 4
	if os.Getenv("CI") == "true" {
		rounds = 40
	}
	base := filepath.Join(t.TempDir(), "data")
	seedDatabase(t, base, 200)
	backup := filepath.Join(t.TempDir(), "backup.db")
	mustRun(t, "", "backup", backup, "--data-dir", base)
	began := time.Now()
	mustRun(t, "", "restore", "--replace", "--without-key-check", backup, "--data-dir", base)
	whole := time.Since(began)
	found := map[string]int{}
	for i := range rounds {
		for _, replace := range []bool{false, true} {
			dir := filepath.Join(t.TempDir(), "data")
			args := []string{"restore", "--without-key-check", backup, "--data-dir", dir}
			if replace {
				seedDatabase(t, dir, 10)
				args = append(args, "--replace")
			}
			cmd := begin(t, args...)
			time.Sleep(whole * time.Duration(i+1) / time.Duration(rounds)) // a moment is what this is about
			_ = cmd.Process.Kill()                                         // it may have ended
			_ = cmd.Wait()
			state := stateOf(t, dir)
			found[state]++
			if state == "none" { // and it can be run again
				mustRun(t, "", append(args, "--replace")...)
				if again := stateOf(t, dir); again != "finished" {
					t.Errorf("the second try leaves the database %s", again)
				}
			}
		}
	}
	for state, n := range found {
		t.Attr("found-"+state, strconv.Itoa(n))
	}
}

// stateOf looks at the database in dir.
func stateOf(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "pawl.db")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "none"
	}
	checkIntegrity(t, path)
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	live, err := s.CountLive(t.Context(), time.Now())
	page, auditErr := s.Audit(t.Context(), pawl.AuditQuery{Kind: pawl.EventDatabaseRestored, Limit: 10})
	if err := errors.Join(err, auditErr); err != nil {
		t.Fatal(err)
	}
	switch {
	case live == 10 && len(page.Entries) == 0:
		return "before"
	case live == 0 && len(page.Entries) == 1:
		return "finished"
	}
	t.Errorf("half a restoration: %d live sessions, %d entries", live, len(page.Entries))
	return "half"
}

// SIGINT in the middle of a backup leaves nothing and says so.
func TestBackupStoppedBySIGINT(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	seedDatabase(t, dir, 2_000)
	for range 5 { // a quick machine may be done before the signal comes
		target := t.TempDir()
		p := start(t, "backup", filepath.Join(target, "b.db"), "--data-dir", dir)
		for deadline := time.Now().Add(patience); ; {
			if begun, _ := filepath.Glob(filepath.Join(target, "b.db.new-*")); len(begun) > 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the backup does not begin")
			}
		}
		p.signal(t, syscall.SIGINT)
		if code := p.end(t); code == 0 {
			continue
		}
		if left, err := os.ReadDir(target); err != nil || len(left) > 0 {
			t.Errorf("left %v, %v", left, err)
		}
		if !strings.Contains(p.stderr.String(), "stopped by a signal: no backup was made") {
			t.Errorf("it says %s", p.stderr)
		}
		return
	}
	t.Error("no backup was ever interrupted")
}
