package postgres

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// errUnconfirmed is a commit that no synchronous standby has confirmed. Where an
// administrator or another program cancels the wait (pg_cancel_backend), PostgreSQL
// reports the commit as done, with a warning.
var errUnconfirmed = errors.New("no synchronous standby has confirmed the commit: a fail-over would lose it")

// connState is what is known of a connection.
type connState struct {
	era         int64 // in which it was made
	unconfirmed bool  // since the call began
}

// stateOf is where a connection keeps its state.
const stateOf = "pawl"

// stateIn returns a connection's state; one that is not of the pool has none that
// lasts.
func stateIn(c *pgconn.PgConn) *connState {
	if s, ok := c.CustomData()[stateOf].(*connState); ok {
		return s
	}
	return &connState{}
}

// noticed goes by the function that reports: what it says is in the server's
// language.
func noticed(c *pgconn.PgConn, n *pgconn.Notice) {
	if n.Routine == "SyncRepWaitForLSN" {
		stateIn(c).unconfirmed = true
	}
}
