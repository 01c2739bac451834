// Package nodetest runs tests in Node from Go's: it installs what a package.json
// pins, and makes a subtest of each test, so that one test command counts them.
package nodetest

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Result is a line that a program prints for each of its tests, marked with
// Mark. Other lines go to the log.
type Result struct {
	Name  string `json:"name"`
	Error string `json:"error"` // empty: it passed
	Skip  string `json:"skip"`  // why it did not run

	Figures map[string]string `json:"figures"` // what it measured, for testing.T.Attr
}

// Mark begins the lines that are results.
const Mark = "RESULT "

// Command is a program in Node, and how long it may take.
type Command struct {
	Dir     string
	Args    []string
	Stdin   string
	Limit   time.Duration // 0: ten minutes
	Expects int           // at least so many results; 0: one
}

// Run runs node and makes a subtest of each result. It fails if the program does,
// and skips, loudly, where there is no node.
func Run(t *testing.T, c Command) {
	t.Helper()
	out, said, err := run(t, c)
	for _, r := range out {
		t.Run(r.Name, func(t *testing.T) {
			for name, value := range r.Figures {
				t.Attr(name, value)
			}
			switch {
			case r.Error != "":
				t.Error(r.Error)
			case r.Skip != "":
				t.Skip(r.Skip)
			}
		})
	}
	if t.Failed() {
		t.Logf("node wrote:\n%s", said)
	}
	if err != nil || len(out) < max(1, c.Expects) {
		t.Errorf("node %s: %v, %d results\n%s", strings.Join(c.Args, " "), err, len(out), said)
	}
}

func run(t *testing.T, c Command) (results []Result, said string, err error) {
	t.Helper()
	node := Program(t, "node")
	if c.Limit == 0 {
		c.Limit = 10 * time.Minute
	}
	ctx, cancel := context.WithTimeout(t.Context(), c.Limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, c.Args...) //nolint:gosec // node is the one on the PATH, the arguments are the test's
	cmd.Dir, cmd.Stdin = c.Dir, strings.NewReader(c.Stdin)
	cmd.Env = append(os.Environ(), "NODE_OPTIONS=", "NO_COLOR=1")
	// A browser that the program has started must go with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	var text strings.Builder
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadString('\n')
		if mine, ok := strings.CutPrefix(line, Mark); ok {
			var r Result
			if json.Unmarshal([]byte(mine), &r) == nil {
				results = append(results, r)
				continue
			}
		}
		text.WriteString(line)
		if err != nil {
			break
		}
	}
	return results, text.String(), cmd.Wait()
}

// Program gives the path of node or npm, and skips, loudly, without.
func Program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("SKIPPED: %s is not installed (Debian: apt-get install nodejs npm): nothing in JavaScript was tested", name)
	}
	return path
}
