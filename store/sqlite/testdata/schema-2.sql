-- What a Pawl of schema 2 made, by sqlite3's .dump. Never edited: see CONTRIBUTING.md.
PRAGMA application_id = 1348564844;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE schema_migrations (
	version INTEGER PRIMARY KEY,
	name    TEXT NOT NULL
) STRICT;
INSERT INTO schema_migrations VALUES(1,'init');
INSERT INTO schema_migrations VALUES(2,'audit');
CREATE TABLE meta (
	name  TEXT NOT NULL PRIMARY KEY,
	value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES('epoch','aacfa2425662f792');
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
INSERT INTO sessions VALUES('9IgDYyCFW_3B92JUrFhyLw',X'9fc471ec5354e390a12a5d14e545936d',0,1772366400000,1772366400000,1772366400000,1773576000000,1780142400000,1772366400,'192.0.2.7','Firefox on Linux','laptop',NULL,1772366460000,'password_changed');
INSERT INTO sessions VALUES('R1DifCpfldnXZIEJDwvOug',X'72a09ac81dd068e80087a017adf84d38',0,1772366460000,1772366460000,1772366460000,1773576060000,1780142460000,1772366460,'192.0.2.7','Firefox on Linux','laptop',NULL,1772366460000,'signed_out');
INSERT INTO sessions VALUES('R1DifCpfldnXZIEJDwvOug',X'd54483a4311ae8fc859fbe9cf81134dd',1,1772366460000,1772366580000,1772366580000,1773576180000,1780142460000,1772366460,'192.0.2.7','Firefox on Linux','laptop',X'd5ea2aa9223ac1fa43ccec70b30962690fcfc6686857f99a0c4b2963cf8bee4b',0,'');
CREATE TABLE marks (
	user       TEXT    NOT NULL PRIMARY KEY,
	not_before INTEGER NOT NULL,
	reason     TEXT    NOT NULL,
	version    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO marks VALUES('9IgDYyCFW_3B92JUrFhyLw',1772366460,'password_changed',1);
CREATE TABLE everyone (
	id               INTEGER PRIMARY KEY CHECK (id = 1),
	not_before       INTEGER NOT NULL,
	reason           TEXT    NOT NULL,
	version          INTEGER NOT NULL,
	latest_auth_time INTEGER NOT NULL
) STRICT;
INSERT INTO everyone VALUES(1,1772362800,'ended_by_admin',1,1772366460);
CREATE TABLE revocations (
	id         INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice
	kind       TEXT    NOT NULL,
	subject    TEXT    NOT NULL,
	reason     TEXT    NOT NULL,
	not_before INTEGER NOT NULL,
	at         INTEGER NOT NULL
) STRICT;
INSERT INTO revocations VALUES(1,'all','','ended_by_admin',1772362800,1772362800000);
INSERT INTO revocations VALUES(2,'user','9IgDYyCFW_3B92JUrFhyLw','password_changed',1772366460,1772366460000);
INSERT INTO revocations VALUES(3,'session','cqCayB3QaOgAh6AXrfhNOA','signed_out',0,1772366460000);
CREATE TABLE users (
	id       TEXT    NOT NULL PRIMARY KEY,
	folded   TEXT    NOT NULL UNIQUE, -- login, as logins are compared
	login    TEXT    NOT NULL,
	hash     TEXT    NOT NULL,
	disabled INTEGER NOT NULL,
	roles    TEXT    NOT NULL, -- JSON array
	claims   TEXT    NOT NULL  -- JSON object, or empty
) STRICT, WITHOUT ROWID;
INSERT INTO users VALUES('9IgDYyCFW_3B92JUrFhyLw','bob','bob','$argon2id$v=19$m=19456,t=2,p=1$QGlI4FVOt5rpcL8DcmkNaQ$4vIgj5wHq9lNO+ImdvCRk/5LNCRYEo8MA8Y8ZQ+QQuI',0,'[]','');
INSERT INTO users VALUES('DSnl8IXrap3yPCupfZA83g','carl','carl','$argon2id$v=19$m=19456,t=2,p=1$QGlI4FVOt5rpcL8DcmkNaQ$4vIgj5wHq9lNO+ImdvCRk/5LNCRYEo8MA8Y8ZQ+QQuI',1,'[]','');
INSERT INTO users VALUES('R1DifCpfldnXZIEJDwvOug','ada','ada','$argon2id$v=19$m=19456,t=2,p=1$QGlI4FVOt5rpcL8DcmkNaQ$4vIgj5wHq9lNO+ImdvCRk/5LNCRYEo8MA8Y8ZQ+QQuI',0,'["admin"]','{"team":"looms"}');
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
INSERT INTO keys VALUES(1,'n4JhPx97yvogkp3acAUdpy618I2LViUf12B4QXQHl2Y','access','ES256',X'fac80a072eade3d5ed1c59de6bf9f3f52af434dcc04413f66a21bf964e6561dafb1192107c9db2160ea32f8ce3b79c557f4b81abc54c9e245a335197d5223826e2dd811c21726fa92c01191c73a04e8d902a3c29e819ab20c523884cc7343b5c72f1dd46a6e74d4c8a039af2f8cf1ba75b30977b3737c576ecd923e900d5bc7e3cb80d64f8e5e533180d313d35c49bf9678d925a33ce6e7ef2f168c3b2fbbade759f3413c342',1772366400000,1772366400000);
INSERT INTO keys VALUES(2,'4cxZ2e3RH6syRqDz4IORHyvAcfSiksCEQz98A9T8iFk','refresh','HS256',X'790873eaa3e0f2137acc337c007cba98562a6caa70421ef9a07d271e93f65839d3c754558d2e4d187bfbba336abfbe6b398e2e728d7ec9f77fc0e915',1772366400000,1772366400000);
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
INSERT INTO audit VALUES(1,1772366400000,'key_added','','','','access',0,'','','','n4JhPx97yvogkp3acAUdpy618I2LViUf12B4QXQHl2Y','');
INSERT INTO audit VALUES(2,1772366400000,'key_added','','','','refresh',0,'','','','4cxZ2e3RH6syRqDz4IORHyvAcfSiksCEQz98A9T8iFk','');
INSERT INTO audit VALUES(3,1772366400000,'sign_in','9IgDYyCFW_3B92JUrFhyLw','','n8Rx7FNU45ChKl0U5UWTbQ','',0,'192.0.2.7','Firefox on Linux','laptop','','');
INSERT INTO audit VALUES(4,1772366460000,'sign_in','R1DifCpfldnXZIEJDwvOug','','cqCayB3QaOgAh6AXrfhNOA','',0,'192.0.2.7','Firefox on Linux','laptop','','');
INSERT INTO audit VALUES(5,1772366460000,'session_ended','R1DifCpfldnXZIEJDwvOug','','cqCayB3QaOgAh6AXrfhNOA','signed_out',0,'','','','','');
INSERT INTO audit VALUES(6,1772366460000,'sign_in','R1DifCpfldnXZIEJDwvOug','','1USDpDEa6PyFn76c-BE03Q','',0,'192.0.2.7','Firefox on Linux','laptop','','');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('keys',2);
INSERT INTO sqlite_sequence VALUES('audit',6);
INSERT INTO sqlite_sequence VALUES('revocations',3);
CREATE INDEX revocations_at ON revocations (at);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_user ON audit (user) WHERE user <> '';
CREATE INDEX audit_session ON audit (session) WHERE session <> '';
CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit
BEGIN
	SELECT RAISE(ABORT, 'audit entries are never changed');
END;
COMMIT;
