package servertest

import (
	"cmp"
	"os"
	"os/exec"
	"testing"
)

// RedisVariable names the program in the environment that tests run as their Redis:
// valkey-server, or another one that speaks as it does.
const RedisVariable = "PAWL_TEST_REDIS"

func redisServer(t testing.TB) string {
	t.Helper()
	return Program(t, cmp.Or(os.Getenv(RedisVariable), "redis-server"), "redis-server")
}

// Valkey is the path of the program of Valkey, if it is installed.
func Valkey() (path string, ok bool) {
	path, err := exec.LookPath("valkey-server")
	return path, err == nil
}
