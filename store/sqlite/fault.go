package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// explained is an error that says already which file it is about and what to do.
type explained struct{ error }

func (e explained) Unwrap() error { return e.error }

// fault says what a person can do about an error of the database. Answers and
// ends of contexts stay as they are.
func (s *Store) fault(err error) error { return faultAt(s.path, err) }

func faultAt(path string, err error) error {
	if err == nil || isAnswer(err) || ended(err) {
		return err
	}
	if _, ok := errors.AsType[explained](err); ok {
		return err
	}
	return explained{fmt.Errorf("database %s: %w%s", path, err, advice(err))}
}

func ended(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// code gives the primary result code of SQLite, 0 for another error.
func code(err error) int { return extended(err) & 0xff }

// extended gives the result code with its details, 0 for another error.
func extended(err error) int {
	var fault *sqlite.Error
	if !errors.As(err, &fault) {
		return 0
	}
	return fault.Code()
}

func advice(err error) string {
	if diskFull(err) {
		return "; its disk is full: make space, and Pawl goes on by itself, or start it again if it has not started"
	}
	switch code(err) {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return "; the file is damaged: stop Pawl and put a backup in its place with \"pawl restore\"; it was left as it is"
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN:
		return "; the file, its directory and its file system must be writable for the user Pawl runs as"
	case sqlite3.SQLITE_IOERR:
		return "; check its disk, and whether that is full"
	case sqlite3.SQLITE_BUSY:
		return "; another process keeps writing to it: find and end that one"
	}
	return ""
}

// diskFull reports whether there was no space. SQLite says so of the database
// and its log; of the index of that log (-shm) it says only that it cannot grow.
func diskFull(err error) bool {
	switch extended(err) {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE:
		return true
	}
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// targetFault says what a person can do where a backup cannot be written.
func targetFault(to string, err error) error {
	if err == nil || ended(err) {
		return err
	}
	dir, do := filepath.Dir(to), ""
	switch {
	case errors.Is(err, fs.ErrExist):
		return errTaken(to)
	case diskFull(err):
		do = "; the disk is full: make space or name another place"
	case errors.Is(err, fs.ErrNotExist):
		do = "; make the directory " + dir + " first"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS), code(err) == sqlite3.SQLITE_READONLY, code(err) == sqlite3.SQLITE_CANTOPEN:
		do = "; the user that runs this must be able to write to " + dir
	case code(err) == sqlite3.SQLITE_IOERR:
		do = "; check the disk of " + dir + ", and whether that is full"
	}
	return explained{fmt.Errorf("backup %s cannot be written: %w%s; nothing was left there", to, err, do)}
}

// backupFault tells a fault of the database from one of the copy.
func backupFault(ctx context.Context, path, to string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err() // SQLite says that it was interrupted
	}
	switch code(err) {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY:
		return targetFault(to, err)
	}
	return faultAt(path, err)
}
