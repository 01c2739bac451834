package servertest

import (
	"errors"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Standby starts a server that follows this one by streaming, and may lag.
func (p *Postgres) Standby(t testing.TB) *Postgres {
	t.Helper()
	s := &Postgres{t: t, o: p.o, as: p.as}
	s.o.Settings = append([]string{"wal_retrieve_retry_interval=100ms"}, p.o.Settings...)
	s.data = s.folder() + "/data"
	host, port := split(t, p.Addr)
	s.command(Program(t, "pg_basebackup", "postgresql"), "-D", s.data, "-h", host, "-p", port, "-U", "postgres", "-R", "-X", "stream", "-c", "fast")
	s.start(FreeAddr(t))
	return s
}

// SyncStandby starts a standby for which every commit of this server waits from
// then on.
func (p *Postgres) SyncStandby(t testing.TB) *Postgres {
	t.Helper()
	s := p.Standby(t)
	p.set("synchronous_standby_names", "*")
	p.AwaitSynchronous()
	return s
}

// AwaitSynchronous waits until a standby takes part in commits.
func (p *Postgres) AwaitSynchronous() {
	p.t.Helper()
	Await(p.t, func() error {
		if p.Exec("postgres", "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync' AND state = 'streaming'") != "1" {
			return errors.New("there is no synchronous standby")
		}
		return nil
	})
}

// set changes a setting of the running server.
func (p *Postgres) set(name, value string) {
	p.t.Helper()
	p.Exec("postgres", "ALTER SYSTEM SET "+name+" = '"+strings.ReplaceAll(value, "'", "''")+"'")
	p.Exec("postgres", "SELECT pg_reload_conf()")
}

// GoOnAlone has commits wait for no standby any more.
func (p *Postgres) GoOnAlone() {
	p.t.Helper()
	p.set("synchronous_standby_names", "")
}

// Stall has a standby receive nothing until resume is called: it gives its connection
// up.
func (p *Postgres) Stall() (resume func()) {
	p.t.Helper()
	from := p.Exec("postgres", "SHOW primary_conninfo")
	p.set("primary_conninfo", "")
	Await(p.t, func() error {
		if p.Exec("postgres", "SELECT count(*) FROM pg_stat_wal_receiver") != "0" {
			return errors.New("the standby receives")
		}
		return nil
	})
	return func() { p.set("primary_conninfo", from) }
}

// Freeze has a standby receive nothing until resume is called, over a connection
// that stays.
func (p *Postgres) Freeze() (resume func()) {
	p.t.Helper()
	pid, err := strconv.Atoi(p.Exec("postgres", "SELECT pid FROM pg_stat_wal_receiver"))
	if err == nil {
		err = syscall.Kill(pid, syscall.SIGSTOP)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return func() { _ = syscall.Kill(pid, syscall.SIGCONT) }
}

// Synchronous are the settings of servers each of whose commits waits for one
// standby. They hold after a fail-over, too.
func Synchronous() []string {
	return []string{"cluster_name=copy", "synchronous_standby_names=copy", "wal_retrieve_retry_interval=200ms"}
}
