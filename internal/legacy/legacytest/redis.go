// Package legacytest is an old system for tests: a real redis-server, and
// tokens as a hand-made login with jjwt makes them, written without any of the
// code that is to read them.
package legacytest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Password is the Redis server's.
const Password = "the password of the old Redis"

// Redis is a redis-server of the test's own.
type Redis struct {
	URL  string // with the password
	Addr string

	t    testing.TB
	cmd  *exec.Cmd
	done chan struct{} // closed when the process is gone
}

// StartRedis starts a server on a free port, in a folder of its own, and stops it when
// the test ends. Without the program the test is skipped.
func StartRedis(t testing.TB) *Redis {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed (Debian: apt-get install redis-server): nothing was tested against a real Redis")
	}
	for range 5 { // somebody may take the port in between
		r := &Redis{t: t, Addr: freePort(t), done: make(chan struct{})}
		r.URL = "redis://:" + strings.ReplaceAll(Password, " ", "%20") + "@" + r.Addr + "/0"
		if r.run(path) {
			t.Cleanup(r.Stop)
			return r
		}
		r.Stop()
	}
	t.Fatal("redis-server does not start")
	return nil
}

func freePort(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Restart starts the server that was stopped, at the same port, empty.
func (r *Redis) Restart() {
	r.t.Helper()
	r.done = make(chan struct{})
	if !r.run(r.cmd.Path) {
		r.t.Fatal("redis-server does not start again")
	}
}

func (r *Redis) run(path string) bool {
	_, port, _ := net.SplitHostPort(r.Addr)
	dir := r.t.TempDir()
	r.cmd = exec.Command(path, "--bind", "127.0.0.1", "--port", port, "--dir", dir, "--logfile", filepath.Join(dir, "log"),
		"--save", "", "--appendonly", "no", "--requirepass", Password)
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	go func() {
		_ = r.cmd.Wait()
		close(r.done)
	}()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if _, err := r.try([]string{"PING"}); err == nil {
			return true
		}
		select {
		case <-r.done:
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
	return false
}

// Stop ends the server, and nothing else. More than once is fine.
func (r *Redis) Stop() {
	_ = r.cmd.Process.Kill()
	<-r.done
}

// Do sends a command and gives the answer: text, a number, "" for nothing.
func (r *Redis) Do(words ...string) string {
	r.t.Helper()
	answer, err := r.try(words)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer[0]
}

// SetAll keeps the tokens as the old system does: prefix and user → token, with
// the refresh token's life as TTL.
func (r *Redis) SetAll(prefix string, byUser map[string]string, ttl time.Duration) {
	r.t.Helper()
	var all [][]string
	for user, value := range byUser {
		all = append(all, []string{"SET", prefix + user, value, "EX", strconv.Itoa(int(ttl.Seconds()))})
	}
	if _, err := r.try(all...); err != nil {
		r.t.Fatal(err)
	}
}

// try sends commands in one go, after AUTH, and reads their answers (RESP2).
func (r *Redis) try(commands ...[]string) (answers []string, err error) {
	c, err := net.DialTimeout("tcp", r.Addr, time.Second)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return nil, err
	}
	commands = append([][]string{{"AUTH", Password}}, commands...)
	var out strings.Builder
	for _, words := range commands {
		fmt.Fprintf(&out, "*%d\r\n", len(words))
		for _, w := range words {
			fmt.Fprintf(&out, "$%d\r\n%s\r\n", len(w), w)
		}
	}
	go func() { _, _ = io.WriteString(c, out.String()) }()
	in := bufio.NewReader(c)
	for range commands {
		answer, err := readAnswer(in)
		if err != nil {
			return nil, err
		}
		answers = append(answers, answer)
	}
	return answers[1:], nil
}

func readAnswer(in *bufio.Reader) (string, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	switch line[0] {
	case '-':
		return "", errors.New(line)
	case '$':
		n, err := strconv.Atoi(line[1:])
		if err != nil || n < 0 {
			return "", err
		}
		b := make([]byte, n+2)
		_, err = io.ReadFull(in, b)
		return string(b[:n]), err
	}
	return line[1:], nil
}
