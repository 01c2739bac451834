-- What happened, in the order of id. Entries are never changed, and go by age only.
CREATE TABLE audit (
	id      INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice
	at      INTEGER NOT NULL,
	kind    TEXT    NOT NULL,
	user    TEXT    NOT NULL,
	login   TEXT    NOT NULL,
	session TEXT    NOT NULL,
	reason  TEXT    NOT NULL,
	rule    INTEGER NOT NULL, -- row of the rotation table; 0: none
	address TEXT    NOT NULL,
	agent   TEXT    NOT NULL,
	label   TEXT    NOT NULL,
	key_id  TEXT    NOT NULL,
	actor   TEXT    NOT NULL  -- who did it, where that is not the user
) STRICT;
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_user ON audit (user) WHERE user <> '';
CREATE INDEX audit_session ON audit (session) WHERE session <> '';

CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit
BEGIN
	SELECT RAISE(ABORT, 'audit entries are never changed');
END;
