package config

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/pawlauth/pawl"
)

const sqliteScheme = "sqlite://"

func storageFields(c *Config) []Field {
	return inGroup("Storage",
		Field{
			Key: "data_dir", value: textValue{&c.DataDir}, Default: "./pawl-data",
			Doc: "The directory of an SQLite database and of the master key. It is made at the first start, for its owner only (mode 0700).",
		},
		Field{
			Key: "database", value: urlValue{&c.Database}, Derived: "`sqlite://` and `pawl.db` in `data_dir`",
			Doc: "Where users, keys, registered clients, the audit log and, unless `sessions` says otherwise, sessions are kept: `sqlite://` and the path of a file, for one server; or `postgres://user@host/database`, for any number. A URL with a password goes into `PAWL_DATABASE`, or into a file that `PAWL_DATABASE_FILE` names.",
		},
		Field{
			Key: "database_listen", value: urlValue{&c.DatabaseListen}, Zero: "Empty: servers look for ends every 50 ms instead of being told.",
			Doc: "The URL of the same PostgreSQL database, past PgBouncer where `database` leads through it, for the one connection on which each server is told of ends at once (`LISTEN`). Where there is no PgBouncer, it is that of `database`. It has no effect on sessions in Redis.",
		},
		Field{
			Key: "sessions", value: urlValue{&c.Sessions}, Zero: "Empty: in `database`.",
			Doc: "Where sessions are kept, and the counts of failed sign-ins, if not in `database`: `redis://host:6379/0`, or `rediss://…` by TLS; `?addr=HOST:PORT` names further nodes of a Cluster, `?sentinel=NAME` the primary behind Sentinels (see docs/redis.md). `database` must then be PostgreSQL. A URL with a password goes into `PAWL_SESSIONS`, or into a file that `PAWL_SESSIONS_FILE` names.",
		},
		Field{
			Key: "master_key", value: secretValue{&c.MasterKey}, Secret: true, Zero: "Empty: `master_key_file` is used.",
			Doc: "The key that seals the signing keys in the database: 32 random bytes in base64url, 43 characters. Set it where secrets come from the environment, as in containers. The signing keys are lost without it: keep a copy away from the database.",
		},
		Field{
			Key: "master_key_file", value: textValue{&c.MasterKeyFile}, Derived: "`master.key` in `data_dir`",
			Doc: "The file that holds the master key, readable by its owner only (mode 0600). With SQLite it is made at the first start and never replaced by itself: see `pawl key reseal`; with PostgreSQL you make it, one for all servers: `pawl key master`. Not used where `master_key` is set.",
		},
	)
}

// InPostgres reports whether the database is PostgreSQL, which several servers
// share; else it is an SQLite file.
func (c *Config) InPostgres() bool { return isPostgres(c.Database) }

func isPostgres(u URL) bool { return u.Scheme() == "postgres" || u.Scheme() == "postgresql" }

// DatabasePath is the file of the SQLite database; empty where there is none.
func (c *Config) DatabasePath() string {
	if c.InPostgres() {
		return ""
	}
	return strings.TrimPrefix(c.Database.Reveal(), sqliteScheme)
}

// DatabaseName names the database for people: its file, or its URL without a
// password.
func (c *Config) DatabaseName() string {
	if c.InPostgres() {
		return c.Database.String()
	}
	return c.DatabasePath()
}

// deriveStorage fills in what follows from the data directory.
func (c *Config) deriveStorage() {
	if c.Database == "" {
		c.Database = URL(sqliteScheme + filepath.Join(c.DataDir, "pawl.db"))
	}
	if c.MasterKeyFile == "" {
		c.MasterKeyFile = filepath.Join(c.DataDir, "master.key")
	}
}

func (c *Config) checkStorage(bad complain) {
	if c.InPostgres() {
		c.checkServer(bad, "database", c.Database, "postgres", "postgresql")
	} else {
		c.checkSQLite(bad)
	}
	c.checkBeside(bad)
	if c.DataDir == "" {
		bad("data_dir", c.DataDir, "must be the path of a directory")
	}
	if key := c.MasterKey.Reveal(); key != "" {
		if _, err := pawl.ParseMasterKey(key); err != nil {
			bad("master_key", c.MasterKey, "is not a master key: 32 random bytes in base64url, 43 characters, as \"pawl key master\" makes one")
		}
	}
}

// asURL is said of libpq's keywords, which are not shown.
const asURL = "is written in keywords, as libpq takes them; write it as a URL: postgres://USER:PASSWORD@HOST:PORT/DATABASE, with %%XX for what is neither a letter nor a digit in the password, and other keywords behind a ?, as in ?sslmode=verify-full"

func (c *Config) checkSQLite(bad complain) {
	path, ok := strings.CutPrefix(c.Database.Reveal(), sqliteScheme)
	switch {
	case c.Database.Scheme() == "redis" || c.Database.Scheme() == "rediss":
		bad("database", c.Database, "is Redis, which holds sessions only: set sessions to it, and database to postgres://…")
	case c.Database.isKeywords():
		bad("database", c.Database, asURL)
	case !ok || path == "":
		bad("database", c.Database, "must be sqlite:// and the path of a file, such as sqlite:///var/lib/pawl/pawl.db, or postgres://user@host/database")
	case !strings.ContainsAny(path, "?#%") && !c.Database.readable():
		bad("database", c.Database, "is not the path of a file, and is not shown, as a password may be in it; PostgreSQL's address begins with postgres://")
	case strings.ContainsAny(path, "?#%"):
		bad("database", c.Database, "must be a plain path; ?, # and %% are not for it")
	}
}

// checkBeside looks at what stands beside the database.
func (c *Config) checkBeside(bad complain) {
	if c.DatabaseListen != "" {
		c.checkServer(bad, "database_listen", c.DatabaseListen, "postgres", "postgresql")
		if !c.InPostgres() {
			bad("database_listen", c.DatabaseListen, "has no effect with an SQLite database; remove it")
		}
	}
	if c.Sessions == "" {
		return
	}
	c.checkServer(bad, "sessions", c.Sessions, "redis", "rediss")
	if !c.InPostgres() {
		bad("sessions", c.Sessions, "is for several servers, which cannot share the users in an SQLite file; set database to postgres://…, or remove it: SQLite holds the sessions of one server")
	}
}

// checkServer looks at the URL of a server. A password does not stand in a file
// that is copied about, nor on a command line, which everybody on the machine
// can read.
func (c *Config) checkServer(bad complain, key string, u URL, schemes ...string) {
	origin := c.origins[key]
	switch {
	case slices.Contains(schemes, "postgres") && u.isKeywords():
		bad(key, u, asURL)
	case !slices.Contains(schemes, u.Scheme()):
		bad(key, u, "must begin with %s://", strings.Join(schemes, ":// or "))
	case u.authority() == "" && !strings.Contains(u.Reveal(), "host="):
		bad(key, u, "names no server: %s://HOST", u.Scheme())
	case !u.readable():
		bad(key, u, "cannot be read, and is not shown, as a password may be in it: write %s://USER:PASSWORD@HOST/…, with %%XX for what is neither a letter nor a digit in the password", u.Scheme())
	case u.HasPassword() && !strings.HasPrefix(origin, envPrefix):
		bad(key, u, "holds a password, which does not belong here; set %s, or put the URL into a file of mode 0600 and name that in %s%s", envName(key), envName(key), fileSuffix)
	}
}
