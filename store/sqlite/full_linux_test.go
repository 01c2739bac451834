package sqlite

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/store/storetest"
)

// A disk of 2 MiB that something else fills up and clears again.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("pawl-test", dir, "tmpfs", 0, "size=2m,mode=0700"); err != nil {
		t.Skipf("a small disk cannot be mounted here (that needs root on Linux): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	s, err := Open(t.Context(), filepath.Join(dir, "pawl.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	some := storetest.Seed(t, s, 20, noon)
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 2<<20), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	stored := int64(20)
	for full := false; !full; {
		_, err := s.Create(t.Context(), storetest.NewSession("u", noon), pawl.Mark{}, 0)
		if full = err != nil; !full {
			stored++
		} else if !strings.Contains(err.Error(), s.path) {
			t.Errorf("a full disk: %v", err)
		}
	}
	if rec, _, err := s.Get(t.Context(), some[0].SessionKey); err != nil || rec != some[0] {
		t.Errorf("reading on a full disk: %v, %v", rec, err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if live, err := liveSessions(s); err != nil || live != stored {
		t.Errorf("%d live sessions after %d were stored: %v", live, stored, err)
	}
	storetest.Seed(t, s, 100, noon)
}
