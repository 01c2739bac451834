package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// querier is a connection or a transaction.
type querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// What is locked until the end of a transaction, by number: the first of two.
// Who ends or makes sessions locks the user, the gate, rows of sessions, latest
// and the log, in this order: there is no circle to wait in.
const (
	lockSchema int32 = 0x7061776c + iota // "pawl"
	lockUser                             // the second number is that of lockOf
	lockTry                              // likewise
	lockUsers                            // those who add many, and the first
	lockKeys
	lockSweep
	lockSweepAudit
)

const takeLock = `SELECT pg_advisory_xact_lock($1, $2)`

// lock waits for a lock that goes with the transaction. It is a statement of its
// own: the next one sees what was committed by whoever had it.
func lock(ctx context.Context, q querier, kind, which int32) error {
	_, err := q.Exec(ctx, takeLock, kind, which)
	return err
}

// tryLock takes a lock unless another node has it.
func tryLock(ctx context.Context, q querier, kind int32) (got bool, err error) {
	err = q.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock($1, 0)`, kind).Scan(&got)
	return got, err
}

// How the gate is locked: see gateOpen.
const (
	shareGate = `LOCK TABLE pawl.gate IN ROW SHARE MODE`
	shutGate  = `LOCK TABLE pawl.gate IN EXCLUSIVE MODE`
)

// gateOpen is always true, and makes a statement wait while everyone's mark is
// moved, and that movement for the statement. The table is empty: what counts
// is the lock of it, ROW SHARE, which costs nothing (it is kept in the process
// until somebody wants a stronger one) and is taken before the statement
// looks at anything. Without it a statement that began before a mark could
// apply after the mark's answer. Under another isolation than READ COMMITTED it
// would go on seeing what it saw before the lock: see settings.
const gateOpen = ` NOT EXISTS (SELECT 1 FROM pawl.gate FOR KEY SHARE) `
