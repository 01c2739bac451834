package sqlite

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// oldDatabase has the schema of the first release, and gives what a file of it
// looks like.
func oldDatabase(t *testing.T, dir string) (path string) {
	t.Helper()
	dump, err := os.ReadFile("testdata/schema-1.sql")
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "pawl.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	withConn(t, path, func(c *conn) error { return c.script(string(dump)) })
	return path
}

func withConn(t *testing.T, path string, f func(*conn) error) {
	t.Helper()
	c, err := connect(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if err := f(c); err != nil {
		t.Fatal(err)
	}
}

// looks gives every table's definition, the version, and the sessions and users.
func looks(t *testing.T, path string) (text string) {
	t.Helper()
	withConn(t, path, func(c *conn) error {
		for _, q := range []string{
			"SELECT group_concat(name || ifnull(sql, '')) FROM (SELECT * FROM sqlite_schema ORDER BY name)",
			"SELECT max(version) || '' FROM schema_migrations",
			"SELECT group_concat(hex(sid) || generation) FROM sessions",
			"SELECT group_concat(login || hash) FROM users",
			"PRAGMA integrity_check",
		} {
			if err := c.query(q, func(r row) error { text += r.text(0) + "\n"; return nil }); err != nil {
				return err
			}
		}
		return nil
	})
	return text
}

// endless is a migration that goes on until something stops it: it has changed
// the schema and rows by then.
func endless() []migration {
	list, _ := migrations()
	return append(list, migration{int64(len(list) + 1), "endless", `
		ALTER TABLE users ADD COLUMN half TEXT NOT NULL DEFAULT 'half';
		UPDATE users SET hash = 'half';
		CREATE TABLE half (x BLOB);
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) INSERT INTO half SELECT zeroblob(4000) FROM n`})
}

// A process that is killed in the middle of a migration leaves the old schema
// whole, and the next one migrates.
func TestMigrationKilledInTheMiddle(t *testing.T) {
	if path := os.Getenv("PAWL_TEST_MIGRATE"); path != "" {
		withConn(t, path, func(c *conn) error { return migrateTo(c, endless()) })
		return
	}
	path := oldDatabase(t, t.TempDir())
	before := looks(t, path)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "PAWL_TEST_MIGRATE="+path)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if log, err := os.Stat(path + "-wal"); err == nil && log.Size() > 12<<20 { // more than fits into its memory: it is on the disk
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the migration writes nothing")
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	afterFailedMigration(t, path, before)
}

// afterFailedMigration shows that the old schema is whole and can be migrated.
func afterFailedMigration(t *testing.T, path, before string) {
	t.Helper()
	if after := looks(t, path); after != before {
		t.Errorf("after the failure:\n%s\nbefore:\n%s", after, before)
	}
	list, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(looks(t, path), fmt.Sprintf("\n%d\n", len(list))) {
		t.Error("the next start does not migrate")
	}
}

// A program of before refuses a newer schema, says why, and changes nothing.
func TestOlderProgramLeavesANewerSchemaAlone(t *testing.T) {
	path := oldDatabase(t, t.TempDir())
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	list, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	withConn(t, path, func(c *conn) error {
		for n := 1; n < len(list); n++ {
			err := migrateTo(c, list[:n])
			if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("it has schema %d, which a newer Pawl wrote; this one knows up to %d: run the newer Pawl, or put back the backup", len(list), n)) {
				t.Errorf("a program of schema %d: %v", n, err)
			}
		}
		return nil
	})
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the file was changed: %v", err)
	}
}
