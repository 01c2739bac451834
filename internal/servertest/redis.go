package servertest

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Redis is a redis-server. Its data is in a folder of its own and survives
// [Redis.Restart] as far as the server wrote it.
type Redis struct {
	*Process
	URL string // redis://host:port

	t       testing.TB
	program string
	args    []string
}

// StartRedis runs a redis-server until the test ends: with an append-only file
// that is synced at each write, and no snapshots, if args do not say otherwise
// ("--appendonly", "no").
func StartRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	return startRedisAt(t, FreeAddr(t), args...)
}

func startRedisAt(t testing.TB, addr string, args ...string) *Redis {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	own := []string{
		"--bind", host, "--port", port, "--dir", t.TempDir(), "--save", "", "--appendonly", "yes", "--appendfsync", "always",
		"--enable-debug-command", "yes",
	}
	r := &Redis{URL: "redis://" + addr, t: t, program: redisServer(t), args: append(own, args...)}
	r.Process = Start(t, addr, Options{Ready: r.answers}, r.program, r.args...)
	return r
}

// answers holds when the server has read its data.
func (r *Redis) answers() error {
	_, err := redisCLI(r.t, r.URL[len("redis://"):], "PING")
	return err
}

// Restart starts the server again, after Kill or Stop, at the same address and
// with the data that it wrote.
func (r *Redis) Restart() {
	r.t.Helper()
	r.Process = Start(r.t, r.Addr, Options{Ready: r.answers}, r.program, r.args...)
}

// Do sends a command and gives the answer, as redis-cli prints it.
func (r *Redis) Do(args ...string) string {
	r.t.Helper()
	out, err := redisCLI(r.t, r.Addr, args...)
	if err != nil {
		r.t.Fatalf("%s: %v", strings.Join(args, " "), err)
	}
	return out
}

// redisCLI asks a server.
func redisCLI(t testing.TB, addr string, args ...string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	cli := Program(t, "redis-cli", "redis-tools")
	out, err := exec.CommandContext(ctx, cli, append([]string{"-h", host, "-p", port, "-e"}, args...)...).CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil {
		return text, fmt.Errorf("%w: %s", err, text)
	}
	return text, nil
}

// CutReplicas lets no replica have what is written from now on: a fail-over loses
// it. They keep what they have, and are refused a new copy for a minute.
func (r *Redis) CutReplicas() {
	r.t.Helper()
	r.Do("CONFIG", "SET", "repl-diskless-sync-delay", "60")
	r.Do("DEBUG", "CHANGE-REPL-ID")
	r.Do("CLIENT", "KILL", "TYPE", "replica")
}

// Follow makes a server a replica of another one, and waits until it has all that
// the other one has.
func Follow(replica, primary *Redis) {
	replica.t.Helper()
	host, port, _ := net.SplitHostPort(primary.Addr)
	replica.Do("REPLICAOF", host, port)
	replica.awaitReplication("master_link_status:up")
}

// AwaitCopied waits until a replica has all that the server has when it is called:
// under load none has all that it has at any one moment.
func (r *Redis) AwaitCopied() {
	r.t.Helper()
	first := -1
	Await(r.t, func() error {
		out, err := redisCLI(r.t, r.Addr, "INFO", "replication")
		if err != nil {
			return err
		}
		if first < 0 {
			first = offset(out, `master_repl_offset:(\d+)`)
		}
		if first < 0 || offset(out, `slave\d+:.*state=online,offset=(\d+)`) < first {
			return fmt.Errorf("no replica has everything up to %d yet:\n%s", first, out)
		}
		return nil
	})
}

// offset returns the largest of what INFO says by the pattern; -1: none.
func offset(info, pattern string) int {
	largest := -1
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(info, -1) {
		if n, err := strconv.Atoi(m[1]); err == nil {
			largest = max(largest, n)
		}
	}
	return largest
}

// KeepFromReplicas has the server give no replica a copy for a long time: one that
// asks stays as it is.
func (r *Redis) KeepFromReplicas() {
	r.t.Helper()
	r.Do("CONFIG", "SET", "repl-diskless-sync-delay", "600")
}

// AwaitReplica waits until the server knows that it is a replica.
func (r *Redis) AwaitReplica() { r.awaitReplication("role:slave") }

// AwaitPrimary waits until the server is a primary.
func (r *Redis) AwaitPrimary() { r.awaitReplication("role:master") }

// Try is Do where an error is no failure of the test.
func (r *Redis) Try(args ...string) error {
	_, err := redisCLI(r.t, r.Addr, args...)
	return err
}
