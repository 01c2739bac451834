//go:build unix

package cli_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A signal ends it at any moment, and its server with it: here, once the server
// has made its master key.
func TestBenchStopsAtASignal(t *testing.T) {
	p := start(t, "bench", "--kinds", "check", "--clients", "2", "--seconds", "3600")
	var tmp string
	for _, entry := range p.Env {
		if dir, ok := strings.CutPrefix(entry, "TMPDIR="); ok {
			tmp = dir
		}
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if made, _ := filepath.Glob(filepath.Join(tmp, "*", "data", "master.key")); len(made) > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no server was started")
		}
	}
	p.signal(t, syscall.SIGINT)
	if code := p.end(t); code != 1 || !strings.Contains(p.stderr.String(), "stopped by a signal; the figures are those until then") {
		t.Errorf("exit code %d, standard error %q", code, p.stderr)
	}
	if left, _ := filepath.Glob(filepath.Join(tmp, "*")); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
}
