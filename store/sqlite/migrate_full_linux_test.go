package sqlite

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// smallDisk is a disk of its own, where root may mount one.
func smallDisk(t *testing.T, size string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("pawl-test", dir, "tmpfs", 0, "size="+size+",mode=0700"); err != nil {
		t.Skipf("a small disk cannot be mounted here (that needs root on Linux): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// A disk that fills up in the middle of a migration leaves the old schema whole.
func TestMigrationOnAFullDisk(t *testing.T) {
	path := oldDatabase(t, smallDisk(t, "16m"))
	before := looks(t, path)
	c, err := connect(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	err = faultAt(path, migrateTo(c, endless()))
	if err == nil || !strings.Contains(err.Error(), "make space") || !strings.Contains(err.Error(), "endless") {
		t.Errorf("a full disk: %v", err)
	}
	if err := c.close(); err != nil {
		t.Error(err)
	}
	afterFailedMigration(t, path, before)
}

// What a start on a full disk says: that, and no number.
func TestOpenOnAFullDisk(t *testing.T) {
	dir := smallDisk(t, "128k")
	path := oldDatabase(t, dir)
	ballast, err := os.Create(dir + "/ballast")
	if err != nil {
		t.Fatal(err)
	}
	defer ballast.Close()
	for err == nil {
		_, err = ballast.Write(make([]byte, 4096))
	}
	s, err := Open(t.Context(), path, Options{})
	if err == nil {
		s.Close()
		t.Fatal("opened, and migrated, on a full disk")
	}
	if !strings.Contains(err.Error(), "its disk is full: make space") || strings.Count(err.Error(), path) != 1 {
		t.Errorf("a full disk: %v", err)
	}
}
