package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

//go:embed migrations/*.sql
var files embed.FS

// migration is one step of the schema: migrations/<version>_<name>.sql.
type migration struct {
	version int64
	name    string
	sql     string
}

// migrations gives the steps in order, numbered from 1 without gaps.
func migrations() ([]migration, error) {
	names, err := fs.Glob(files, "migrations/*.sql") // sorted
	if err != nil {
		return nil, err
	}
	var list []migration
	for i, file := range names {
		number, name, _ := strings.Cut(strings.TrimSuffix(path.Base(file), ".sql"), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil || version != int64(i+1) {
			return nil, fmt.Errorf("migration %s must have number %04d", file, i+1)
		}
		sql, err := files.ReadFile(file)
		if err != nil {
			return nil, err
		}
		list = append(list, migration{version, name, string(sql)})
	}
	return list, nil
}

// createMigrations asks for no right to create schemas where somebody else has
// made this one.
const createMigrations = `DO $$ BEGIN
	IF NOT EXISTS (SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = 'pawl') THEN
		CREATE SCHEMA pawl;
	END IF;
END $$;
CREATE TABLE IF NOT EXISTS pawl.schema_migrations (
	version bigint PRIMARY KEY,
	name    text NOT NULL
)`

// migrate brings the schema up to date. Of several nodes that start at once,
// one does it while the others wait.
func migrate(ctx context.Context, c *pgx.Conn) error {
	list, err := migrations()
	if err != nil {
		return err
	}
	return migrateTo(ctx, c, list)
}

func migrateTo(ctx context.Context, c *pgx.Conn, list []migration) error {
	if have, err := schemaVersion(ctx, c); err != nil || have == int64(len(list)) {
		return err
	}
	return pgx.BeginTxFunc(ctx, c, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		// A lock of the transaction: a pooler may change the connection behind it.
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1, 0)`, pgx.QueryExecModeExec, lockSchema); err != nil {
			return err
		}
		have, err := schemaVersion(ctx, tx)
		if err != nil {
			return err
		}
		if have > int64(len(list)) {
			return errNewer(have, len(list))
		}
		if err := script(ctx, tx, createMigrations); err != nil {
			return err
		}
		for _, m := range list[have:] {
			if err := script(ctx, tx, m.sql); err != nil {
				return fmt.Errorf("migration %04d %s: %w", m.version, m.name, err)
			}
			if _, err := tx.Exec(ctx, `INSERT INTO pawl.schema_migrations (version, name) VALUES ($1, $2)`, pgx.QueryExecModeExec, m.version, m.name); err != nil {
				return err
			}
		}
		return nil
	})
}

// script runs several statements without arguments.
func script(ctx context.Context, tx pgx.Tx, sql string) error {
	_, err := tx.Conn().PgConn().Exec(ctx, sql).ReadAll()
	return err
}

func errNewer(have int64, knows int) error {
	return fmt.Errorf("it has schema %d, which a newer Pawl wrote; this one knows up to %d: run the newer Pawl, or put back the backup made before it", have, knows)
}

// hasMigrations reads the catalogue as a table: by its name, PostgreSQL would look
// the other table up in a cache, which may be older than the lock.
const hasMigrations = `SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname = 'pawl' AND c.relname = 'schema_migrations')`

// schemaVersion gives the last migration that was applied, 0 for none.
func schemaVersion(ctx context.Context, q querier) (version int64, err error) {
	made := false
	err = q.QueryRow(ctx, hasMigrations, pgx.QueryExecModeExec).Scan(&made)
	if err != nil || !made {
		return 0, err
	}
	err = q.QueryRow(ctx, `SELECT coalesce(max(version), 0) FROM pawl.schema_migrations`, pgx.QueryExecModeExec).Scan(&version)
	return version, err
}
