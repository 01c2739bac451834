package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Ask asks the server something on a connection of the store's.
func (s *Store) Ask(ctx context.Context, query string) (answer string, err error) {
	err = s.reading(ctx, func(ctx context.Context, c *pgx.Conn) error {
		return c.QueryRow(ctx, query, pgx.QueryExecModeExec).Scan(&answer)
	})
	return answer, err
}

// LockSweep is the number under which a node sweeps.
const LockSweep = lockSweep
