package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pawlauth/pawl"
)

// explained is an error that says already which database it is about and what
// to do.
type explained struct{ error }

func (e explained) Unwrap() error { return e.error }

// errStandby is what a server is that only follows another one.
var errStandby = errors.New("it is a standby, which may lag behind")

var errClosed = errors.New("it was closed")

// fault says what a person can do about an error of the database. Answers and
// ends of contexts stay as they are.
func (s *Store) fault(err error) error {
	if err == nil || isAnswer(err) || errors.Is(err, context.Canceled) {
		return err
	}
	if _, ok := errors.AsType[explained](err); ok {
		return err
	}
	return explained{fmt.Errorf("database %s: %w%s", s.name, err, advice(err))}
}

// isAnswer tells a store's answer from a fault.
func isAnswer(err error) bool {
	return errors.Is(err, pawl.ErrNotFound) || errors.Is(err, pawl.ErrConflict) || errors.Is(err, pawl.ErrEnded)
}

// code gives the SQLSTATE, empty for an error that is not the server's.
func code(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// broken is what happened to a call whose connection was gone at its end.
type broken struct{ error }

func (e broken) Unwrap() error { return e.error }

// lost reports whether the connection broke, so that nothing is known.
func lost(err error) bool {
	_, ok := errors.AsType[broken](err)
	return ok
}

// unreachable reports whether there was no connection to be had.
func unreachable(err error) bool {
	_, ok := errors.AsType[*pgconn.ConnectError](err)
	return ok || strings.HasPrefix(code(err), "57P") // it stops, or starts
}

// stale reports whether the server takes no writes: another one has its place.
func stale(err error) bool { return code(err) == "25006" || errors.Is(err, errStandby) }

// unique reports whether a row with the same key is there.
func unique(err error) bool { return code(err) == "23505" }

func advice(err error) string {
	c := code(err)
	switch {
	case c == "53100", c == "53200":
		return "; the server has no space or memory left: make some, and Pawl goes on by itself, or start it again if it has not started"
	case c == "53300":
		return "; raise max_connections of the server, or lower pool_max_conns in the URL"
	case strings.HasPrefix(c, "28"):
		return "; check user and password in the URL, and the server's pg_hba.conf"
	case c == "3D000":
		return "; create it first: createdb -O <user> <name>"
	case c == "42501":
		return "; the user in the URL must own the database or its schema pawl: ALTER DATABASE <name> OWNER TO <user>"
	case errors.Is(err, context.DeadlineExceeded):
		return "; it did not answer in time: check its load, and what waits in pg_stat_activity (SyncRep: for a synchronous standby)"
	case c == "26000", c == "42P05":
		return "; behind a pooler in transaction mode, add default_query_exec_mode=exec to the URL"
	case stale(err):
		return "; name all its hosts in the URL, and Pawl finds the primary: postgres://user@a:5432,b:5432/name"
	case lost(err), unreachable(err):
		return "; check that it runs and can be reached; Pawl goes on by itself when it does, or start it again if it has not started"
	}
	return ""
}
