-- Whose session an entry ends, and which session goes on: what a node needs to make
-- an end hold again that a fail-over lost.
ALTER TABLE pawl.revocations ADD COLUMN user_id bytea NOT NULL DEFAULT '';
ALTER TABLE pawl.revocations ADD COLUMN keep bytea NOT NULL DEFAULT '';

-- The tag tells an audit entry from another one of the same id, as in the
-- revocation log. Entries that are there get 0, without being rewritten.
ALTER TABLE pawl.audit ADD COLUMN tag integer NOT NULL DEFAULT 0;
ALTER TABLE pawl.audit ALTER COLUMN tag SET DEFAULT (random() * 4294967295 - 2147483648)::integer;

-- The highest id of an audit entry that was swept. A trigger keeps it, so that
-- releases that do not know of it keep it too.
CREATE TABLE pawl.audit_swept (
	id bigint NOT NULL
);
INSERT INTO pawl.audit_swept SELECT coalesce(
	(SELECT max(id) FROM pawl.audit),
	(SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM pawl.audit_id));

CREATE FUNCTION pawl.note_swept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE pawl.audit_swept SET id = (SELECT pg_catalog.max(g.id) FROM gone g) WHERE id < (SELECT pg_catalog.max(g.id) FROM gone g);
	RETURN NULL;
END $$;
CREATE TRIGGER audit_note_swept AFTER DELETE ON pawl.audit REFERENCING OLD TABLE AS gone
	FOR EACH STATEMENT EXECUTE FUNCTION pawl.note_swept();
