package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/store/sqlite"
	"github.com/pawlauth/pawl/store/storetest"
	"github.com/pawlauth/pawl/token"
)

// A backup is whole, private, of its own, and there is nothing else beside it.
func TestBackup(t *testing.T) {
	path := newDatabase(t)
	s := openStore(t, path)
	storetest.Seed(t, s, 30, noon)
	dir := t.TempDir()
	to := filepath.Join(dir, "a b?c#d%41.db")
	for _, replace := range []bool{false, true} {
		made, err := sqlite.Backup(t.Context(), path, to, sqlite.BackupOptions{At: noon, Replace: replace})
		if err != nil || made.Sessions != 30 || !made.Current || !made.Made.Equal(noon) {
			t.Fatalf("%+v, %v", made, err)
		}
		left, err := os.ReadDir(dir)
		info, infoErr := os.Stat(to)
		if err := errors.Join(err, infoErr); err != nil || len(left) != 1 || info.Size() != made.Bytes || info.Mode().Perm() != 0o600 {
			t.Errorf("SECURITY 20: %v, %v, %v", left, info.Mode(), err)
		}
	}
}

// What was deleted is not in a backup: nobody who reads it finds the people,
// hashes and keys of before.
func TestBackupHoldsNothingDeleted(t *testing.T) {
	const canary = "a-hash-that-was-replaced"
	path := newDatabase(t)
	s := openStore(t, path)
	u := pawl.User{ID: token.NewID(), Login: "ada", PasswordHash: strings.Repeat(canary, 300)}
	if err := errors.Join(s.CreateUser(t.Context(), u), s.SetPasswordHash(t.Context(), u.ID, u.PasswordHash, "new")); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "backup.db")
	if _, err := sqlite.Backup(t.Context(), path, to, sqlite.BackupOptions{At: noon}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(to)
	if err != nil || bytes.Contains(b, []byte(canary)) {
		t.Errorf("the old hash is in the backup: %v", err)
	}
}

func TestBackupRefuses(t *testing.T) {
	path := newDatabase(t)
	dir := filepath.Dir(path)
	text := filepath.Join(dir, "notes.txt")
	link := filepath.Join(dir, "link.db")
	if err := errors.Join(os.WriteFile(text, []byte("not a database"), 0o600), os.Symlink(path, link)); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name    string
		ctx     context.Context
		from    string
		to      string
		replace bool
		says    string
	}{
		{"a file that exists", t.Context(), path, text, false, "exists already and was left as it is"},
		{"a file that is no backup, with Replace", t.Context(), path, text, true, "nothing else is overwritten"},
		{"a directory", t.Context(), path, dir, true, "is a directory"},
		{"the database itself", t.Context(), path, path, true, "is the database itself"},
		{"the database by another name", t.Context(), path, link, true, "is the database itself"},
		{"a directory that is not there", t.Context(), path, filepath.Join(dir, "no", "b.db"), false, "make the directory"},
		{"a database that is none", t.Context(), text, filepath.Join(dir, "b.db"), false, "not an SQLite database"},
		{"a signal that came", gone, path, filepath.Join(dir, "b.db"), false, "canceled"},
	} {
		before, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		_, err = sqlite.Backup(c.ctx, c.from, c.to, sqlite.BackupOptions{At: noon, Replace: c.replace})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
		if after, err := os.ReadDir(dir); err != nil || len(after) != len(before) {
			t.Errorf("%s: left %v, %v", c.name, after, err)
		}
	}
}

// A backup of one moment: a session and its user's mark never contradict each
// other, whatever is written meanwhile.
func TestBackupIsOfOneMoment(t *testing.T) {
	path := newDatabase(t)
	s := openStore(t, path)
	storetest.Seed(t, s, 2000, noon)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { // one session at a time, and one log entry for each that ended
		for ctx.Err() == nil {
			rec := storetest.NewSession("writer", noon)
			_, err := s.Create(t.Context(), rec, pawl.Mark{}, 1)
			if err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for i := range 5 {
		to := filepath.Join(t.TempDir(), "backup.db")
		if _, err := sqlite.Backup(t.Context(), path, to, sqlite.BackupOptions{At: noon}); err != nil {
			t.Fatal(err)
		}
		run(t, to, "DELETE FROM meta WHERE name = 'backup_made_at'") // opened as a backup, nothing in it would live
		b := openStore(t, to)
		live, _, err := b.List(t.Context(), "writer", pawl.ListPlace{}, 0)
		page, logErr := b.Revocations(t.Context(), "", 1_000_000)
		all, scanErr := b.CountLive(t.Context(), noon.Add(time.Minute))
		if err := errors.Join(err, logErr, scanErr); err != nil || len(live) > 1 || all != 2000+len(live) {
			t.Errorf("backup %d: %d live sessions of the writer, %d in all, %d entries, %v", i, len(live), all, len(page.Entries), err)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
