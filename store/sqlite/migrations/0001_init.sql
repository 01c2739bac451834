-- Times are milliseconds since 1970 (0: none), auth_time and not_before seconds.

CREATE TABLE meta (
	name  TEXT NOT NULL PRIMARY KEY,
	value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Cursors of the revocation log begin with the epoch.
INSERT INTO meta (name, value) VALUES ('epoch', lower(hex(randomblob(8))));

-- A rotation rewrites one row: nothing that it changes is indexed.
CREATE TABLE sessions (
	user         TEXT    NOT NULL,
	sid          BLOB    NOT NULL, -- 16 bytes
	generation   INTEGER NOT NULL,
	created      INTEGER NOT NULL,
	rotated      INTEGER NOT NULL,
	opened       INTEGER NOT NULL,
	idle_expires INTEGER NOT NULL,
	ends         INTEGER NOT NULL,
	auth_time    INTEGER NOT NULL,
	address      TEXT    NOT NULL,
	agent        TEXT    NOT NULL,
	label        TEXT    NOT NULL,
	last_key     BLOB, -- SHA-256; NULL: none
	ended        INTEGER NOT NULL,
	end_reason   TEXT    NOT NULL,
	PRIMARY KEY (user, sid)
) STRICT, WITHOUT ROWID;

CREATE TABLE marks (
	user       TEXT    NOT NULL PRIMARY KEY,
	not_before INTEGER NOT NULL,
	reason     TEXT    NOT NULL,
	version    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Everyone's mark, and the latest auth_time that any session has had.
CREATE TABLE everyone (
	id               INTEGER PRIMARY KEY CHECK (id = 1),
	not_before       INTEGER NOT NULL,
	reason           TEXT    NOT NULL,
	version          INTEGER NOT NULL,
	latest_auth_time INTEGER NOT NULL
) STRICT;
INSERT INTO everyone VALUES (1, -9223372036854775808, '', 0, 0);

CREATE TABLE revocations (
	id         INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice
	kind       TEXT    NOT NULL,
	subject    TEXT    NOT NULL,
	reason     TEXT    NOT NULL,
	not_before INTEGER NOT NULL,
	at         INTEGER NOT NULL
) STRICT;
CREATE INDEX revocations_at ON revocations (at);

CREATE TABLE users (
	id       TEXT    NOT NULL PRIMARY KEY,
	folded   TEXT    NOT NULL UNIQUE, -- login, as logins are compared
	login    TEXT    NOT NULL,
	hash     TEXT    NOT NULL,
	disabled INTEGER NOT NULL,
	roles    TEXT    NOT NULL, -- JSON array
	claims   TEXT    NOT NULL  -- JSON object, or empty
) STRICT, WITHOUT ROWID;

CREATE TABLE setup_code (
	id   INTEGER PRIMARY KEY CHECK (id = 1),
	hash BLOB NOT NULL
) STRICT;

CREATE TABLE keys (
	seq        INTEGER PRIMARY KEY AUTOINCREMENT, -- the order in which keys were added
	id         TEXT    NOT NULL UNIQUE,
	use        TEXT    NOT NULL,
	algorithm  TEXT    NOT NULL,
	sealed     BLOB    NOT NULL,
	created    INTEGER NOT NULL,
	signs_from INTEGER NOT NULL
) STRICT;
