package postgres_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/pawlauth/pawl/store/postgres"
)

// Nodes that start at once on a new database, some of them behind a pooler, do
// not disturb each other.
func TestNodesStartAtOnce(t *testing.T) {
	t.Parallel()
	srv := start(t)
	name := srv.database(t)
	for round := range rounds(4) {
		if round%2 == 0 { // else the schema is there
			sql(t, srv.URL(name), "DROP SCHEMA IF EXISTS pawl CASCADE")
		}
		var nodes sync.WaitGroup
		for i := range 12 {
			nodes.Go(func() {
				url := []string{srv.URL(name), srv.bouncer.URL(name)}[i%2]
				s, err := postgres.Open(t.Context(), url, postgres.Options{Conns: 1})
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := s.Mark(t.Context(), "u"); err != nil {
					t.Error(err)
				}
				_ = s.Close()
			})
		}
		nodes.Wait()
	}
	if n := sql(t, srv.URL(name), "SELECT string_agg(version || ' ' || name, ', ' ORDER BY version) FROM pawl.schema_migrations"); n != "1 init, 2 audit, 3 key_life, 4 operation, 5 ends" {
		t.Errorf("migrations: %s", n)
	}
}

func TestNewerSchema(t *testing.T) {
	t.Parallel()
	srv := start(t)
	url := srv.URL(srv.database(t))
	if err := openAt(t, url, postgres.Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	sql(t, url, "INSERT INTO pawl.schema_migrations VALUES (99, 'later')")
	_, err := postgres.Open(t.Context(), url, postgres.Options{})
	if err == nil || !strings.Contains(err.Error(), "schema 99, which a newer Pawl wrote") {
		t.Errorf("a newer schema: %v", err)
	}
}

// A migration that fails leaves nothing.
func TestMigrationIsOneStep(t *testing.T) {
	t.Parallel()
	srv := start(t)
	url := srv.URL(srv.database(t))
	sql(t, url, "CREATE SCHEMA pawl; CREATE TABLE pawl.audit (mine text)") // in the way of the second step
	_, err := postgres.Open(t.Context(), url, postgres.Options{})
	if err == nil || !strings.Contains(err.Error(), "migration 0002 audit") {
		t.Errorf("a table in the way: %v", err)
	}
	if n := sql(t, url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'pawl'"); n != "1" {
		t.Errorf("%s tables were left", n)
	}
}
