package redis_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/pawlauth/pawl/internal/servertest"
)

// Where Valkey is installed, all tests of this package run on it, too; ./test says
// loudly where it is not.
func TestOnValkey(t *testing.T) {
	program, ok := servertest.Valkey()
	if !ok || testing.Short() || os.Getenv(servertest.RedisVariable) != "" {
		return
	}
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^Test", "-test.timeout=25m") //nolint:gosec // this program
	cmd.Env = append(os.Environ(), servertest.RedisVariable+"="+program)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
