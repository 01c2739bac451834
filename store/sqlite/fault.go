package sqlite

import (
	"context"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// fault says what a person can do about an error of the database. Answers and
// ends of contexts stay as they are.
func (s *Store) fault(err error) error {
	if err == nil || isAnswer(err) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("database %s: %w%s", s.path, err, advice(err))
}

// code gives the primary result code of SQLite, 0 for another error.
func code(err error) int {
	var fault *sqlite.Error
	if !errors.As(err, &fault) {
		return 0
	}
	return fault.Code() & 0xff
}

func advice(err error) string {
	switch code(err) {
	case sqlite3.SQLITE_FULL:
		return "; make space on its disk, and Pawl goes on by itself"
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return "; the file is damaged: stop Pawl and put a backup in its place; it was left as it is"
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN:
		return "; the file, its directory and its file system must be writable for the user Pawl runs as"
	case sqlite3.SQLITE_IOERR:
		return "; check its disk"
	case sqlite3.SQLITE_BUSY:
		return "; another process keeps writing to it: find and end that one"
	}
	return ""
}
