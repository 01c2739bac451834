package sqlite_test

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/pawlauth/pawl/store/sqlite"
)

// newDatabase gives the path of a database that was used and closed.
func newDatabase(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pawl.db")
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// run changes a closed database behind Pawl's back.
func run(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	write := func(content string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, test := range []struct {
		name   string
		damage func(t *testing.T, path string)
		says   []string // besides the path
	}{
		{"an empty file", write(""), []string{"is empty", "backup"}},
		{"a text file", write(strings.Repeat("not a database\n", 100)), []string{"not an SQLite database", "left as it is"}},
		{"the first bytes of a database", write("SQLite format 3\x00\x10\x00"), []string{"damaged", "backup"}},
		{"another application's database", func(t *testing.T, path string) {
			write("")(t, path)
			run(t, path, "PRAGMA application_id = 0x1234", "CREATE TABLE sessions (x)")
		}, []string{"another application", "name another path"}},
		{"a database of a newer Pawl", func(t *testing.T, path string) {
			run(t, path, "INSERT INTO schema_migrations VALUES (9999, 'later')")
		}, []string{"newer Pawl", "9999"}},
		{"damage behind the header", func(t *testing.T, path string) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			copy(b[100:], bytes.Repeat([]byte{0xa5}, len(b)-100))
			write(string(b))(t, path)
		}, []string{"damaged", "backup"}},
		{"SECURITY 20: a file that the group can read", func(t *testing.T, path string) {
			if err := os.Chmod(path, 0o640); err != nil {
				t.Fatal(err)
			}
		}, []string{"open to other users", "0640", "chmod 600"}},
		{"SECURITY 20: a file that everyone can write", func(t *testing.T, path string) {
			if err := os.Chmod(path, 0o602); err != nil {
				t.Fatal(err)
			}
		}, []string{"open to other users", "chmod 600"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if strings.HasPrefix(test.name, "SECURITY 20") && runtime.GOOS == "windows" {
				t.Skip("Windows has no such modes")
			}
			path := newDatabase(t)
			test.damage(t, path)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
			if err == nil {
				s.Close()
				t.Fatal("opened")
			}
			for _, part := range append(test.says, path) {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
			after, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(before, after) {
				t.Errorf("the file was changed: %v", err)
			}
		})
	}
}

func TestOpenRefusesPlaces(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{
		"":                                  "no path",
		dir:                                 "not a regular file",
		filepath.Join(dir, "no", "pawl.db"): "create it",
		filepath.Join(file, "pawl.db"):      "file",
	} {
		_, err := sqlite.Open(t.Context(), path, sqlite.Options{})
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestOpenStrangePath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c#d%41&e=ü.db")
	for range 2 {
		s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestClosed(t *testing.T) {
	path := newDatabase(t)
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	_, readErr := s.Mark(t.Context(), "u")
	_, writeErr := s.EndAll(t.Context(), "x", noon)
	for _, err := range []error{readErr, writeErr} {
		if err == nil || !strings.Contains(err.Error(), "closed") {
			t.Errorf("after Close: %v", err)
		}
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("more than one file is left: %v, %v", left, err)
	}
}
