package chaostest

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/pawlauth/pawl/internal/servertest"
)

// redisRole keeps users and keys where nothing fails: what is tested is Redis.
func redisRole(t *testing.T, url func(addrs []string) string) func([]string) role {
	path := filepath.Join(t.TempDir(), "pawl.db")
	return func(addrs []string) role { return role{Database: path, Sessions: url(addrs)} }
}

// redisEngine is one server with an append-only file.
func redisEngine(t *testing.T) engine {
	t.Helper()
	r := servertest.StartRedis(t)
	e := engine{addrs: []string{r.Addr}, clock: true}
	e.role = redisRole(t, func(addrs []string) string { return "redis://" + addrs[0] })
	e.restart = func(kill bool) func() {
		if kill {
			r.Kill()
		} else {
			r.Stop(syscall.SIGTERM)
		}
		return r.Restart
	}
	e.faults = restarts()
	return e
}

func TestChaosRedis(t *testing.T) {
	chaos(t, redisEngine, usual())
}

func TestFailuresRedis(t *testing.T) {
	failures(t, redisEngine)
}
