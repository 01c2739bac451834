-- What happened, in the order of id (as of the revocations). Entries are never
-- changed, and go by age only.
CREATE TABLE pawl.audit (
	id      bigint  PRIMARY KEY,
	at      bigint  NOT NULL,
	rule    integer NOT NULL, -- row of the rotation table; 0: none
	kind    bytea   NOT NULL,
	user_id bytea   NOT NULL,
	login   bytea   NOT NULL,
	session bytea   NOT NULL,
	reason  bytea   NOT NULL,
	address bytea   NOT NULL,
	agent   bytea   NOT NULL,
	label   bytea   NOT NULL,
	key_id  bytea   NOT NULL,
	actor   bytea   NOT NULL  -- who did it, where that is not the user
);
CREATE INDEX audit_at ON pawl.audit (at);
-- By a hash: a text may be longer than an entry of an ordered index can be.
CREATE INDEX audit_user ON pawl.audit (sha256(user_id), id) WHERE user_id <> '';
CREATE INDEX audit_session ON pawl.audit (sha256(session), id) WHERE session <> '';
CREATE SEQUENCE pawl.audit_id OWNED BY pawl.audit.id;
CREATE TRIGGER audit_one_by_one BEFORE INSERT ON pawl.audit
	FOR EACH ROW EXECUTE FUNCTION pawl.one_by_one('pawl.audit_id');

CREATE FUNCTION pawl.unchanged() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'audit entries are never changed';
END $$;
CREATE TRIGGER audit_unchanged BEFORE UPDATE ON pawl.audit
	FOR EACH ROW EXECUTE FUNCTION pawl.unchanged();
