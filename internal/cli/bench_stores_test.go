//go:build unix

package cli_test

import (
	"strings"
	"testing"

	"github.com/pawlauth/pawl/internal/servertest"
)

// On PostgreSQL and Redis each row has a database and keys of its own, of which
// nothing is left.
func TestBenchOnOtherStores(t *testing.T) {
	pg := servertest.StartPostgres(t, servertest.PostgresOptions{})
	redis := servertest.StartRedis(t)
	redis.Do("SET", "somebody's", "own")
	for _, on := range []struct {
		stores string
		args   []string
	}{
		{"PostgreSQL;", nil},
		{"PostgreSQL and Redis;", []string{"--session-store", redis.URL}},
	} {
		args := append([]string{"bench", "--database", pg.URL("postgres"), "--clients", "2", "--seconds", "0.1", "--runs", "1", "--sessions", "20"}, on.args...)
		stdout, stderr, code := runPawl(t, "", args...)
		if code != 0 || !strings.Contains(stdout, "each row: "+on.stores) {
			t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
		}
	}
	if left := pg.Exec("postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE 'pawl%'"); strings.TrimSpace(left) != "0" {
		t.Errorf("%s databases are left", left)
	}
	if left := redis.Do("KEYS", "*"); strings.TrimSpace(left) != "somebody's" {
		t.Errorf("left in Redis: %s", left)
	}
}
