package servertest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// PgBouncer is a pooler in transaction mode: a client has a connection of the
// server's for a transaction, and then any other.
type PgBouncer struct {
	*Process

	t    testing.TB
	file string // its configuration
}

// StartPgBouncer starts a pooler in front of the server until the test ends.
func StartPgBouncer(t testing.TB, pg *Postgres) *PgBouncer {
	t.Helper()
	program := Program(t, "pgbouncer", "pgbouncer")
	b := &PgBouncer{t: t, file: filepath.Join(pg.folder(), "pgbouncer.ini")}
	addr := FreeAddr(t)
	b.configure(addr, pg)
	b.Process = Start(t, addr, Options{As: pg.as, Dir: filepath.Dir(b.file)}, program, b.file)
	return b
}

func (b *PgBouncer) configure(addr string, pg *Postgres) {
	b.t.Helper()
	host, port := split(b.t, addr)
	pgHost, pgPort := split(b.t, pg.Addr)
	config := strings.Join([]string{
		"[databases]",
		fmt.Sprintf("* = host=%s port=%s user=postgres", pgHost, pgPort),
		"[pgbouncer]",
		"listen_addr = " + host, "listen_port = " + port, "unix_socket_dir =",
		"auth_type = any", "pool_mode = transaction", "max_client_conn = 1000", "default_pool_size = 8", "server_idle_timeout = 5", "server_login_retry = 1",
		"log_connections = 0", "log_disconnections = 0", "ignore_startup_parameters = extra_float_digits",
	}, "\n") + "\n"
	if err := os.WriteFile(b.file, []byte(config), 0o644); err != nil { // the pooler reads it as another user
		b.t.Fatal(err)
	}
}

// Point turns the pooler to another server, as after a fail-over: clients keep
// their connections, and find themselves there with their next transaction.
func (b *PgBouncer) Point(pg *Postgres) {
	b.t.Helper()
	b.configure(b.Addr, pg)
	b.Signal(syscall.SIGHUP)
}

// URL names a database of the server behind the pooler.
func (b *PgBouncer) URL(database string) string {
	return "postgres://postgres@" + b.Addr + "/" + database + "?sslmode=disable"
}

func split(t testing.TB, addr string) (host, port string) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}
