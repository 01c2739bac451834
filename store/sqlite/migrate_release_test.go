package sqlite_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/password"
	"github.com/pawlauth/pawl/store/sqlite"
)

// A migration that is in a release has run on databases that nobody here will
// ever see: what is edited in it is not in those. A change is a new migration.
// At a release, add the line of each new one: sha256sum migrations/*.sql.
func TestReleasedMigrationsAreNeverEdited(t *testing.T) {
	list, err := os.ReadFile("testdata/released.sha256")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(list)), "\n")
	files, err := filepath.Glob("migrations/*.sql")
	if err != nil || len(files) < len(lines) {
		t.Fatalf("%d migrations, of which %d are released: %v", len(files), len(lines), err)
	}
	for i, line := range lines {
		b, err := os.ReadFile(files[i])
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(b)
		if got := hex.EncodeToString(sum[:]) + "  " + filepath.Base(files[i]); got != line {
			t.Errorf("%s was edited after its release: put it back, and make the change a new migration\ngot  %s\nwant %s", files[i], got, line)
		}
	}
}

// released is what the databases in testdata have in common.
type released struct {
	MasterKey, Password, Access, Refresh, EndedRefresh, SignedOutRefresh string
	At                                                                   time.Time
}

// releasedDatabase makes a database as a Pawl of that schema left it.
func releasedDatabase(t *testing.T, schema int) (path string, of released) {
	t.Helper()
	dump, err := os.ReadFile(fmt.Sprintf("testdata/schema-%d.sql", schema))
	if err != nil {
		t.Fatal(err)
	}
	about, err := os.ReadFile("testdata/schema.json")
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "pawl.db")
	if err := errors.Join(json.Unmarshal(about, &of), os.WriteFile(path, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	run(t, path, string(dump))
	return path, of
}

func (r released) service(t *testing.T, s *sqlite.Store) *pawl.Service {
	t.Helper()
	key, err := pawl.ParseMasterKey(r.MasterKey)
	if err != nil {
		t.Fatal(err)
	}
	hasher, err := password.New(password.Options{})
	if err != nil {
		t.Fatal(err)
	}
	svc, err := pawl.New(context.Background(), pawl.Config{
		Issuer: "https://login.example.com", Audience: []string{"app"}, MasterKey: key, Hasher: hasher,
		Sessions: s, Users: s, Keys: s, Audit: s, Now: func() time.Time { return r.At.Add(5 * time.Minute) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(svc.Close)
	return svc
}

// Databases of every schema that was released go on where they were: nobody is
// signed out by an upgrade, and nobody is signed in again.
func TestUpgradeFromReleasedSchemas(t *testing.T) {
	for schema := 1; schema <= 3; schema++ {
		t.Run(fmt.Sprint("schema ", schema), func(t *testing.T) {
			path, of := releasedDatabase(t, schema)
			s := openStore(t, path)
			svc := of.service(t, s)
			ctx := t.Context()
			got, err := svc.Reissue(ctx, api.ReissueRequest{RefreshToken: of.Refresh})
			if err != nil || got.RefreshToken == of.Refresh {
				t.Errorf("a session of before: %v", err)
			}
			for token, reason := range map[string]string{of.EndedRefresh: api.ReasonPasswordChanged, of.SignedOutRefresh: api.ReasonSignedOut} {
				if _, err := svc.Reissue(ctx, api.ReissueRequest{RefreshToken: token}); err == nil || api.AsError(err).Reason != reason {
					t.Errorf("an ended session: %v, want reason %s", err, reason)
				}
			}
			for login, reason := range map[string]string{"ada": "", "bob": "", "carl": api.ReasonDisabled} {
				_, err := svc.Login(ctx, pawl.SignIn{Login: login, Password: of.Password})
				if reason == "" && err != nil || reason != "" && api.AsError(err).Reason != reason {
					t.Errorf("%s signs in: %v", login, err)
				}
			}
			ada, err := s.ByLogin(ctx, "ada")
			if err != nil || !slices.Equal(ada.Roles, []string{pawl.RoleAdmin}) || ada.Claims["team"] != "looms" {
				t.Errorf("user %+v, %v", ada, err)
			}
			if keys, err := s.Keys(ctx); err != nil || len(keys) < 2 || svc.KeySet() == nil {
				t.Errorf("keys %v, %v", keys, err)
			}
			if log, err := s.Revocations(ctx, "", 10); err != nil || len(log.Entries) != 3 {
				t.Errorf("revocations %v, %v", log, err)
			}
			page, err := s.Audit(ctx, pawl.AuditQuery{Kind: pawl.EventSignIn, Limit: 100})
			if err != nil || schema > 1 && len(page.Entries) != 3+2 || schema == 1 && len(page.Entries) != 2 {
				t.Errorf("audit %d entries, %v", len(page.Entries), err)
			}
		})
	}
}

// A program that is new can back up what an older one runs on, without touching
// its schema; and can restore that.
func TestBackupOfAnOlderSchema(t *testing.T) {
	for schema := 1; schema <= 3; schema++ {
		path, of := releasedDatabase(t, schema)
		before := schemaOf(t, path)
		to := filepath.Join(t.TempDir(), "backup.db")
		made, err := sqlite.Backup(t.Context(), path, to, sqlite.BackupOptions{At: of.At})
		if err != nil || made.Schema != int64(schema) || made.Current || made.Users != 3 || made.Sessions != 1 || made.Keys != 2 {
			t.Fatalf("%+v, %v", made, err)
		}
		if after := schemaOf(t, path); after != before {
			t.Errorf("the schema was changed by the backup:\n%s", after)
		}
		place := filepath.Join(t.TempDir(), "pawl.db")
		put(t, to, place, sqlite.PutOptions{At: of.At})
		svc := of.service(t, openStore(t, place))
		if _, err := svc.Reissue(t.Context(), api.ReissueRequest{RefreshToken: of.Refresh}); api.AsError(err).Reason != api.ReasonEndedByAdmin {
			t.Errorf("a session in the restored backup: %v", err)
		}
		if _, err := svc.Login(t.Context(), pawl.SignIn{Login: "ada", Password: of.Password}); err != nil {
			t.Errorf("a sign-in after the restoration: %v", err)
		}
	}
}

func schemaOf(t *testing.T, path string) (text string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.QueryRow(`SELECT group_concat(name || ' ' || ifnull(sql, ''), char(10)) FROM (SELECT name, sql FROM sqlite_schema ORDER BY name)`).Scan(&text)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func openStore(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// put restores a backup.
func put(t *testing.T, backup, place string, o sqlite.PutOptions) (kept string) {
	t.Helper()
	b, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	r, err := sqlite.NewRestoration(t.Context(), bytes.NewReader(b), place, o.At)
	if err != nil {
		t.Fatal(err)
	}
	kept, err = r.Put(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return kept
}
