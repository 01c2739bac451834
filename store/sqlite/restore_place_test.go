package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"modernc.org/sqlite"
)

// A server that was opening the database while it was put aside does not serve
// the old one under its new name.
func TestReplacedWhileBeingOpened(t *testing.T) {
	path := oldDatabase(t, t.TempDir())
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := sameFile(path, before); err != nil {
		t.Errorf("the same file: %v", err)
	}
	if err := os.Rename(path, path+KeptSuffix); err != nil {
		t.Fatal(err)
	}
	oldDatabase(t, filepath.Dir(path))
	if err := sameFile(path, before); err == nil || !strings.Contains(err.Error(), "start again") {
		t.Errorf("another file: %v", err)
	}
}

// Killed between any two steps, the old database is whole: under its own name,
// or with its log under the other one.
func TestKeptWithItsLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pawl.db")
	for _, suffix := range suffixes {
		if err := os.WriteFile(path+suffix, []byte("content"+suffix), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	there, err := filesOf(path)
	if err != nil || len(there) != len(suffixes) || there[0] != path {
		t.Fatalf("%v, %v", there, err)
	}
	kept := path + KeptSuffix + "1"
	if err := keep(there, path, kept); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range suffixes {
		if b, err := os.ReadFile(kept + suffix); err != nil || string(b) != "content"+suffix {
			t.Errorf("%s: %q, %v", kept+suffix, b, err)
		}
	}
	if left, err := filesOf(path); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// What is wrong, and what to do, is said once, however many calls pass it on.
func TestFaultsAreExplainedOnce(t *testing.T) {
	s := openTest(t)
	err := s.reading(t.Context(), func(c *conn) error { _, err := c.int("SELECT x FROM nowhere"); return err })
	again := s.fault(errors.Join(fmt.Errorf("again: %w", err)))
	var cause *sqlite.Error
	if strings.Count(again.Error(), "database "+s.path) != 1 || !errors.As(again, &cause) {
		t.Errorf("%v", again)
	}
}
