//go:build unix

package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// The demo's commands work as they are printed: each is pasted into one shell.
func TestTheDemosCommandsWorkAsPasted(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("curl is not installed: the demo's commands cannot be tried")
		}
		t.Skip("SKIPPED: curl is not installed: the demo's commands were not tried")
	}
	p := start(t, "serve", "--demo", "--listen", "127.0.0.1:0", "--log-level", "info")
	commands := p.pasteable(t)
	p.ready(t)

	shell := exec.Command("sh")
	shell.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\n")
	shell.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + t.TempDir()}
	out, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	const token = `eyJ[\w-]+\.[\w-]+\.[\w-]+`
	want := regexp.MustCompile(`(?s)^` + strings.Join([]string{
		token, `\{"sub":.*"roles":\["admin"\].*\}\s+200`, // sign in, call
		token, `\{"sessions":\[\{"id":.*"current":true.*\}\s+200`, // reissue, see sessions
		`204`, `\{.*"reason":"signed_out".*\}\s+401`, // sign out, call again
		`200`, `200`, // the second session and its reissue
		`\{.*"reason":"reused".*\}\s+401`, `\{.*"reason":"reused".*\}\s+401`, // the thief, the owner
	}, `\s+`) + `\s*$`)
	if !want.Match(out) {
		t.Errorf("the pasted commands say\n%s\nwhich does not match\n%s", out, want)
	}

	p.signal(t, syscall.SIGTERM)
	if code := p.end(t); code != 0 {
		t.Errorf("exit code %d:\n%s", code, p.stderr)
	}
	if !strings.Contains(p.stderr.String(), "level=WARN msg=reused") {
		t.Errorf("no alarm in the log:\n%s", p.stderr)
	}
	for _, tmp := range p.Env {
		if dir, ok := strings.CutPrefix(tmp, "TMPDIR="); ok {
			if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
				t.Errorf("the demo left %v", left)
			}
		}
	}
}

// pasteable reads what the demo prints and gives its commands: the indented lines.
func (p *process) pasteable(t *testing.T) []string {
	t.Helper()
	var commands []string
	for {
		line, err := p.stdout.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		line = strings.TrimSuffix(line, "\n")
		if command, ok := strings.CutPrefix(line, "  "); ok {
			commands = append(commands, command)
		}
		if line == "Press Ctrl-C here to end it." {
			return commands
		}
	}
}

func TestTheDemoSaysWhenItsPortIsTaken(t *testing.T) {
	p := serving(t)
	second := start(t, "serve", "--demo", "--listen", strings.TrimPrefix(p.url, "http://"))
	if code := second.end(t); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if want := "is in use by another program"; !strings.Contains(second.stderr.String(), want) {
		t.Errorf("standard error lacks %q:\n%s", want, second.stderr)
	}
}
