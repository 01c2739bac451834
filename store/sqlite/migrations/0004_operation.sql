-- One-time codes that set a password, by SHA-256; one a user. A spent one stays
-- until it expires, so that a lost answer can be asked for again.
CREATE TABLE reset_codes (
	user    TEXT    NOT NULL PRIMARY KEY,
	hash    BLOB    NOT NULL UNIQUE,
	expires INTEGER NOT NULL,
	spent   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Registered clients; secret is a SHA-256, scopes a JSON array.
CREATE TABLE clients (
	id      TEXT    NOT NULL PRIMARY KEY,
	secret  BLOB    NOT NULL,
	scopes  TEXT    NOT NULL,
	created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What an administrator gave as the reason, and the id of what it is about where
-- that is neither user, session nor key.
ALTER TABLE audit ADD COLUMN why TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN object TEXT NOT NULL DEFAULT '';
