package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	user     = "load"
	password = "sixty four chained clients"
)

// server is the pawl process that is measured.
type server struct {
	host string
	cmd  *exec.Cmd
}

// startServer runs pawl on a fresh database below dir that holds so many other
// sessions. Without a window every reissue advances.
func startServer(bin, dir string, window bool, sessions int) (*server, error) {
	host, err := freeAddress()
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "pawl.yaml")
	text := fmt.Sprintf("listen: %s\nissuer: http://%[1]s\ndata_dir: %s\nlog_level: warn\nunsafe_http_cookies: true\n", host, filepath.Join(dir, "data"))
	if !window {
		text += "unsafe_reuse_window: 0s\n"
	}
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	if sessions > 0 {
		if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
			return nil, err
		}
		if err := seed(filepath.Join(dir, "data", "pawl.db"), sessions); err != nil {
			return nil, err
		}
	}
	s := &server{host: host, cmd: exec.Command(bin, "serve", "--config", config)}
	s.cmd.Stderr = os.Stderr
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	if err := s.awaitReady(); err != nil {
		s.stop()
		return nil, err
	}
	add := exec.Command(bin, "user", "add", user, "--password-stdin", "--config", config)
	add.Stdin = strings.NewReader(password + "\n")
	if out, err := add.CombinedOutput(); err != nil {
		s.stop()
		return nil, fmt.Errorf("pawl user add: %w\n%s", err, out)
	}
	return s, nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func (s *server) awaitReady() error {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if r, err := http.Get("http://" + s.host + "/readyz"); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return nil
			}
		}
	}
	return fmt.Errorf("the server does not get ready")
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait()
}

// cpu is the processor time that the server has used.
func (s *server) cpu() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	f := strings.Fields(after)
	ticks := 0
	for _, i := range []int{11, 12} { // utime, stime: proc(5)
		n, _ := strconv.Atoi(f[i])
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100
}

// rss is the server's resident memory in MiB.
func (s *server) rss() float64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	for line := range strings.Lines(string(status)) {
		if kb, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, _ := strconv.Atoi(strings.Fields(kb)[0])
			return float64(n) / 1024
		}
	}
	return 0
}
