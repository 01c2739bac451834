//go:build unix

package sqlite_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pawlauth/pawl/store/sqlite"
	"github.com/pawlauth/pawl/store/storetest"
)

// SECURITY 20: only the owner reads the database, whatever the umask is.
func TestFileModes(t *testing.T) {
	for _, umask := range []int{0, 0o777, 0o022} {
		path := filepath.Join(t.TempDir(), "pawl.db")
		old := syscall.Umask(umask)
		s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
		if err == nil {
			storetest.Seed(t, s, 10, noon)
		}
		syscall.Umask(old)
		if err != nil {
			t.Fatal(err)
		}
		for _, suffix := range []string{"", "-wal", "-shm"} {
			if info, err := os.Stat(path + suffix); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("umask %04o: mode of pawl.db%s: %v, %v", umask, suffix, info, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A read-only database is refused for users whom file modes bind; so the test
// takes the place of one.
func TestReadOnly(t *testing.T) {
	if inChild(t) {
		_, err := sqlite.Open(t.Context(), os.Getenv("PAWL_TEST_PATH"), sqlite.Options{})
		if err == nil || !strings.Contains(err.Error(), "must be writable") {
			t.Errorf("read-only: %v", err)
		}
		return
	}
	path := newDatabase(t)
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	cmd := child(t, path)
	if os.Geteuid() == 0 {
		const nobody = 65534
		for p := filepath.Dir(path); p != os.TempDir() && len(p) > 1; p = filepath.Dir(p) {
			if err := os.Chmod(p, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chown(path, nobody, nobody); err != nil {
			t.Fatal(err)
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		cmd.Path = readableCopy(t, filepath.Dir(path))
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// readableCopy puts this program where another user can run it.
func readableCopy(t *testing.T, dir string) string {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "test.exe")
	if err := os.WriteFile(to, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return to
}
