package servertest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Postgres is a PostgreSQL server with a data folder of its own. Its superuser
// is postgres, without a password.
type Postgres struct {
	*Process

	t    testing.TB
	o    PostgresOptions
	as   *syscall.Credential
	data string
}

// PostgresOptions of [StartPostgres].
type PostgresOptions struct {
	// Durable servers wait for the disk at each commit, as real ones do: for tests
	// that kill it. The others lose what they had if they are killed.
	Durable bool
	// Settings besides, of postgresql.conf: "max_connections=50".
	Settings []string
}

// StartPostgres makes a data folder and starts a server on it until the test ends.
func StartPostgres(t testing.TB, o PostgresOptions) *Postgres {
	t.Helper()
	initdb := Program(t, "initdb", "postgresql")
	p := &Postgres{t: t, o: o, as: unprivileged(t, "postgres")}
	p.data = filepath.Join(p.folder(), "data")
	p.command(initdb, "-D", p.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
	p.start(FreeAddr(t))
	return p
}

// folder is a new one that the server's user can write to. t.TempDir is closed to
// others, above it too.
func (p *Postgres) folder() string {
	p.t.Helper()
	dir, err := os.MkdirTemp("", "pawl-postgres-")
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if p.as != nil {
		if err := os.Chown(dir, int(p.as.Uid), int(p.as.Gid)); err != nil {
			p.t.Fatal(err)
		}
	}
	return dir
}

// unprivileged gives the user as whom to run a server that refuses root; nil
// where the test is not root.
func unprivileged(t testing.TB, name string) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(uidErr, gidErr); err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// command runs one of PostgreSQL's tools.
func (p *Postgres) command(program string, args ...string) {
	p.t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = filepath.Dir(p.data)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.as}
	if out, err := cmd.CombinedOutput(); err != nil {
		p.t.Fatalf("%s: %v\n%s", program, err, out)
	}
}

func (p *Postgres) start(addr string) {
	p.t.Helper()
	host, port := split(p.t, addr)
	args := []string{"-D", p.data}
	for _, set := range append([]string{
		"listen_addresses=" + host, "port=" + port, "unix_socket_directories=" + filepath.Dir(p.data),
		"max_connections=300", "shared_buffers=64MB", "max_wal_size=256MB", "log_checkpoints=off", "wal_level=replica", "hot_standby=on",
		fmt.Sprintf("fsync=%v", p.o.Durable), fmt.Sprintf("full_page_writes=%v", p.o.Durable),
	}, p.o.Settings...) {
		args = append(args, "-c", set)
	}
	p.Process = Start(p.t, addr, Options{As: p.as, Dir: filepath.Dir(p.data), Ready: p.ready(host, port)}, Program(p.t, "postgres", "postgresql"), args...)
	p.t.Cleanup(p.Kill)
}

// ready asks the server itself: it listens before it answers.
func (p *Postgres) ready(host, port string) func() error {
	isready := Program(p.t, "pg_isready", "postgresql")
	return func() error { return exec.Command(isready, "-q", "-h", host, "-p", port).Run() }
}

// URL names a database of the server.
func (p *Postgres) URL(database string) string {
	return "postgres://postgres@" + p.Addr + "/" + database + "?sslmode=disable"
}

// Stop shuts the server down: it breaks off what clients do, and keeps everything.
func (p *Postgres) Stop() { p.Process.Stop(syscall.SIGINT) }

// Kill breaks the server off as a crash does: what it had not written is lost. It
// ends all its processes, each of which is a group of its own.
func (p *Postgres) Kill() { p.Process.Stop(syscall.SIGQUIT) }

// Restart starts the server again, on the same address and data. One that runs
// still is stopped first.
func (p *Postgres) Restart() {
	p.t.Helper()
	p.Stop()
	p.start(p.Addr)
}

// Promote makes a standby a server of its own, and waits until it takes writes.
func (p *Postgres) Promote() {
	p.t.Helper()
	p.command(Program(p.t, "pg_ctl", "postgresql"), "promote", "-D", p.data, "-w")
}

// Exec runs SQL in a database and gives what psql prints: rows, with | between
// the columns.
func (p *Postgres) Exec(database, sql string) string {
	p.t.Helper()
	out, err := exec.Command(Program(p.t, "psql", "postgresql-client"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", sql, p.URL(database)).CombinedOutput()
	if err != nil {
		p.t.Fatalf("%s: %v\n%s", sql, err, out)
	}
	return strings.TrimSpace(string(out))
}
