package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Prepared reports whether statements of the store have names.
func (s *Store) Prepared(ctx context.Context) (prepared bool, err error) {
	err = s.reading(ctx, func(ctx context.Context, c *pgx.Conn) error {
		return c.QueryRow(ctx, `SELECT count(*) > 0 FROM pg_prepared_statements WHERE statement LIKE '%pawl.everyone%'`, pgx.QueryExecModeExec).Scan(&prepared)
	})
	return prepared, err
}

// LockSweep is the number under which a node sweeps.
const LockSweep = lockSweep
