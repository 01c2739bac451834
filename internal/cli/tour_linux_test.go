package cli_test

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// watching starts the tour on a terminal, where it would wait for an hour.
func watching(t *testing.T, env ...string) (cmd *exec.Cmd, master *os.File, shown *strings.Builder) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	master, slave := openTerminal(t)
	cmd = exec.Command(exe)
	cmd.Args = []string{"pawl", "demo", "--pause", "1h"}
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + t.TempDir(), quickExit}, env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // fails where it has ended, as it should
	return cmd, master, new(strings.Builder)
}

func TestEnterGoesOnWithTheTour(t *testing.T) {
	t.Parallel()
	cmd, master, shown := watching(t)
	for _, step := range []string{"1/7", "2/7", "3/7", "4/7", "5/7", "6/7", "7/7"} {
		expectShown(t, master, shown, step+"  ")
		shown.Reset()
		expectShown(t, master, shown, "Enter goes on")
		if _, err := master.WriteString("\n"); err != nil {
			t.Fatal(err)
		}
	}
	expectShown(t, master, shown, "What to try next")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestTheTourIsColouredUnlessOneWantsNone(t *testing.T) {
	t.Parallel()
	for env, want := range map[string]bool{"X=": true, "NO_COLOR=1": false, "TERM=dumb": false} {
		cmd, master, shown := watching(t, env)
		expectShown(t, master, shown, "Enter goes on")
		if got := strings.Contains(shown.String(), "\x1b["); got != want {
			t.Errorf("%s: colours: %v, want %v", env, got, want)
		}
		// Ctrl-C ends it, and the server with it.
		if _, err := master.WriteString("\x03"); err != nil {
			t.Fatal(err)
		}
		expectShown(t, master, shown, "stopped by a signal before the tour was over")
		if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 1 {
			t.Errorf("%s: %v", env, err)
		}
	}
}
