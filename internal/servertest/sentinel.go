package servertest

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// masterName is what the Sentinels call the primary.
const masterName = "pawl"

// Sentinel is a primary, its replicas, and three Sentinels that watch over them.
type Sentinel struct {
	URL   string   // names the Sentinels and the primary, as store/redis takes it
	Nodes []*Redis // the first one began as the primary

	t       testing.TB
	watches []*Process
}

// StartSentinel runs one primary, so many replicas, and three Sentinels, until
// the test ends. A primary that does not answer for half a second is given up.
// args are those of the servers, as in [StartRedis].
func StartSentinel(t testing.TB, replicas int, args ...string) *Sentinel {
	t.Helper()
	args = append([]string{"--repl-diskless-sync-delay", "0"}, args...)
	s := &Sentinel{t: t, Nodes: []*Redis{StartRedis(t, args...)}}
	host, port, _ := net.SplitHostPort(s.Nodes[0].Addr)
	for range replicas {
		s.Nodes = append(s.Nodes, StartRedis(t, append([]string{"--replicaof", host + " " + port}, args...)...))
	}
	for _, n := range s.Nodes[1:] {
		n.awaitReplication("master_link_status:up")
	}
	for range 3 {
		s.watches = append(s.watches, startWatch(t, host, port))
	}
	for _, w := range s.watches {
		Await(t, func() error {
			out, err := redisCLI(t, w.Addr, "SENTINEL", "MASTER", masterName)
			fields := strings.Fields(out)
			if err == nil && (field(fields, "num-other-sentinels") != "2" || field(fields, "num-slaves") != fmt.Sprint(replicas)) {
				err = fmt.Errorf("the Sentinels do not know each other yet:\n%s", out)
			}
			return err
		})
	}
	q := url.Values{"sentinel": {masterName}, "addr": {s.watches[1].Addr, s.watches[2].Addr}}
	s.URL = "redis://" + s.watches[0].Addr + "/0?" + q.Encode()
	return s
}

func startWatch(t testing.TB, host, port string) *Process {
	t.Helper()
	addr := FreeAddr(t)
	_, own, _ := net.SplitHostPort(addr)
	dir := t.TempDir()
	file := filepath.Join(dir, "sentinel.conf")
	conf := fmt.Sprintf("bind 127.0.0.1\nport %[1]s\ndir %[2]s\nsentinel monitor %[3]s %[4]s %[5]s 2\n"+
		"sentinel down-after-milliseconds %[3]s 500\nsentinel failover-timeout %[3]s 3000\n", own, dir, masterName, host, port)
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	return Start(t, addr, Options{}, redisServer(t), file, "--sentinel")
}

// Watches returns the addresses of the Sentinels.
func (s *Sentinel) Watches() (addrs []string) {
	for _, w := range s.watches {
		addrs = append(addrs, w.Addr)
	}
	return addrs
}

// AwaitKnown waits until a server that has come back is a replica, and every
// Sentinel has seen that: only then it may be promoted.
func (s *Sentinel) AwaitKnown(r *Redis) {
	s.t.Helper()
	r.AwaitReplica()
	for _, w := range s.watches {
		Await(s.t, func() error {
			out, err := redisCLI(s.t, w.Addr, "SENTINEL", "REPLICAS", masterName)
			if err == nil && !electable(out, r.Addr) {
				err = fmt.Errorf("a Sentinel does not know that %s follows:\n%s", r.Addr, out)
			}
			return err
		})
	}
}

// electable reports whether the list of replicas has one at the address that is
// not down, and has told what it is since it came back.
func electable(list, addr string) bool {
	for _, one := range strings.Split(list, "\nname\n") {
		fields := strings.Fields(one)
		if net.JoinHostPort(field(fields, "ip"), field(fields, "port")) == addr {
			return field(fields, "flags") == "slave" && field(fields, "role-reported") == "slave"
		}
	}
	return false
}

// field gives what follows the name in a flat list.
func field(list []string, name string) string {
	for i := 0; i+1 < len(list); i++ {
		if list[i] == name {
			return list[i+1]
		}
	}
	return ""
}

// Master is the primary, by the Sentinels' word.
func (s *Sentinel) Master() *Redis {
	s.t.Helper()
	var master *Redis
	Await(s.t, func() error {
		out, err := redisCLI(s.t, s.watches[0].Addr, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", masterName)
		addr := strings.Join(strings.Fields(out), ":")
		for _, n := range s.Nodes {
			if n.Addr == addr {
				master = n
				return nil
			}
		}
		return errors.Join(err, fmt.Errorf("no primary: %s", out))
	})
	return master
}

// DownAfter sets for how long a primary may be silent before it is given up. A
// busy machine alone can keep one silent for half a second.
func (s *Sentinel) DownAfter(d time.Duration) {
	s.t.Helper()
	for _, w := range s.watches {
		if out, err := redisCLI(s.t, w.Addr, "SENTINEL", "SET", masterName, "down-after-milliseconds", strconv.FormatInt(d.Milliseconds(), 10)); err != nil {
			s.t.Fatal(out, err)
		}
	}
}

// Settle waits until every server that runs, but the primary, has all that the
// primary has, and follows it: a fail-over before that loses more.
func (s *Sentinel) Settle() {
	s.t.Helper()
	for _, n := range s.Nodes {
		Await(s.t, func() error {
			master := s.Master() // on a busy machine there may be another one meanwhile
			_, port, _ := net.SplitHostPort(master.Addr)
			out, err := redisCLI(s.t, n.Addr, "INFO", "replication")
			if n != master && n.runs() && !(strings.Contains(out, "master_port:"+port) && strings.Contains(out, "master_link_status:up")) {
				return errors.Join(err, fmt.Errorf("%s does not follow the primary yet:\n%s", n.Addr, out))
			}
			return nil
		})
	}
}

// FailOver has the Sentinels promote a replica while the primary lives, and waits
// until it is the primary.
func (s *Sentinel) FailOver() *Redis {
	s.t.Helper()
	before := s.Master()
	Await(s.t, func() error { // they refuse while the one before is under way
		_, err := redisCLI(s.t, s.watches[0].Addr, "SENTINEL", "FAILOVER", masterName)
		return err
	})
	return s.awaitAnother(before)
}

// KillMaster kills the primary, and waits until a replica has taken its place. It
// gives both: the one that was killed comes back, as a replica, by Restart.
func (s *Sentinel) KillMaster() (killed, promoted *Redis) {
	s.t.Helper()
	killed = s.Master()
	killed.Kill()
	return killed, s.awaitAnother(killed)
}

func (s *Sentinel) awaitAnother(before *Redis) *Redis {
	s.t.Helper()
	var now *Redis
	Await(s.t, func() error {
		if now = s.Master(); now == before {
			return fmt.Errorf("%s is the primary still", before.Addr)
		}
		return nil
	})
	now.awaitReplication("role:master")
	return now
}

// awaitReplication waits until INFO says so of it.
func (r *Redis) awaitReplication(line string) {
	r.t.Helper()
	Await(r.t, func() error {
		out, err := redisCLI(r.t, r.Addr, "INFO", "replication")
		if err == nil && !strings.Contains(out, line) {
			err = fmt.Errorf("%s does not say %q:\n%s", r.Addr, line, out)
		}
		return err
	})
}

// Await waits until f gives nil.
func Await(t testing.TB, f func() error) {
	t.Helper()
	err := f()
	for deadline := time.Now().Add(patience); err != nil && time.Now().Before(deadline); err = f() {
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
}
