package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/store/postgres"
)

// Failures count across nodes, and what has passed is forgotten.
func TestThrottleIsSharedAndForgets(t *testing.T) {
	t.Parallel()
	srv := start(t)
	url := srv.URL(srv.database(t))
	nodes := []*postgres.Store{openAt(t, url, postgres.Options{}), openAt(t, url, postgres.Options{})}
	rate := pawl.Rate{Burst: 3, Period: time.Minute}
	try := pawl.Try{Key: pawl.ThrottleKey{1}, Rate: rate}
	for i, want := range []time.Duration{0, 0, 0, 20 * time.Second, 20 * time.Second} {
		if retry, err := nodes[i%2].Take(t.Context(), noon, try); err != nil || retry != want {
			t.Errorf("try %d: %v, %v", i, retry, err)
		}
	}
	if err := nodes[0].Remember(t.Context(), try.Key, noon, noon.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := nodes[1].Take(t.Context(), noon.Add(3*time.Hour), pawl.Try{Key: pawl.ThrottleKey{2}, Rate: rate}); err != nil {
		t.Fatal(err)
	}
	if n := sql(t, url, "SELECT (SELECT count(*) FROM pawl.throttle_tries) || ' ' || (SELECT count(*) FROM pawl.throttle_known)"); n != "1 0" {
		t.Errorf("%s are left", n)
	}
}

// One node sweeps; the others have nothing to do meanwhile.
func TestOneNodeSweeps(t *testing.T) {
	t.Parallel()
	url, s, rec := withSession(t)
	if err := s.Append(t.Context(), pawl.Event{At: noon, Kind: pawl.EventSignIn}); err != nil {
		t.Fatal(err)
	}
	later := noon.AddDate(1, 0, 0)
	sweep := func() string {
		n, err := s.Sweep(t.Context(), later, later, 10)
		if err != nil {
			t.Fatal(err)
		}
		m, err := s.SweepAudit(t.Context(), later, 10)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(n, " ", m)
	}
	release := hold(t, url, "SELECT pg_advisory_xact_lock($1, 0), pg_advisory_xact_lock($1 + 1, 0)", postgres.LockSweep)
	if got := sweep(); got != "0 0" {
		t.Errorf("beside another node that sweeps: %s", got)
	}
	release()
	busy := hold(t, url, "SELECT 1 FROM pawl.sessions FOR UPDATE")
	if got := sweep(); got != "0 1" {
		t.Errorf("a session that is being written: %s", got)
	}
	busy()
	if got := sweep(); got != "1 0" {
		t.Errorf("swept %s", got)
	}
	if _, _, err := s.Get(t.Context(), rec.SessionKey); err == nil {
		t.Error("the session is there")
	}
}

// SECURITY 58: nothing of the audit log can be changed.
func TestAuditEntriesAreUnchanged(t *testing.T) {
	t.Parallel()
	url, s, _ := withSession(t)
	if err := s.Append(t.Context(), pawl.Event{At: noon, Kind: pawl.EventSignIn}); err != nil {
		t.Fatal(err)
	}
	sql(t, url, `DO $$ BEGIN
		UPDATE pawl.audit SET login = 'somebody else';
		RAISE EXCEPTION 'it was changed';
	EXCEPTION WHEN raise_exception THEN
		IF SQLERRM <> 'audit entries are never changed' THEN RAISE; END IF;
	END $$`)
}
