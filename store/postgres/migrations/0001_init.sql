-- Times are milliseconds since 1970 (0: none), auth_time and not_before seconds.
-- Text is bytea: it comes back byte for byte, whatever is in it, and sorts by
-- bytes, whatever the encoding and the locale of the database.

CREATE TABLE pawl.meta (
	name  text PRIMARY KEY,
	value text NOT NULL
);

-- Cursors begin with the epoch.
INSERT INTO pawl.meta (name, value) VALUES ('epoch', left(replace(gen_random_uuid()::text, '-', ''), 16));

-- A rotation rewrites one row: nothing that it changes is indexed, and each page
-- keeps room for the key that the first rotation adds to a row, and for the next
-- versions of some (heap-only tuples). There are no NULLs: 0 and the empty text
-- take less space.
CREATE TABLE pawl.sessions (
	generation   bigint NOT NULL,
	created      bigint NOT NULL,
	rotated      bigint NOT NULL,
	opened       bigint NOT NULL,
	idle_expires bigint NOT NULL,
	ends         bigint NOT NULL,
	auth_time    bigint NOT NULL,
	ended        bigint NOT NULL,
	user_id      bytea  NOT NULL,
	sid          bytea  NOT NULL, -- 16 bytes
	address      bytea  NOT NULL,
	agent        bytea  NOT NULL,
	label        bytea  NOT NULL,
	last_key     bytea  NOT NULL, -- SHA-256; empty: none
	end_reason   bytea  NOT NULL,
	PRIMARY KEY (user_id, sid)
) WITH (fillfactor = 75);

CREATE TABLE pawl.marks (
	user_id    bytea  PRIMARY KEY,
	not_before bigint NOT NULL,
	reason     bytea  NOT NULL,
	version    bigint NOT NULL
);

-- Everyone's mark.
CREATE TABLE pawl.everyone (
	not_before bigint NOT NULL,
	reason     bytea  NOT NULL,
	version    bigint NOT NULL
);
INSERT INTO pawl.everyone VALUES (-9223372036854775808, '', 0);

-- The latest auth_time that any session has had. It changes once a second at
-- most, and no reissue reads it.
CREATE TABLE pawl.latest (
	auth_time bigint NOT NULL
);
INSERT INTO pawl.latest VALUES (0);

-- Always empty. Whoever judges by everyone's mark and writes locks it as a
-- reader of rows does (ROW SHARE), whoever moves that mark locks it EXCLUSIVE.
CREATE TABLE pawl.gate ();

-- An id is given under a lock that is kept until the commit is seen, so that no
-- entry can appear in front of one that was read. Gaps are possible. The tag
-- tells an entry from another one of the same id, after a fail-over that lost some.
CREATE TABLE pawl.revocations (
	id         bigint  PRIMARY KEY,
	not_before bigint  NOT NULL,
	at         bigint  NOT NULL,
	tag        integer NOT NULL DEFAULT (random() * 4294967295 - 2147483648)::integer,
	kind       bytea   NOT NULL,
	subject    bytea   NOT NULL,
	reason     bytea   NOT NULL
);
CREATE INDEX revocations_at ON pawl.revocations (at);
CREATE SEQUENCE pawl.revocations_id OWNED BY pawl.revocations.id;

-- The highest id of an entry that was swept. One that is missing above it was
-- lost by a fail-over.
CREATE TABLE pawl.swept (
	id bigint NOT NULL
);
INSERT INTO pawl.swept VALUES (0);

-- one_by_one gives a row its id: of the sequence that is named like the table.
CREATE FUNCTION pawl.one_by_one() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_catalog.pg_advisory_xact_lock(TG_RELID::bigint);
	NEW.id := pg_catalog.nextval(TG_ARGV[0]::pg_catalog.regclass);
	RETURN NEW;
END $$;
CREATE TRIGGER revocations_one_by_one BEFORE INSERT ON pawl.revocations
	FOR EACH ROW EXECUTE FUNCTION pawl.one_by_one('pawl.revocations_id');

-- nudge tells whoever listens that the log has grown.
CREATE FUNCTION pawl.nudge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_catalog.pg_notify('pawl_revocations', '');
	RETURN NULL;
END $$;
CREATE TRIGGER revocations_nudge AFTER INSERT ON pawl.revocations
	FOR EACH ROW EXECUTE FUNCTION pawl.nudge();

CREATE TABLE pawl.users (
	id       bytea   PRIMARY KEY,
	folded   bytea   NOT NULL UNIQUE, -- login, as logins are compared
	login    bytea   NOT NULL,
	hash     bytea   NOT NULL,
	disabled boolean NOT NULL,
	admin    boolean NOT NULL, -- has the role
	roles    bytea   NOT NULL, -- JSON array
	claims   bytea   NOT NULL  -- JSON object, or empty
);
CREATE INDEX users_admin ON pawl.users (admin) WHERE admin;

CREATE TABLE pawl.setup_code (
	hash bytea NOT NULL
);

CREATE TABLE pawl.keys (
	seq        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- the order in which keys were added
	id         bytea  NOT NULL UNIQUE,
	use        bytea  NOT NULL,
	algorithm  bytea  NOT NULL,
	sealed     bytea  NOT NULL,
	created    bigint NOT NULL,
	signs_from bigint NOT NULL
);

-- Counts of failures, and keys that are known. They may be lost, and are after a
-- crash: nothing waits for the disk for their sake.
CREATE UNLOGGED TABLE pawl.throttle_tries (
	key     bytea  PRIMARY KEY,
	drained bigint NOT NULL
) WITH (fillfactor = 70);
CREATE UNLOGGED TABLE pawl.throttle_known (
	key   bytea  PRIMARY KEY,
	until bigint NOT NULL
) WITH (fillfactor = 70);
