package packaging_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl/internal/config"
)

// unit gives the unit's file with a program that is there, in a folder of its own.
func unit(t *testing.T) (file, text string) {
	t.Helper()
	text = string(readFile(t, "pawl.service"))
	file = filepath.Join(t.TempDir(), "pawl.service")
	if err := os.WriteFile(file, []byte(strings.Replace(text, "/usr/bin/pawl", "/bin/true", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, text
}

// systemd finds no fault with the unit.
func TestUnitIsGood(t *testing.T) {
	need(t, "systemd-analyze", "systemd")
	file, _ := unit(t)
	if out := run(t, "", nil, "systemd-analyze", "verify", "--man=no", file); strings.Contains(out, "pawl.service") {
		t.Errorf("systemd-analyze says\n%s", out)
	}
}

// What an intruder in the process could do to the machine is little: 0 is
// nothing, 10 is everything.
func TestUnitIsHardened(t *testing.T) {
	need(t, "systemd-analyze", "systemd")
	file, _ := unit(t)
	out := run(t, "", nil, "systemd-analyze", "security", "--offline=true", "--no-pager", file)
	m := regexp.MustCompile(`Overall exposure level for \S+: ([\d.]+)`).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("no score in\n%s", out)
	}
	t.Attr("exposure", m[1])
	if score, err := strconv.ParseFloat(m[1], 64); err != nil || score > 1.5 {
		t.Errorf("exposure %s\n%s", m[1], out)
	}
}

// systemd waits longer than a stopping Pawl does, or it would kill it; and the
// unit, the package and the configuration name the same folders.
func TestUnitFitsTheConfiguration(t *testing.T) {
	_, text := unit(t)
	cfg, err := config.Load(config.Sources{File: "pawl.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	stop, err := strconv.Atoi(regexp.MustCompile(`TimeoutStopSec=(\d+)`).FindStringSubmatch(text)[1])
	if err != nil || time.Duration(stop)*time.Second <= cfg.ShutdownTimeout {
		t.Errorf("TimeoutStopSec=%d, shutdown_timeout %v", stop, cfg.ShutdownTimeout)
	}
	if cfg.DataDir != "/var/lib/pawl" || !strings.Contains(text, "\nStateDirectory=pawl\n") {
		t.Errorf("data_dir %s", cfg.DataDir)
	}
	postinst := string(readFile(t, "debian", "postinst"))
	if user := regexp.MustCompile(`\nUser=(\w+)`).FindStringSubmatch(text)[1]; !strings.Contains(postinst, "getent passwd "+user+" ") {
		t.Errorf("the package does not make the user %s", user)
	}
	t.Attr("stop-timeout", fmt.Sprint(stop))
}
