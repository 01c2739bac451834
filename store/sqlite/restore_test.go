package sqlite_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/password"
	"github.com/pawlauth/pawl/store/sqlite"
	"github.com/pawlauth/pawl/store/storetest"
	"github.com/pawlauth/pawl/token"
)

// world is a service on a database, with a clock that a test moves.
type world struct {
	*pawl.Service
	store *sqlite.Store
	clock atomic.Pointer[time.Time] // the service looks at it in the background
	t     *testing.T
	path  string
	close func()
}

var worldKey = pawl.NewMasterKey()

const worldPassword = "seven-green-kettles"

func newWorld(t *testing.T, path string, now time.Time) *world {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	hasher, err := password.New(password.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{store: s, t: t, path: path}
	w.clock.Store(&now)
	w.Service, err = pawl.New(t.Context(), pawl.Config{
		Issuer: "https://login.example.com", Audience: []string{"app"}, MasterKey: worldKey, Hasher: hasher,
		Sessions: s, Users: s, Keys: s, Audit: s, Now: w.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.close = func() {
		w.Service.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	return w
}

func (w *world) Now() time.Time { return *w.clock.Load() }

func (w *world) pass(d time.Duration) {
	later := w.Now().Add(d)
	w.clock.Store(&later)
}

func (w *world) user(login string) pawl.User {
	w.t.Helper()
	u, err := w.CreateUser(w.t.Context(), pawl.NewUser{Login: login, Password: worldPassword, Roles: []string{pawl.RoleAdmin}})
	if err != nil {
		w.t.Fatal(err)
	}
	return u
}

func (w *world) signIn(login string) api.Tokens {
	w.t.Helper()
	got, err := w.Login(w.t.Context(), pawl.SignIn{Login: login, Password: worldPassword})
	if err != nil {
		w.t.Fatal(err)
	}
	return got
}

// claims reads an access token without verifying it.
func claims(t *testing.T, access string) *token.Access {
	t.Helper()
	info, err := token.Inspect(access)
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Sub, Sid string
		AuthTime int64 `json:"auth_time"`
	}
	if err := json.Unmarshal(info.Claims, &c); err != nil {
		t.Fatal(err)
	}
	return &token.Access{Subject: c.Sub, SessionID: c.Sid, AuthTime: time.Unix(c.AuthTime, 0)}
}

// Whatever was signed in before the backup, after it, or ahead of the clock, is
// over in the restored world, where the same people exist and the same keys
// verify. Who signs in there is signed in.
func TestRestoreEndsEverySession(t *testing.T) {
	testRestore(t, func(backup, place string, at time.Time) {
		put(t, backup, place, sqlite.PutOptions{At: at})
	})
}

// The same holds for a backup that an operator puts back with cp.
func TestABackupThatIsCopiedToItsPlaceEndsEverySession(t *testing.T) {
	testRestore(t, func(backup, place string, _ time.Time) { copyFile(t, backup, place) })
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// testRestore puts a backup back in a way and looks at what lives then.
func testRestore(t *testing.T, way func(backup, place string, at time.Time)) {
	t.Helper()
	w := newWorld(t, filepath.Join(t.TempDir(), "pawl.db"), noon)
	ada := w.user("ada")
	w.user("bob")
	old := map[string]api.Tokens{"in the backup": w.signIn("ada")}
	changed := w.signIn("bob")
	current := worldPassword
	for range 3 { // each keeps the session, a second ahead of the mark
		next := current + "!"
		got, err := w.ChangePassword(t.Context(), claims(t, changed.AccessToken), current, next)
		if err != nil {
			t.Fatal(err)
		}
		changed.AccessToken, current = got.AccessToken, next
	}
	old["in the backup, ahead of the clock"] = changed

	backup := filepath.Join(t.TempDir(), "backup.db")
	if _, err := sqlite.Backup(t.Context(), w.path, backup, sqlite.BackupOptions{At: w.Now()}); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Hour)
	old["after the backup"] = w.signIn("ada")
	if _, _, err := w.store.EndUser(t.Context(), ada.ID, "", api.ReasonEndedByAdmin, w.Now()); err != nil {
		t.Fatal(err)
	}
	old["after the backup, later than a mark of the same second"] = w.signIn("ada")
	w.pass(59 * time.Second)
	old["after the backup, by a clock that was ahead"] = w.signIn("ada")
	w.close()

	restoredAt := noon.Add(time.Hour)
	place := filepath.Join(t.TempDir(), "pawl.db")
	way(backup, place, restoredAt)
	r := newWorld(t, place, restoredAt)
	defer r.close()
	for name, tokens := range old {
		if by, ended := r.Revoked().Covers(claims(t, tokens.AccessToken)); !ended || by.Reason != api.ReasonEndedByAdmin {
			t.Errorf("the access token of a sign-in %s is accepted", name)
		}
		if _, err := r.Reissue(t.Context(), api.ReissueRequest{RefreshToken: tokens.RefreshToken}); api.AsError(err).Code != api.CodeLoginRequired {
			t.Errorf("the refresh token of a sign-in %s: %v", name, err)
		}
	}
	fresh := r.signIn("ada")
	if by, ended := r.Revoked().Covers(claims(t, fresh.AccessToken)); ended {
		t.Errorf("a new access token is refused: %+v", by)
	}
	r.pass(2 * time.Minute)
	if _, err := r.Reissue(t.Context(), api.ReissueRequest{RefreshToken: fresh.RefreshToken}); err != nil {
		t.Errorf("a new refresh token: %v", err)
	}
}

// What could be used once before the backup cannot be used again; who followed
// begins anew; the audit log says what happened.
func TestRestoreVoidsCodesAndCursors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pawl.db")
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, code := t.Context(), [32]byte{1}
	user := pawl.User{ID: token.NewID(), Login: "ada"}
	mark, markErr := s.EndAll(ctx, api.ReasonEndedByAdmin, noon.Add(-time.Hour))
	_, setupErr := s.OfferSetup(ctx, code)
	err = errors.Join(setupErr, markErr, s.CreateUser(ctx, user), s.OfferReset(ctx, user.ID, code, noon.Add(time.Hour)),
		s.Append(ctx, pawl.Event{At: noon, Kind: pawl.EventSignIn}))
	if err != nil {
		t.Fatal(err)
	}
	log, err := s.Revocations(ctx, "", 10)
	if err != nil {
		t.Fatal(err)
	}
	audit, err := s.Audit(ctx, pawl.AuditQuery{Limit: 10})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	run(t, path, "INSERT INTO keys (id, use, algorithm, sealed, created, signs_from) VALUES ('k', 'access', 'ES256', x'01', 1, 1)")
	backup := filepath.Join(t.TempDir(), "backup.db")
	if _, err := sqlite.Backup(ctx, path, backup, sqlite.BackupOptions{At: noon}); err != nil {
		t.Fatal(err)
	}
	at := noon.Add(time.Minute)
	kept := put(t, backup, path, sqlite.PutOptions{At: at, Replace: true, NewKeys: true, By: "shell:root", Why: "the disk died"})
	if _, err := os.Stat(kept); err != nil {
		t.Errorf("the old database is not kept: %v", err)
	}

	s = openStore(t, path)
	if err := s.CreateFirst(ctx, code, pawl.User{ID: token.NewID(), Login: "eve"}); !errors.Is(err, pawl.ErrNotFound) {
		t.Errorf("the setup code of before: %v", err)
	}
	if _, err := s.ResetOf(ctx, code, noon); !errors.Is(err, pawl.ErrNotFound) {
		t.Errorf("the reset code of before: %v", err)
	}
	page, err := s.Revocations(ctx, log.Cursor, 10)
	if err != nil || !page.Reset || len(page.Entries) != 2 {
		t.Errorf("a follower of before: %+v, %v", page, err)
	}
	if _, err := s.Audit(ctx, pawl.AuditQuery{After: audit.Cursor, Limit: 10}); !errors.Is(err, pawl.ErrNotFound) {
		t.Errorf("a reader of the audit log of before: %v", err)
	}
	entries, err := s.Audit(ctx, pawl.AuditQuery{Kind: pawl.EventDatabaseRestored, Limit: 10})
	if err != nil || len(entries.Entries) != 1 || entries.Entries[0].By != "shell:root" || entries.Entries[0].Why != "the disk died" || !entries.Entries[0].At.Equal(at) {
		t.Errorf("audit %+v, %v", entries, err)
	}
	if now, err := s.Mark(ctx, user.ID); err != nil || now.Version != mark.Version+1 || !now.NotBefore.After(at) {
		t.Errorf("mark %+v, %v", now, err)
	}
	if keys, err := s.Keys(ctx); err != nil || len(keys) > 0 {
		t.Errorf("NewKeys leaves %v, %v", keys, err)
	}
}

// A backup that was copied to the database's place is one for the first that
// opens it, and a database from then on. Codes and cursors of before are void.
func TestACopiedBackupIsTakenOverOnce(t *testing.T) {
	path := newDatabase(t)
	s := openStore(t, path)
	ctx, code := t.Context(), [32]byte{1}
	if _, err := s.OfferSetup(ctx, code); err != nil {
		t.Fatal(err)
	}
	log, err := s.Revocations(ctx, "", 10)
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	backup, place := filepath.Join(t.TempDir(), "backup.db"), filepath.Join(t.TempDir(), "pawl.db")
	if _, err := sqlite.Backup(ctx, path, backup, sqlite.BackupOptions{At: noon}); err != nil {
		t.Fatal(err)
	}
	copyFile(t, backup, place)
	at := noon.Add(time.Hour)
	open := func(path string) *sqlite.Store {
		s, err := sqlite.Open(ctx, path, sqlite.Options{Now: func() time.Time { return at }})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	first, second := open(place), open(place)
	if made, ok := first.PutBack(); !ok || !made.Equal(noon) {
		t.Errorf("the first: a backup %v of %v", ok, made)
	}
	if _, ok := second.PutBack(); ok {
		t.Error("the second takes it for a backup")
	}
	if _, ok := open(path).PutBack(); ok {
		t.Error("the database that was backed up is taken for a backup")
	}
	if err := first.CreateFirst(ctx, code, pawl.User{ID: token.NewID(), Login: "eve"}); !errors.Is(err, pawl.ErrNotFound) {
		t.Errorf("the setup code of before: %v", err)
	}
	if page, err := second.Revocations(ctx, log.Cursor, 10); err != nil || !page.Reset || len(page.Entries) != 1 || page.Entries[0].Kind != token.KindAll {
		t.Errorf("a follower of before: %+v, %v", page, err)
	}
	entries, err := first.Audit(ctx, pawl.AuditQuery{Kind: pawl.EventDatabaseRestored, Limit: 10})
	if err != nil || len(entries.Entries) != 1 || !entries.Entries[0].At.Equal(at) || entries.Entries[0].Why == "" {
		t.Errorf("audit %+v, %v", entries, err)
	}
	again := filepath.Join(t.TempDir(), "again.db")
	if h, err := sqlite.Backup(ctx, path, again, sqlite.BackupOptions{At: at}); err != nil || !h.Made.Equal(at) {
		t.Errorf("a backup of it: %+v, %v", h, err)
	}
}

// A killed server leaves its log. Beside a backup that is copied over its
// database, SQLite would play that log into the backup.
func TestABackupIsNotOpenedBesideAStrangersLog(t *testing.T) {
	path := newDatabase(t)
	backup := filepath.Join(t.TempDir(), "backup.db")
	if _, err := sqlite.Backup(t.Context(), path, backup, sqlite.BackupOptions{At: noon}); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, path)
	storetest.Seed(t, s, 10, noon)
	place := filepath.Join(t.TempDir(), "pawl.db")
	copyFile(t, path+"-wal", place+"-wal")
	copyFile(t, backup, place)
	if _, err := sqlite.Open(t.Context(), place, sqlite.Options{}); err == nil || !strings.Contains(err.Error(), "beside the log of the database that was there before") || !strings.Contains(err.Error(), "pawl restore --replace") {
		t.Errorf("opened: %v", err)
	}
	if _, err := os.Stat(place + "-wal"); err != nil {
		t.Errorf("the log is gone: %v", err)
	}
}

// A backup that cannot be used is refused before anything is touched.
func TestRestoreRefusesBackups(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pawl.db")
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Seed(t, s, 200, noon)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(t.TempDir(), "backup.db")
	if _, err := sqlite.Backup(t.Context(), path, backup, sqlite.BackupOptions{At: noon}); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(t.TempDir(), "foreign.db")
	run(t, foreign, "PRAGMA application_id = 0x1234", "CREATE TABLE users (x)")
	other, err := os.ReadFile(foreign)
	if err != nil {
		t.Fatal(err)
	}
	run(t, backup, "INSERT INTO schema_migrations VALUES (9999, 'later')")
	newer, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(backup, good, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, backup, "PRAGMA writable_schema = 1; DELETE FROM sqlite_schema WHERE name = 'audit_at'")
	quiet, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(good)
	for i := 3 * len(good) / 4; i < 3*len(good)/4+4096; i++ {
		damaged[i] = 0xa5
	}
	for name, c := range map[string]struct {
		content []byte
		says    string
	}{
		"nothing":                        {nil, "empty"},
		"a text":                         {[]byte(strings.Repeat("no database\n", 100)), "not an SQLite database"},
		"another application's":          {other, "another application"},
		"one of a newer Pawl":            {newer, "newer Pawl"},
		"one that is cut off":            {good[:len(good)/2], "take another one"},
		"one with a page that is broken": {damaged, "take another one"},
		"one whose damage shows only to who looks at every page": {quiet, "it is damaged"},
	} {
		place := filepath.Join(t.TempDir(), "pawl.db")
		r, err := sqlite.NewRestoration(t.Context(), bytes.NewReader(c.content), place, noon)
		if err == nil {
			r.Discard()
			t.Errorf("%s: accepted", name)
		} else if !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %q does not say %q", name, err, c.says)
		}
		if left, err := os.ReadDir(filepath.Dir(place)); err != nil || len(left) > 0 {
			t.Errorf("%s: left %v, %v", name, left, err)
		}
	}
}

// A database that a process has open is never replaced, and that of a process
// that died is kept with its log: nothing of it is lost.
func TestRestoreBesideProcesses(t *testing.T) {
	if inChild(t) {
		s := openStore(t, os.Getenv("PAWL_TEST_PATH"))
		storetest.Seed(t, s, 50, noon)
		fmt.Println("open")
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		return
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "pawl.db")
	cmd := child(t, path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "open\n" {
		t.Fatalf("%q, %v", line, err)
	}
	backup := filepath.Join(t.TempDir(), "backup.db")
	if made, err := sqlite.Backup(t.Context(), path, backup, sqlite.BackupOptions{At: noon}); err != nil || made.Sessions != 50 {
		t.Fatalf("%+v, %v", made, err)
	}
	b, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	try := func(o sqlite.PutOptions) (string, error) {
		r, err := sqlite.NewRestoration(t.Context(), bytes.NewReader(b), path, noon)
		if err != nil {
			t.Fatal(err)
		}
		return r.Put(t.Context(), o)
	}
	for _, replace := range []bool{false, true} {
		for _, err := range []error{sqlite.CheckVacant(path, replace), func() error { _, err := try(sqlite.PutOptions{At: noon, Replace: replace}); return err }()} {
			if err == nil || !strings.Contains(err.Error(), "stop the server") {
				t.Errorf("beside a process, replace %v: %v", replace, err)
			}
		}
	}
	if err := os.Rename(path, path+".away"); err != nil { // its log and index still say that it is open
		t.Fatal(err)
	}
	if err := sqlite.CheckVacant(path, true); err == nil || !strings.Contains(err.Error(), "stop the server") {
		t.Errorf("beside a process whose database was taken away: %v", err)
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if err := sqlite.CheckVacant(path, false); err == nil || !strings.Contains(err.Error(), "--replace") {
		t.Errorf("over a database: %v", err)
	}
	if log, err := os.Stat(path + "-wal"); err != nil || log.Size() == 0 {
		t.Fatalf("the killed process left no log: %v", err)
	}
	kept, err := try(sqlite.PutOptions{At: noon, Replace: true})
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]string{"the restored one": path, "the one kept": kept} {
		s := openStore(t, p)
		if list, err := s.Scan(t.Context(), "", 1000); err != nil || len(list.Sessions) != 50 {
			t.Errorf("%s has %d sessions, %v", name, len(list.Sessions), err)
		}
	}
}

// Beside the log of a database that is gone, none is made: SQLite would play
// that log into it.
func TestNoDatabaseBesideAStrangersLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pawl.db")
	if err := os.WriteFile(path+"-wal", []byte("log"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := sqlite.Open(t.Context(), path, sqlite.Options{}); err == nil {
		s.Close()
		t.Error("made")
	} else if !strings.Contains(err.Error(), "its log") {
		t.Error(err)
	}
	if err := sqlite.CheckVacant(path, false); err == nil || !strings.Contains(err.Error(), "--replace") {
		t.Error(err)
	}
}
