package servertest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// PgBouncer is a pooler in transaction mode: a client has a connection of the
// server's for a transaction, and then any other.
type PgBouncer struct {
	*Process
}

// StartPgBouncer starts a pooler in front of the server until the test ends.
func StartPgBouncer(t testing.TB, pg *Postgres) *PgBouncer {
	t.Helper()
	program := Program(t, "pgbouncer", "pgbouncer")
	addr := FreeAddr(t)
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	pgHost, pgPort, err := net.SplitHostPort(pg.Addr)
	if err != nil {
		t.Fatal(err)
	}
	config := strings.Join([]string{
		"[databases]",
		fmt.Sprintf("* = host=%s port=%s user=postgres", pgHost, pgPort),
		"[pgbouncer]",
		"listen_addr = " + host, "listen_port = " + port, "unix_socket_dir =",
		"auth_type = any", "pool_mode = transaction", "max_client_conn = 1000", "default_pool_size = 8", "server_idle_timeout = 5", "server_login_retry = 1",
		"log_connections = 0", "log_disconnections = 0", "ignore_startup_parameters = extra_float_digits",
	}, "\n") + "\n"
	file := filepath.Join(pg.folder(), "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	return &PgBouncer{Start(t, addr, Options{As: pg.as, Dir: filepath.Dir(file)}, program, file)}
}

// URL names a database of the server behind the pooler.
func (b *PgBouncer) URL(database string) string {
	return "postgres://postgres@" + b.Addr + "/" + database + "?sslmode=disable"
}
