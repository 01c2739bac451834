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

// Reconnect gives up the connections that there are.
func (s *Store) Reconnect() { s.pool.Reset() }

// MigrateTo brings the schema of a database to an earlier version.
func MigrateTo(ctx context.Context, url string, version int) error {
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	list, err := migrations()
	if err != nil {
		return err
	}
	return migrateTo(ctx, c, list[:version])
}
