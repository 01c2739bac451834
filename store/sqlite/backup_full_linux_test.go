package sqlite

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pawlauth/pawl/store/storetest"
)

// A disk that is full leaves neither half a backup nor half a restoration, and
// both say so.
func TestBackupAndRestoreOnAFullDisk(t *testing.T) {
	dir := smallDisk(t, "64k")
	path := filepath.Join(t.TempDir(), "pawl.db")
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Seed(t, s, 500, noon)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "backup.db")
	_, err = Backup(t.Context(), path, to, BackupOptions{At: noon})
	if err == nil || !strings.Contains(err.Error(), "the disk is full: make space or name another place") || !strings.Contains(err.Error(), to) {
		t.Errorf("a backup: %v", err)
	}
	good := filepath.Join(t.TempDir(), "backup.db")
	if _, err := Backup(t.Context(), path, good, BackupOptions{At: noon}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewRestoration(t.Context(), bytes.NewReader(b), filepath.Join(dir, "pawl.db"), noon)
	if err == nil {
		r.Discard()
	}
	if err == nil || !strings.Contains(err.Error(), "the disk is full: make space and run it again") {
		t.Errorf("a restoration: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}
