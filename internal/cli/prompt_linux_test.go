package cli_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openTerminal gives both ends of a pseudo-terminal.
func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

func echoes(t *testing.T, tty *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// asking starts "pawl user add" on a terminal and waits for its question.
func asking(t *testing.T) (cmd *exec.Cmd, master, slave *os.File, shown *strings.Builder) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	open(t, map[string]string{"data_dir": dir})
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	master, slave = openTerminal(t)
	cmd = exec.Command(exe)
	cmd.Args = []string{"pawl", "user", "add", "ada", "--data-dir", dir}
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), quickExit}
	cmd.Stdin = slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // fails where it has ended, as it should
	shown = new(strings.Builder)
	expectShown(t, master, shown, "New password for ada: ")
	return cmd, master, slave, shown
}

// expectShown reads the terminal until it shows the text.
func expectShown(t *testing.T, master *os.File, shown *strings.Builder, text string) {
	t.Helper()
	timer := time.AfterFunc(patience, func() { master.Close() })
	defer timer.Stop()
	b := make([]byte, 256)
	for !strings.Contains(shown.String(), text) {
		n, err := master.Read(b)
		if err != nil {
			t.Fatalf("the terminal shows %q, not %q: %v", shown, text, err)
		}
		shown.Write(b[:n])
	}
}

func TestAPasswordIsNotShownWhileItIsTyped(t *testing.T) {
	cmd, master, slave, shown := asking(t)
	fmt.Fprintln(master, "seven-green-kettles")
	expectShown(t, master, shown, "The same again: ")
	fmt.Fprintln(master, "seven-green-kettles")
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v; the terminal shows %q", err, shown)
	}
	if strings.Contains(shown.String(), "seven") {
		t.Errorf("the terminal shows %q", shown)
	}
	if !echoes(t, slave) {
		t.Error("the terminal is left without echo")
	}
}

func TestCtrlCAtThePromptBringsTheEchoBack(t *testing.T) {
	cmd, master, slave, _ := asking(t)
	if echoes(t, slave) {
		t.Fatal("the echo is on while a password is asked for")
	}
	if _, err := master.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("pawl goes on after Ctrl-C")
	}
	if !echoes(t, slave) {
		t.Error("the terminal is left without echo")
	}
}
