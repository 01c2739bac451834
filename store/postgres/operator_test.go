package postgres_test

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/servertest"
	"github.com/pawlauth/pawl/store/postgres"
	"github.com/pawlauth/pawl/store/storetest"
	"github.com/pawlauth/pawl/token"
)

// A user who owns the schema and nothing else is enough.
func TestLeastRights(t *testing.T) {
	t.Parallel()
	srv := start(t)
	name := srv.database(t)
	sql(t, srv.URL(name), "DROP ROLE IF EXISTS modest; CREATE ROLE modest LOGIN; CREATE SCHEMA pawl AUTHORIZATION modest")
	t.Cleanup(func() { sql(t, srv.URL(name), "DROP SCHEMA pawl CASCADE; DROP ROLE modest") })
	s := openAt(t, fmt.Sprintf("postgres://modest@%s/%s?sslmode=disable", srv.Addr, name), postgres.Options{})
	rec := storetest.NewSession("u", noon)
	_, err := s.Create(t.Context(), rec, pawl.Mark{}, 1)
	rotated, rotateErr := s.Rotate(t.Context(), rec, storetest.Advanced(rec, noon.Add(time.Minute)))
	_, endErr := s.EndAll(t.Context(), api.ReasonEndedByAdmin, noon)
	_, doneErr := s.End(t.Context(), rec.SessionKey, api.ReasonSignedOut, noon) // it is confirmed
	_, auditSweepErr := s.SweepAudit(t.Context(), noon, 10)
	_, sweepErr := s.Sweep(t.Context(), noon.AddDate(9, 0, 0), noon, 10)
	_, takeErr := s.Take(t.Context(), noon, pawl.Try{Rate: pawl.Rate{Burst: 1, Period: time.Minute}})
	auditErr := s.Append(t.Context(), pawl.Event{At: noon, Kind: pawl.EventSignIn})
	_, bytes := s.Stats()
	if err := errors.Join(err, rotateErr, endErr, doneErr, auditSweepErr, sweepErr, takeErr, auditErr); err != nil || !rotated || bytes == 0 {
		t.Errorf("rotated %v, %d bytes, %v", rotated, bytes, err)
	}
}

// A dump is put back into another database, as docs/postgresql.md says. After
// pawl.restored() nothing lives on that the backup still believed in, and whoever
// follows the log is told.
func TestDumpAndRestore(t *testing.T) {
	t.Parallel()
	url, s, rec := withSession(t)
	code := [32]byte{1}
	u := pawl.User{ID: "u", Login: "ada"}
	_, offerErr := s.OfferSetup(t.Context(), code)
	if err := errors.Join(offerErr, s.CreateUser(t.Context(), u), s.OfferReset(t.Context(), u.ID, code, noon.AddDate(99, 0, 0))); err != nil {
		t.Fatal(err)
	}
	before, err := s.Revocations(t.Context(), "", 10)
	if err != nil {
		t.Fatal(err)
	}

	dump, err := exec.Command(servertest.Program(t, "pg_dump", "postgresql-client"), "--schema=pawl", "--no-owner", url).Output()
	if err != nil {
		t.Fatal(err)
	}
	srv := start(t)
	url = srv.URL(srv.database(t))
	restore := exec.Command(servertest.Program(t, "psql", "postgresql-client"), "-Xq", "-v", "ON_ERROR_STOP=1", url)
	restore.Stdin = bytes.NewReader(dump)
	if said, err := restore.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	sql(t, url, "SELECT pawl.restored()")
	s = openAt(t, url, postgres.Options{})
	got, mark, err := s.Get(t.Context(), rec.SessionKey)
	if err != nil || got.Live(mark, noon) || mark.Reason != api.ReasonEndedByAdmin {
		t.Errorf("%v lives, %v", got, err)
	}
	page, err := s.Revocations(t.Context(), before.Cursor, 10)
	if err != nil || !page.Reset || len(page.Entries) != 1 || page.Entries[0].Kind != token.KindAll || !page.Entries[0].NotBefore.Equal(mark.NotBefore) {
		t.Errorf("the log: %+v, %v", page, err)
	}
	if _, err := s.ResetOf(t.Context(), code, noon); !errors.Is(err, pawl.ErrNotFound) {
		t.Errorf("the reset code: %v", err)
	}
	if err := s.CreateFirst(t.Context(), code, pawl.User{ID: "v", Login: "v", Roles: []string{pawl.RoleAdmin}}); !errors.Is(err, pawl.ErrNotFound) {
		t.Errorf("the setup code: %v", err)
	}
	late := storetest.NewSession("u", mark.NotBefore.Add(time.Second))
	if _, err := s.Create(t.Context(), late, mark, 0); err != nil {
		t.Errorf("signing in anew: %v", err)
	}
}
