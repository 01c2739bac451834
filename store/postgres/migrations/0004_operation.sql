-- One-time codes that set a password, by SHA-256; one a user. A spent one stays
-- until it expires, so that a lost answer can be asked for again.
CREATE TABLE pawl.reset_codes (
	user_id bytea   PRIMARY KEY,
	hash    bytea   NOT NULL UNIQUE,
	expires bigint  NOT NULL,
	spent   boolean NOT NULL
);

-- Registered clients; secret is a SHA-256, scopes a JSON array.
CREATE TABLE pawl.clients (
	id      bytea  PRIMARY KEY,
	secret  bytea  NOT NULL,
	scopes  bytea  NOT NULL,
	created bigint NOT NULL
);

-- What an administrator gave as the reason, and the id of what it is about where
-- that is neither user, session nor key.
ALTER TABLE pawl.audit ADD COLUMN why bytea NOT NULL DEFAULT '';
ALTER TABLE pawl.audit ADD COLUMN object bytea NOT NULL DEFAULT '';
