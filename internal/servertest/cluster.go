package servertest

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// Cluster is a Redis Cluster of three primaries that share the slots evenly, and
// a replica of each.
type Cluster struct {
	URL   string   // names the primaries, as store/redis takes it
	Nodes []*Redis // three primaries, and their replicas in the same order

	t   testing.TB
	ids map[*Redis]string
}

const (
	masters = 3
	slots   = 16384
)

// StartCluster runs six servers until the test ends. A node that does not answer
// for a second is given up. args are those of the servers, as in [StartRedis].
func StartCluster(t testing.TB, args ...string) *Cluster {
	t.Helper()
	c := &Cluster{t: t, ids: map[*Redis]string{}}
	bus := map[*Redis]string{}
	for i := range 2 * masters {
		_, port, _ := net.SplitHostPort(FreeAddr(t))
		own := []string{"--cluster-enabled", "yes", "--cluster-port", port, "--cluster-node-timeout", "1000", "--repl-diskless-sync-delay", "0"}
		n := StartRedis(t, append(own, args...)...)
		n.Do("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
		c.Nodes, c.ids[n], bus[n] = append(c.Nodes, n), n.Do("CLUSTER", "MYID"), port
	}
	for i, n := range c.Nodes[:masters] {
		n.Do("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(slots*i/masters), strconv.Itoa(slots*(i+1)/masters-1))
	}
	for _, n := range c.Nodes[1:] {
		host, port, _ := net.SplitHostPort(n.Addr)
		c.Nodes[0].Do("CLUSTER", "MEET", host, port, bus[n])
	}
	for i, n := range c.Nodes[masters:] {
		n.awaitCluster(fmt.Sprint("cluster_known_nodes:", len(c.Nodes)))
		Await(t, func() error {
			_, err := redisCLI(t, n.Addr, "CLUSTER", "REPLICATE", c.ids[c.Nodes[i]])
			return err
		})
	}
	for _, n := range c.Nodes {
		n.awaitCluster("cluster_state:ok")
	}
	for i, n := range c.Nodes[:masters] {
		n.awaitReplication("connected_slaves:1")
		c.Nodes[masters+i].awaitReplication("master_link_status:up")
	}
	c.URL = "redis://" + c.Nodes[0].Addr + "?" + url.Values{"addr": {c.Nodes[1].Addr, c.Nodes[2].Addr}}.Encode()
	return c
}

func (r *Redis) awaitCluster(line string) {
	r.t.Helper()
	Await(r.t, func() error {
		out, err := redisCLI(r.t, r.Addr, "CLUSTER", "INFO")
		if err == nil && !strings.Contains(out, line) {
			err = fmt.Errorf("%s does not say %q:\n%s", r.Addr, line, out)
		}
		return err
	})
}

// KillMaster kills the i-th primary, and waits until its replica has taken its
// place and the cluster is whole. It gives both.
func (c *Cluster) KillMaster(i int) (killed, promoted *Redis) {
	c.t.Helper()
	killed, promoted = c.Nodes[i], c.Nodes[masters+i]
	killed.Kill()
	promoted.awaitReplication("role:master")
	for _, n := range c.Nodes {
		if n != killed {
			n.awaitCluster("cluster_state:ok")
		}
	}
	return killed, promoted
}

// MoveSlot moves a slot with its keys, a few at a time, as a resharding does.
func (c *Cluster) MoveSlot(slot string, from, to *Redis) {
	c.t.Helper()
	c.BeginMove(slot, from, to)
	host, port, _ := net.SplitHostPort(to.Addr)
	for {
		keys := strings.Split(from.Do("CLUSTER", "GETKEYSINSLOT", slot, "10"), "\n")
		if keys[0] == "" {
			break
		}
		from.Do(append([]string{"MIGRATE", host, port, "", "0", "5000", "KEYS"}, keys...)...)
	}
	for _, node := range []*Redis{to, from} {
		node.Do("CLUSTER", "SETSLOT", slot, "NODE", c.ids[to])
	}
}

// BeginMove is the first step of MoveSlot: from here on keys of the slot may be on
// either side. More than once is fine.
func (c *Cluster) BeginMove(slot string, from, to *Redis) {
	c.t.Helper()
	to.Do("CLUSTER", "SETSLOT", slot, "IMPORTING", c.ids[from])
	from.Do("CLUSTER", "SETSLOT", slot, "MIGRATING", c.ids[to])
}
