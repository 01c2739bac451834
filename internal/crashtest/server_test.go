package crashtest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// server is a pawl process that can die and come back on the same data.
type server struct {
	t   *testing.T
	bin string
	dir string
	url string

	cmd  *exec.Cmd
	logs sync.WaitGroup

	mu   sync.Mutex
	rows map[string]int // "row-5-reissue" → how often the server's log names it
	tail []string       // the log's last lines, for a failure's message
}

func newServer(t *testing.T) *server {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "pawl")
	if out, err := exec.Command("go", "build", "-o", bin, "github.com/pawlauth/pawl/cmd/pawl").CombinedOutput(); err != nil {
		t.Fatalf("build pawl: %v\n%s", err, out)
	}
	s := &server{t: t, bin: bin, dir: dir, url: "http://" + freeAddress(t), rows: map[string]int{}}
	config := fmt.Sprintf(`listen: %s
issuer: %s
data_dir: %s
access_ttl: 1m
reuse_window: 200ms
unsafe_http_cookies: true
log_format: json
log_level: debug
`, strings.TrimPrefix(s.url, "http://"), s.url, filepath.Join(dir, "data"))
	if err := os.WriteFile(s.config(), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *server) config() string { return filepath.Join(s.dir, "pawl.yaml") }

func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// addUser uses the command line, as an operator would.
func (s *server) addUser(login, password string) {
	s.t.Helper()
	cmd := exec.Command(s.bin, "user", "add", login, "--password-stdin", "--config", s.config())
	cmd.Stdin = strings.NewReader(password + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("pawl user add: %v\n%s", err, out)
	}
}

// start runs the server and waits until it is ready.
func (s *server) start() {
	s.t.Helper()
	s.cmd = exec.Command(s.bin, "serve", "--config", s.config())
	out, err := s.cmd.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.logs.Go(func() { s.readLog(out) })
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		if r, err := http.Get(s.url + "/readyz"); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the server does not get ready:\n%s", s.lastLog())
		}
	}
}

// kill is kill -9: nothing gets to say goodbye.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	s.logs.Wait()
	_ = s.cmd.Wait()
}

// readLog counts the rotation table's rows that the server says it took.
func (s *server) readLog(r io.Reader) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var e struct {
			Msg string `json:"msg"`
			Row int    `json:"row"`
		}
		known := json.Unmarshal(lines.Bytes(), &e) == nil
		s.mu.Lock()
		if known && e.Row > 0 {
			s.rows[fmt.Sprintf("row-%d-%s", e.Row, e.Msg)]++
		}
		if s.tail = append(s.tail, lines.Text()); len(s.tail) > 40 {
			s.tail = s.tail[1:]
		}
		s.mu.Unlock()
	}
}

func (s *server) lastLog() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.tail, "\n")
}
