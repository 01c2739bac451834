//go:build unix

package cli_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// serving starts a server with a directory of its own.
func serving(t *testing.T, flags ...string) *process {
	t.Helper()
	p := start(t, append([]string{"serve", "--listen", "127.0.0.1:0", "--data-dir", filepath.Join(t.TempDir(), "data")}, flags...)...)
	p.ready(t)
	return p
}

// halfRequest is a request under way: the server has its header and a part of
// its body.
type halfRequest struct {
	net.Conn
	rest string
}

func (p *process) halfRequest(t *testing.T) *halfRequest {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	// Expect makes the server say when it has taken the request up.
	body := `{"userId":"a","password":"b"}`
	fmt.Fprintf(conn, "POST /api/login HTTP/1.1\r\nHost: x\r\nPawl-Request: 1\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(body))
	line, err := bufio.NewReader(io.LimitReader(conn, 25)).ReadString('\n')
	if err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("the server does not go on: %q, %v", line, err)
	}
	return &halfRequest{conn, body}
}

// finish sends the rest and gives the answer.
func (r *halfRequest) finish(t *testing.T) (*http.Response, error) {
	t.Helper()
	if _, err := io.WriteString(r, r.rest); err != nil {
		return nil, err
	}
	return http.ReadResponse(bufio.NewReader(r), nil)
}

// refusing waits until the server takes no new connections.
func (p *process) refusing(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
		if err != nil {
			return
		}
		conn.Close()
	}
	t.Fatal("the server still takes connections")
}

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

func TestRequestsUnderWayAreFinishedAtSIGTERM(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		p := serving(t)
		r := p.halfRequest(t)
		p.signal(t, sig)
		p.refusing(t)
		resp, err := r.finish(t)
		if err != nil {
			t.Fatalf("%v: the request under way was cut off: %v", sig, err)
		}
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%v: status %d", sig, resp.StatusCode)
		}
		if code := p.end(t); code != 0 || !strings.Contains(p.stderr.String(), "msg=stopped") {
			t.Errorf("%v: exit code %d:\n%s", sig, code, p.stderr)
		}
	}
}

func TestShutdownTimeoutBoundsTheWait(t *testing.T) {
	p := serving(t, "--shutdown-timeout", "0")
	r := p.halfRequest(t)
	p.signal(t, syscall.SIGTERM)
	if code := p.end(t); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if want := "requests were still under way after shutdown_timeout (0s) and were cut off"; !strings.Contains(p.stderr.String(), want) {
		t.Errorf("standard error lacks %q:\n%s", want, p.stderr)
	}
	if _, err := r.finish(t); err == nil {
		t.Error("the request was answered")
	}
}

func TestASecondSignalEndsTheServerAtOnce(t *testing.T) {
	p := serving(t, "--shutdown-timeout", "1h")
	p.halfRequest(t)
	p.signal(t, syscall.SIGTERM)
	p.refusing(t)
	p.signal(t, syscall.SIGTERM)
	if code := p.end(t); code == 0 {
		t.Error("exit code 0 after a second signal")
	}
}
