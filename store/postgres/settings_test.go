package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/store/postgres"
	"github.com/pawlauth/pawl/store/storetest"
)

// A database can give its connections other settings. Each either changes nothing,
// or is refused with what to do about it: directly, and behind a pooler.
func TestSettingsOfTheDatabase(t *testing.T) {
	for _, test := range []struct {
		name, value     string
		direct, refused bool // is refused: directly, behind a pooler
	}{
		{"default_transaction_isolation", "serializable", false, true},
		{"default_transaction_isolation", "repeatable read", false, true},
		{"default_transaction_isolation", "read uncommitted", false, true}, // to PostgreSQL another name
		{"bytea_output", "escape", false, true},
		{"client_min_messages", "error", false, true},
		{"client_min_messages", "warning", false, false},
		{"synchronous_commit", "off", true, true},
		{"synchronous_commit", "remote_apply", false, false},
		{"datestyle", "SQL, DMY", false, false},
		{"datestyle", "German", false, false},
		{"timezone", "Asia/Kathmandu", false, false},
		{"intervalstyle", "sql_standard", false, false},
		{"extra_float_digits", "-15", false, false},
		{"standard_conforming_strings", "off", false, false},
		{"client_encoding", "LATIN1", false, false},
		{"lc_numeric", "C", false, false},
		{"search_path", "nowhere", false, false},
		{"default_transaction_deferrable", "on", false, false},
		{"plan_cache_mode", "force_generic_plan", false, false},
	} {
		t.Run(test.name+"="+test.value, func(t *testing.T) {
			t.Parallel()
			srv := start(t)
			name := srv.database(t)
			setDatabase(t, srv, name, test.name, test.value)
			for url, refused := range map[string]bool{srv.URL(name): test.direct, srv.bouncer.URL(name): test.refused} {
				s, err := postgres.Open(t.Context(), url, postgres.Options{Conns: 2})
				if err == nil {
					err = errors.Join(everythingWorks(t.Context(), s), s.Close())
				}
				advice := "ALTER DATABASE <name> SET " + test.name + " = "
				if refused != (err != nil) || refused && !strings.Contains(err.Error(), advice) {
					t.Errorf("%s: refused %v: %v", url, refused, err)
				}
			}
		})
	}
}

// everythingWorks writes and reads what has bytes, numbers and times in it.
func everythingWorks(ctx context.Context, s *postgres.Store) error {
	rec := storetest.NewSession("a\x00\\'é", noon)
	key := pawl.KeyRecord{ID: "k", Sealed: []byte("\x00\\\xff'"), Created: noon, SignsFrom: noon}
	stored, err := s.Keys(ctx)
	if err != nil {
		return err
	}
	mark, err := s.Mark(ctx, rec.User)
	_, createErr := s.Create(ctx, rec, mark, 0)
	got, _, getErr := s.Get(ctx, rec.SessionKey)
	keyErr := s.ReplaceKeys(ctx, stored, []pawl.KeyRecord{key})
	keys, keysErr := s.Keys(ctx)
	now, nowErr := s.Now(ctx)
	appendErr := s.Append(ctx, pawl.Event{At: noon, Kind: pawl.EventSignIn, User: rec.User})
	page, auditErr := s.Audit(ctx, pawl.AuditQuery{User: rec.User, Limit: 1})
	ended, endErr := s.End(ctx, rec.SessionKey, "x", noon)
	err = errors.Join(err, createErr, getErr, keyErr, keysErr, nowErr, appendErr, auditErr, endErr)
	if err == nil && (got != rec || len(keys) != 1 || !bytes.Equal(keys[0].Sealed, key.Sealed) || time.Since(now).Abs() > time.Minute ||
		len(page.Entries) != 1 || !page.Entries[0].At.Equal(noon) || !ended) {
		err = errors.New("what was written is not what was read")
	}
	return err
}

// The defaults of a database can change while Pawl runs: new connections are
// checked too.
func TestSettingsThatChange(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, value string
		pooled      bool
	}{
		{"synchronous_commit", "off", false},
		{"synchronous_commit", "off", true},
		{"bytea_output", "escape", true},
		{"client_min_messages", "error", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			srv := start(t)
			name := srv.database(t)
			url := srv.URL(name)
			if test.pooled {
				url = srv.bouncer.URL(name)
			}
			s := openAt(t, url, postgres.Options{Conns: 2})
			if err := everythingWorks(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			setDatabase(t, srv, name, test.name, test.value)
			s.Reconnect()
			await(t, func() bool { // the pooler may first give what was given up
				_, err := s.Mark(t.Context(), "u")
				return err != nil && strings.Contains(err.Error(), "ALTER DATABASE <name> SET "+test.name)
			})
			setDatabase(t, srv, name, test.name, map[string]string{"synchronous_commit": "on", "bytea_output": "hex", "client_min_messages": "notice"}[test.name])
			await(t, func() bool { return everythingWorks(t.Context(), s) == nil })
		})
	}
}

// A connection that may go unencrypted over a network, because nobody has said how
// it should go, is warned of once; not by what is secret in the URL.
func TestAConnectionInTheClearIsWarnedOf(t *testing.T) {
	t.Setenv("PGSSLMODE", "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // it is not to connect
	for _, test := range []struct{ url, listen, warns string }{
		{"postgres://u:hunter2@db.example/x", "", "db.example"},
		{"postgres://u:hunter2@192.0.2.1:5432,localhost:5432/x", "", "192.0.2.1"},
		{"host=db.example user=u password=hunter2", "", "db.example"},
		{"postgres://u:hunter2@localhost/x", "postgres://u:hunter2@direct.example/x", "direct.example"},
		{"postgres://u@db.example/x?sslmode=verify-full", "", ""},
		{"postgres://u@db.example/x?sslmode=require", "", ""},
		{"postgres://u@db.example/x?sslmode=disable", "", ""},
		{"postgres://u@localhost/x", "", ""},
		{"postgres://u@127.0.0.1,[::1]/x", "", ""},
		{"postgres:///x?host=/run/postgresql", "", ""},
	} {
		var said bytes.Buffer
		_, _ = postgres.Open(ctx, test.url, postgres.Options{Listen: test.listen, Log: slog.New(slog.NewTextHandler(&said, nil))})
		lines := strings.Count(said.String(), "\n")
		if (test.warns != "") != (lines == 1) || !strings.Contains(said.String(), test.warns) || strings.Contains(said.String(), "hunter2") {
			t.Errorf("%s: %d lines: %s", test.url, lines, &said)
		}
		if lines == 1 && (!strings.Contains(said.String(), "sslmode=verify-full") || strings.Contains(said.String(), "localhost")) {
			t.Errorf("%s: %s", test.url, &said)
		}
	}
}
