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

-- restored is for a database that was put back from a backup, which knows nothing
-- of what was ended since: it signs everybody out and voids what was good once.
-- The minute is for sign-ins after the backup, by a clock that was ahead.
CREATE FUNCTION pawl.restored() RETURNS void LANGUAGE sql AS $$
	DELETE FROM pawl.setup_code;
	DELETE FROM pawl.reset_codes;
	UPDATE pawl.meta SET value = left(replace(gen_random_uuid()::text, '-', ''), 16) WHERE name = 'epoch';
	UPDATE pawl.everyone SET reason = 'ended_by_admin', version = version + 1, not_before = greatest(not_before,
		(SELECT auth_time FROM pawl.latest), extract(epoch FROM clock_timestamp())::bigint + 60);
	INSERT INTO pawl.revocations (kind, subject, reason, not_before, at)
		SELECT 'all'::bytea, ''::bytea, reason, not_before, (extract(epoch FROM clock_timestamp()) * 1000)::bigint FROM pawl.everyone;
$$;
