package nodetest

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
)

// unreachable is how npm says that there is no registry.
var unreachable = regexp.MustCompile(`ENOTFOUND|EAI_AGAIN|ECONN\w+|E?TIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|code E5\d\d|ENOTCACHED`)

// Install gives a folder that holds node_modules as the package-lock.json in
// files pins it. It is made once for each lock file, in the user's cache, like
// what Go builds. Where the packages cannot be had the test is skipped, loudly.
func Install(t *testing.T, files fs.FS) string {
	t.Helper()
	npm := Program(t, "npm")
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	pins := map[string][]byte{}
	sum := sha256.New()
	for _, name := range []string{"package.json", "package-lock.json"} {
		if pins[name], err = fs.ReadFile(files, name); err != nil {
			t.Fatal(err)
		}
		sum.Write(pins[name])
	}
	at := filepath.Join(cache, "pawl-test", hex.EncodeToString(sum.Sum(nil))[:16])
	if err := os.MkdirAll(at, 0o700); err != nil {
		t.Fatal(err)
	}
	defer lock(t, filepath.Join(at, "lock"))()
	done := filepath.Join(at, "done")
	if _, err := os.Stat(done); err == nil {
		return at
	}
	for name, text := range pins {
		if err := os.WriteFile(filepath.Join(at, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ci(t, npm, at)
	if err := os.WriteFile(done, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return at
}

// lock keeps test programs that run at once from installing the same.
func lock(t *testing.T, path string) (unlock func()) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	return func() { _ = f.Close() }
}

func ci(t *testing.T, npm, dir string) {
	t.Helper()
	var out []byte
	var err error
	for range 2 {
		cmd := exec.CommandContext(t.Context(), npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline")
		cmd.Dir = dir
		if out, err = cmd.CombinedOutput(); err == nil {
			return
		}
	}
	if unreachable.Match(out) {
		t.Skipf("SKIPPED: npm does not reach its registry, so nothing that needs its packages was tested:\n%s", out)
	}
	t.Fatalf("npm ci: %v\n%s", err, out)
}
