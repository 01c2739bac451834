//go:build unix

package cli_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pawlauth/pawl/internal/cli"
)

// TestMain lets the test binary be the pawl command, when its name is pawl.
func TestMain(m *testing.M) {
	testscript.Main(suite{m}, map[string]func(){
		"pawl": func() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// suite removes what its tests share.
type suite struct{ *testing.M }

func (s suite) Run() int {
	code := s.M.Run()
	if plainDir != "" {
		_ = os.RemoveAll(plainDir) // a directory of the system's own, emptied by it in the end
	}
	return code
}

var plainDir string

// plainPawl builds the program without the race detector, for tests that are
// about large amounts: their figures would mean nothing with it.
var plainPawl = sync.OnceValues(func() (path string, err error) {
	if plainDir, err = os.MkdirTemp("", "pawl-test-"); err != nil {
		return "", err
	}
	path = filepath.Join(plainDir, "pawl")
	out, err := exec.Command("go", "build", "-o", path, "github.com/pawlauth/pawl/cmd/pawl").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("build pawl: %w\n%s", err, out)
	}
	return path, err
})

// patience bounds every wait for something that must happen.
const patience = 30 * time.Second

// quickExit spares each process the second that the race detector waits at exit.
const quickExit = "GORACE=atexit_sleep_ms=0"

// nobody is the user that commands run as where being root would hide what
// file modes do.
const nobody = 65534

func TestScripts(t *testing.T) {
	root := openTemp(t)
	bin := sync.OnceValues(func() (string, error) { return copyBinary(root) })
	testscript.Run(t, testscript.Params{
		Dir:         filepath.Join("testdata", "script"),
		WorkdirRoot: root,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PAWL_LISTEN", "127.0.0.1:0")
			env.Vars = append(env.Vars, quickExit)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"ready":        scriptReady,
			"status":       scriptStatus,
			"code":         scriptCode,
			"unprivileged": func(ts *testscript.TestScript, neg bool, args []string) { unprivileged(ts, neg, args, bin) },
		},
	})
}

// openTemp makes a directory that every user can enter.
func openTemp(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pawl-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // a directory of the system's own, emptied by it in the end
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// copyBinary writes the program while nothing else is started: a child that got
// the file open for writing would keep it from being run.
func copyBinary(dir string) (string, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	exe, err := os.Executable()
	if err != nil {
		return "", err
	}
	b, err := os.ReadFile(exe)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "pawl")
	return path, os.WriteFile(path, b, 0o755)
}

var readyLine = regexp.MustCompile(`msg=ready listen=(\S+)`)

// scriptReady waits until the server whose standard error goes into the named
// file answers, and sets URL.
func scriptReady(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		b, _ := os.ReadFile(path) // it may not be there yet
		if m := readyLine.FindSubmatch(b); m != nil {
			ts.Setenv("URL", "http://"+string(m[1]))
			ts.Setenv("ADDRESS", string(m[1]))
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	b, _ := os.ReadFile(path)
	ts.Fatalf("the server is not ready; it wrote:\n%s", b)
}

// scriptStatus requests until the answer has the wanted status:
//
//	status 200 METHOD URL [BODY] [BEARER]
//
// @file stands for what is in the file. The body of the answer goes into the file response.
func scriptStatus(ts *testscript.TestScript, _ bool, args []string) {
	for len(args) < 5 {
		args = append(args, "")
	}
	for i, arg := range args {
		if name, ok := strings.CutPrefix(arg, "@"); ok {
			args[i] = strings.TrimSpace(ts.ReadFile(name))
		}
	}
	deadline := time.Now().Add(patience)
	var got string
	var body []byte
	for got != args[0] && time.Now().Before(deadline) {
		got, body = request(ts, args[1], args[2], args[3], args[4])
	}
	ts.Check(os.WriteFile(ts.MkAbs("response"), body, 0o600))
	if got != args[0] {
		ts.Fatalf("%s %s gives %s, not %s: %s", args[1], args[2], got, args[0], body)
	}
}

func request(ts *testscript.TestScript, method, url, body, bearer string) (string, []byte) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	ts.Check(err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Pawl-Request", "1")
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	ts.Check(err)
	return fmt.Sprint(resp.StatusCode), b
}

// scriptCode runs a command that must end with this exit code.
func scriptCode(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// unprivileged runs pawl as a user whom file modes concern, with the working
// directory given to that user first.
func unprivileged(ts *testscript.TestScript, neg bool, args []string, bin func() (string, error)) {
	path, err := bin()
	ts.Check(err)
	cmd := exec.Command(path, args...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = []string{"PAWL_LISTEN=127.0.0.1:0", "PATH=" + ts.Getenv("PATH"), quickExit}
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err = cmd.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		ts.Fatalf("pawl was not started: %v", err)
	}
	ts.Logf("%s", stderr.String())
	ts.Check(os.WriteFile(ts.MkAbs("stderr.txt"), stderr.Bytes(), 0o600))
	if (err != nil) != neg {
		ts.Fatalf("pawl %s: %v", strings.Join(args, " "), err)
	}
}

// process is a running pawl.
type process struct {
	*exec.Cmd
	stdout *bufio.Reader
	stderr *bytes.Buffer // complete once the process has ended
	lines  chan string   // of standard error
	url    string
}

// start runs pawl and waits until it is ready.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	return startWith(t, nil, args...)
}

// startWith is start with more variables of the environment.
func startWith(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return startBinary(t, exe, env, args...)
}

func startBinary(t *testing.T, exe string, env []string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(exe), stderr: new(bytes.Buffer), lines: make(chan string, 1000)}
	p.Args = append([]string{"pawl"}, args...)
	p.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + t.TempDir(), quickExit}
	p.Env = append(p.Env, env...)
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdout = bufio.NewReader(out)
	errs, err := p.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill() }) // fails where it has ended, as it should
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(errs); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	return p
}

// ready waits for the line that says where the server listens.
func (p *process) ready(t *testing.T) {
	t.Helper()
	line := p.line(t, "msg=ready")
	p.url = "http://" + readyLine.FindStringSubmatch(line)[1]
}

// line waits for a line of standard error that holds the text.
func (p *process) line(t *testing.T, text string) string {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				t.Fatalf("pawl ended without saying %q:\n%s", text, p.stderr)
			}
			p.stderr.WriteString(line + "\n")
			if strings.Contains(line, text) {
				return line
			}
		case <-timeout:
			t.Fatalf("pawl does not say %q:\n%s", text, p.stderr)
		}
	}
}

// end waits for the process and gives its exit code, -1 for a signal.
func (p *process) end(t *testing.T) int {
	t.Helper()
	for line := range p.lines {
		p.stderr.WriteString(line + "\n")
	}
	_ = p.Wait() // the state says more
	return p.ProcessState.ExitCode()
}
