package sqlite

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
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

const createMigrations = `CREATE TABLE IF NOT EXISTS schema_migrations (
	version INTEGER PRIMARY KEY,
	name    TEXT NOT NULL
) STRICT`

// migrate brings the schema up to date. Of several processes that start at
// once, one does it while the others wait.
func migrate(c *conn) error {
	list, err := migrations()
	if err != nil {
		return err
	}
	return migrateTo(c, list)
}

func migrateTo(c *conn, list []migration) (err error) {
	if have, err := schemaVersion(c); err != nil || have == int64(len(list)) {
		return err
	}
	if err := c.script("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = c.script("ROLLBACK")
		}
	}()
	have, err := schemaVersion(c)
	if err != nil {
		return err
	}
	if have > int64(len(list)) {
		return errNewer(have, len(list))
	}
	if err := c.script(createMigrations); err != nil {
		return err
	}
	for _, m := range list[have:] {
		if err := c.script(m.sql); err != nil {
			return fmt.Errorf("migration %04d %s: %w", m.version, m.name, err)
		}
		if _, err := c.exec("INSERT INTO schema_migrations (version, name) VALUES (?, ?)", m.version, m.name); err != nil {
			return err
		}
	}
	return c.script("COMMIT")
}

func errNewer(have int64, knows int) error {
	return fmt.Errorf("it has schema %d, which a newer Pawl wrote; this one knows up to %d: run the newer Pawl, or put back the backup made before it", have, knows)
}

// schemaVersion gives the last migration that was applied, 0 for none.
func schemaVersion(c *conn) (int64, error) {
	tables, err := c.int("SELECT count(*) FROM sqlite_schema WHERE name = 'schema_migrations'")
	if err != nil || tables == 0 {
		return 0, err
	}
	return c.int("SELECT max(version) FROM schema_migrations")
}
