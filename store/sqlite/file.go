package sqlite

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// applicationID marks a database file as Pawl's ("Pawl" in ASCII).
const applicationID = 0x5061776c

// prepareFile makes sure that there is a file at path, and gives its absolute path.
func prepareFile(ctx context.Context, path string) (string, error) {
	if path == "" {
		return "", errors.New("the database has no path: name a file")
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(full); errors.Is(err, fs.ErrNotExist) {
		if err := create(ctx, full); err != nil {
			return "", err
		}
	}
	return full, nil
}

// create makes a new database beside its place and then links it there: no
// process ever sees half of one, and an empty file is never taken for new.
func create(ctx context.Context, path string) error {
	dir := filepath.Dir(path)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fmt.Errorf("database %s cannot be created: %s is not a directory that can be read; create it, owned by the user Pawl runs as, mode 0700", path, dir)
	}
	if err := nothingLeft(path); err != nil {
		if _, there := os.Lstat(path); there == nil {
			return nil // another process made it just now, and the log is its log
		}
		return err
	}
	temp := path + ".new-" + rand.Text()[:8]
	if err := createAt(ctx, temp); err != nil {
		return fmt.Errorf("database %s cannot be created: %w; the user Pawl runs as must be able to write to %s, and the disk must have space", path, err, dir)
	}
	defer os.Remove(temp)
	if err := os.Link(temp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("database %s cannot be created: %w", path, err)
	}
	return syncDir(dir) // ErrExist: another process was first, and its database is as good
}

// nothingLeft refuses to make a database beside the log of one that is gone:
// SQLite would play that into the new one.
func nothingLeft(path string) error {
	for _, suffix := range []string{"-wal", "-journal"} {
		if _, err := os.Lstat(path + suffix); err == nil {
			return fmt.Errorf("the database %s is not there, but its log %[1]s%s is: put the database back to it, or a backup in its place with \"pawl restore --replace\"; nothing was made", path, suffix)
		}
	}
	return nil
}

func createAt(ctx context.Context, temp string) (err error) {
	f, err := os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temp) // err says more
		}
	}()
	if err := errors.Join(f.Chmod(0o600), f.Close()); err != nil { // whatever the umask says
		return err
	}
	c, err := connect(ctx, temp)
	if err != nil {
		return err
	}
	return errors.Join(
		c.script(fmt.Sprintf("PRAGMA application_id = %d", applicationID)),
		migrate(c),
		c.close(), // the last one to close leaves a single file
	)
}

func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // a directory cannot be opened there
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// checkFile refuses a file that is not ours to use, before SQLite touches it. One
// that this process holds is not opened: its content was looked at before.
func checkFile(path string, info fs.FileInfo, holds bool) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("database %s is not a regular file: name another path", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return fmt.Errorf("database %s is open to other users (mode %04o): run chmod 600 on it, and on %[1]s-wal and %[1]s-shm if they exist", path, mode)
	}
	if holds {
		return nil
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return errCannotOpen(path, err)
	}
	defer f.Close()
	return errors.Join(checkHeader(path, f), checkLog(path, f))
}

// checkLog refuses a file that never had a write-ahead log, as a backup has none,
// beside one: that is the log of the database that was there before, and SQLite
// would play it into this one.
func checkLog(path string, f io.ReaderAt) error {
	const writeVersion = 18 // in the header: 1 without a log, 2 with one
	var version [1]byte
	if _, err := f.ReadAt(version[:], writeVersion); err != nil || version[0] != 1 {
		return nil // checkHeader says what is wrong
	}
	if log, err := os.Stat(path + "-wal"); err == nil && log.Size() > 0 {
		return fmt.Errorf("database %s is a copy beside the log of the database that was there before (%[1]s-wal): move the copy elsewhere, and put it back with \"pawl restore --replace\"; nothing was changed", path)
	}
	return nil
}

func errCannotOpen(path string, err error) error {
	return fmt.Errorf("database %s cannot be opened for reading and writing: %w; the file, its directory and its file system must be writable for the user Pawl runs as", path, err)
}

// checkHeader reads the part of the SQLite header that says what a file is.
func checkHeader(path string, f io.Reader) error {
	var header [72]byte
	if n, err := io.ReadFull(f, header[:]); n == 0 {
		return fmt.Errorf("database %s is empty: put a backup in its place, or delete it if there was nothing in it, and a new one is made", path)
	} else if err != nil || !bytes.HasPrefix(header[:], []byte("SQLite format 3\x00")) {
		return fmt.Errorf("database %s is not an SQLite database, or is damaged: put a backup in its place, or name another path; it was left as it is", path)
	}
	if id := binary.BigEndian.Uint32(header[68:]); id != applicationID {
		return fmt.Errorf("database %s belongs to another application (application_id %#08x): name another path; it was left as it is", path, id)
	}
	return nil
}
