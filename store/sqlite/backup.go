package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Contents is what a database holds, for people.
type Contents struct {
	Schema   int64     // the last migration
	Current  bool      // the schema is the one that this program writes
	Users    int64     // rows
	Sessions int64     // that are live
	Keys     int64     // signing keys, sealed
	Bytes    int64     // of the file
	Made     time.Time // when the backup was made, or the newest entry of its audit log; zero: not known
}

// BackupOptions of [Backup].
type BackupOptions struct {
	Replace bool      // an earlier backup in its place; anything else is never replaced
	At      time.Time // now
}

// Backup copies the database at path into a new file, mode 0600, of one moment,
// while servers and commands go on reading and writing. The file appears whole,
// checked and durable, or not at all. It holds what the database holds now and
// nothing of what was deleted. The schema is left as it is, so that a program
// that is new can back up what an older one runs on.
//
// A program that has the database open as a [Store] must not call it on the
// same file: closing a file drops the locks of the process (POSIX).
func Backup(ctx context.Context, path, to string, o BackupOptions) (Contents, error) {
	var made Contents
	full, err := filepath.Abs(path)
	if err != nil {
		return made, err
	}
	_, release, err := held.hold(full)
	if err != nil {
		return made, err
	}
	defer release()
	if err := checkTarget(full, to, o.Replace); err != nil {
		return made, err
	}
	temp := to + ".new-" + rand.Text()[:8]
	defer removeDatabase(temp)
	if err := reserve(temp); err != nil {
		return made, targetFault(to, err)
	}
	if err := snapshot(ctx, full, temp); err != nil {
		return made, backupFault(ctx, full, to, err)
	}
	if made, err = sealBackup(ctx, temp, o.At); err != nil {
		return made, targetFault(to, err)
	}
	if err := putAt(temp, to, o.Replace); err != nil {
		return made, targetFault(to, err)
	}
	return made, nil
}

// checkTarget refuses early what putAt would refuse in the end, and what must
// never be overwritten.
func checkTarget(source, to string, replace bool) error {
	there, err := os.Stat(to)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return targetFault(to, err)
	case there.IsDir():
		return fmt.Errorf("backup %s is a directory: name a file in it", to)
	}
	if own, err := os.Stat(source); err == nil && os.SameFile(own, there) {
		return fmt.Errorf("backup %s is the database itself: name another file", to)
	}
	if !replace {
		return errTaken(to)
	}
	f, err := os.Open(to)
	if err != nil {
		return targetFault(to, err)
	}
	defer f.Close()
	if !there.Mode().IsRegular() || checkHeader(to, f) != nil {
		return fmt.Errorf("%s is not a Pawl backup, and nothing else is overwritten: name another file", to)
	}
	return nil
}

func errTaken(to string) error {
	return fmt.Errorf("backup %s exists already and was left as it is: name another file, or replace it with --force", to)
}

// reserve makes an empty file that only its owner can read.
func reserve(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// snapshot copies the database into the empty file temp. VACUUM INTO reads one
// moment of it, without keeping writers waiting, and takes rows over rather
// than pages: what was deleted, hashes and addresses of people among it, is not
// in the copy.
func snapshot(ctx context.Context, path, temp string) error {
	c, err := connect(ctx, path)
	if err != nil {
		return err
	}
	if err := known(c); err != nil {
		return errors.Join(err, c.close())
	}
	_, err = c.Conn.(driver.ExecerContext).ExecContext(ctx, "VACUUM INTO ?", []driver.NamedValue{{Ordinal: 1, Value: temp}})
	return errors.Join(err, c.close())
}

// known refuses a schema that this program does not know.
func known(c *conn) error {
	list, err := migrations()
	if err != nil {
		return err
	}
	have, err := schemaVersion(c)
	if err == nil && have > int64(len(list)) {
		err = errNewer(have, len(list))
	}
	if err == nil && have == 0 {
		err = errors.New("it has none of Pawl's tables")
	}
	return err
}

const madeAt = "backup_made_at" // in meta, of a backup only: milliseconds since 1970

// sealBackup writes into the copy when it was made, checks it, and makes it durable.
func sealBackup(ctx context.Context, temp string, at time.Time) (made Contents, err error) {
	c, err := open(ctx, temp, []string{"synchronous(FULL)"}) // no WAL: one file, which can be read from where nothing can be written
	if err != nil {
		return made, err
	}
	_, err = c.exec("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", madeAt, strconv.FormatInt(millis(at), 10))
	if err == nil {
		err = integrity(ctx, c)
	}
	if err == nil {
		made, err = contents(c, at)
	}
	if err = errors.Join(err, c.close()); err != nil {
		return made, err
	}
	return made, measure(temp, &made)
}

// integrity reads the whole database.
func integrity(ctx context.Context, c *conn) error {
	rows, err := c.Conn.(driver.QueryerContext).QueryContext(ctx, "PRAGMA integrity_check(1)", nil)
	if err != nil {
		return err
	}
	defer rows.Close()
	said := make([]driver.Value, 1)
	if err := rows.Next(said); err != nil {
		return err
	}
	if said[0] != "ok" {
		return fmt.Errorf("%w: %v", errDamaged, said[0])
	}
	return nil
}

var errDamaged = errors.New("it is damaged")

func contents(c *conn, at time.Time) (h Contents, err error) {
	list, err := migrations()
	if err != nil {
		return h, err
	}
	var ms int64
	for _, n := range []struct {
		into  *int64
		query string
		args  []any
	}{
		{&h.Schema, "SELECT max(version) FROM schema_migrations", nil},
		{&h.Users, "SELECT count(*) FROM users", nil},
		{&h.Sessions, selectLive, []any{millis(at)}},
		{&h.Keys, "SELECT count(*) FROM keys", nil},
		{&ms, "SELECT CAST(value AS INTEGER) FROM meta WHERE name = ?", []any{madeAt}},
	} {
		if *n.into, err = c.int(n.query, n.args...); err != nil {
			return h, err
		}
	}
	if ms == 0 && h.Schema >= 2 {
		ms, err = c.int("SELECT ifnull(max(at), 0) FROM audit")
	}
	h.Made, h.Current = fromMillis(ms), h.Schema == int64(len(list))
	return h, err
}

// measure makes the file durable and says how large it is.
func measure(path string, h *Contents) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	h.Bytes = info.Size()
	return f.Sync()
}

// putAt gives the file its name, in one step, and makes that durable.
func putAt(temp, to string, replace bool) error {
	if replace {
		if err := os.Rename(temp, to); err != nil {
			return err
		}
		return syncDir(filepath.Dir(to))
	}
	switch err := os.Link(temp, to); {
	case errors.Is(err, fs.ErrExist):
		return err
	case err != nil: // a file system without links, such as that of a memory stick
		if _, err := os.Lstat(to); err == nil {
			return syscall.EEXIST
		}
		if err := os.Rename(temp, to); err != nil {
			return err
		}
	}
	return syncDir(filepath.Dir(to))
}

// removeDatabase removes what is left of a temporary database.
func removeDatabase(path string) {
	for _, suffix := range []string{"", "-journal", "-wal", "-shm"} {
		_ = os.Remove(path + suffix) //nolint:gosec // the operator names the file of a backup
	}
}
