package canary

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program is a pawl whose every word is noted.
type program struct {
	*ledger
	bin, dir    string
	env         []string
	url, admin  string
	metrics     string
	server      *exec.Cmd
	out, errOut lockedBuffer
}

func newProgram(t *testing.T, bin, format string) *program {
	t.Helper()
	p := &program{ledger: newLedger(t), bin: bin, dir: t.TempDir()}
	api, adm, met := freeAddress(t), freeAddress(t), freeAddress(t)
	p.url, p.admin, p.metrics = "http://"+api, "http://"+adm, "http://"+met
	p.env = append(os.Environ(),
		"PAWL_LISTEN="+api, "PAWL_ADMIN_LISTEN="+adm, "PAWL_METRICS_LISTEN="+met, "PAWL_ISSUER="+p.url,
		"PAWL_DATA_DIR="+p.data(), "PAWL_LOG_FORMAT="+format, "PAWL_LOG_LEVEL=debug",
		"PAWL_UNSAFE_HTTP_COOKIES=true", "PAWL_REUSE_WINDOW=50ms",
		"PAWL_MASTER_KEY="+p.secret("the master key", "Zm9yLXRlc3RzLW9ubHktbmV2ZXItaW4tZWFybmVzdCE"),
		"PAWL_LEGACY_UNTIL=2099-01-31", "PAWL_LEGACY_SECRET="+p.secret("the old system's secret", oldSecret))
	return p
}

func (p *program) data() string { return filepath.Join(p.dir, "data") }

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (p *program) start() {
	p.t.Helper()
	p.server = exec.Command(p.bin, "serve")
	p.server.Env, p.server.Stdout, p.server.Stderr = p.env, &p.out, &p.errOut
	if err := p.server.Start(); err != nil {
		p.t.Fatal(err)
	}
	process := p.server.Process
	p.t.Cleanup(func() { _ = process.Kill() }) // one that a failure left behind
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if r, err := http.Get(p.url + "/readyz"); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("the server does not get ready:\n%s", p.errOut.String())
		}
	}
}

// printed waits until the server has written what the pattern matches to its
// standard output.
func (p *program) printed(pattern *regexp.Regexp) []string {
	p.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if m := pattern.FindStringSubmatch(p.out.String()); m != nil {
			return m
		}
	}
	p.t.Fatalf("nothing like %v was printed: %s", pattern, p.out.String())
	return nil
}

// stop ends the server by a signal and notes what it wrote.
func (p *program) stop(sig os.Signal) {
	p.t.Helper()
	if err := p.server.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
	_ = p.server.Wait() // its exit code is not the question
	p.write(fmt.Sprintf("log of the server ended by %v", sig), p.errOut.take())
}

// run runs a command and notes what it wrote; it gives standard output.
func (p *program) run(stdin string, args ...string) string {
	p.t.Helper()
	out, errOut, err := p.try(stdin, args...)
	if err != nil {
		p.t.Fatalf("pawl %s: %v\n%s%s", strings.Join(args, " "), err, out, errOut)
	}
	p.write("output of pawl "+args[0], out)
	return out
}

// try is run for commands that may fail, or whose output holds a secret
// rightly: only standard error is noted.
func (p *program) try(stdin string, args ...string) (out, errOut string, err error) {
	cmd := exec.Command(p.bin, args...)
	var o, e bytes.Buffer
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = p.env, strings.NewReader(stdin), &o, &e
	err = cmd.Run()
	p.write("errors of pawl "+args[0], e.String())
	return o.String(), e.String(), err
}

// request is one to the server.
type request struct {
	method, url, body string
	header            http.Header
}

// send sends it. Only answers that are errors are noted: others hold tokens rightly.
func (p *program) send(r request) (int, map[string]any) {
	p.t.Helper()
	req, err := http.NewRequest(r.method, r.url, strings.NewReader(r.body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Pawl-Request", "1")
	for name, values := range r.header {
		req.Header[name] = values
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	if resp.StatusCode >= 400 {
		p.write(fmt.Sprintf("answer %d of %s", resp.StatusCode, r.method), string(b))
	}
	var members map[string]any
	_ = json.Unmarshal(b, &members)
	return resp.StatusCode, members
}

// must sends a request that has to be answered with the status.
func (p *program) must(status int, r request) map[string]any {
	p.t.Helper()
	got, members := p.send(r)
	if got != status {
		p.t.Fatalf("%s %s: %d, not %d: %v", r.method, r.url, got, status, members)
	}
	return members
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// object is a JSON object of texts.
func object(pairs ...string) string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	b, _ := json.Marshal(m)
	return string(b)
}

func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "pawl")
	if out, err := exec.Command("go", "build", "-o", bin, "github.com/pawlauth/pawl/cmd/pawl").CombinedOutput(); err != nil {
		t.Fatalf("build pawl: %v\n%s", err, out)
	}
	return bin
}

var quit = os.Signal(syscall.SIGQUIT)
