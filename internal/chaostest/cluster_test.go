package chaostest

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pawlauth/pawl/internal/servertest"
)

// cluster is a Cluster whose first three nodes are the primaries, whatever they
// began as.
type cluster struct {
	*servertest.Cluster
	t *testing.T
}

const primaries = 3

// clusterEngine is a Cluster of three primaries and three replicas, which tell
// clients where each slot is.
func clusterEngine(t *testing.T) engine {
	t.Helper()
	c := &cluster{servertest.StartCluster(t, "--cluster-replica-validity-factor", "0"), t}
	e := engine{clock: true, mapped: true, role: redisRole(t, func([]string) string { return c.URL })}
	for _, n := range c.Nodes {
		e.addrs = append(e.addrs, n.Addr)
	}
	e.parts = []part{{"node cut off from a primary", func(lot *rand.Rand) []string {
		return []string{c.Nodes[lot.IntN(primaries)].Addr}
	}}}
	e.lose, e.comeBack = c.lose, c.comeBack
	e.fails = func(h *house, lot *rand.Rand, during func()) { c.loseOne(h, lot.IntN(primaries), during) }
	e.faults = append(losses(),
		fault{name: "primary killed", do: func(_ context.Context, h *house, lot *rand.Rand) {
			defer h.sum.losing()()
			c.kill(lot.IntN(primaries))
		}},
		fault{name: "slots migrated", do: func(_ context.Context, _ *house, lot *rand.Rand) { c.migrate(lot) }, quiet: true},
		fault{name: "primary silent", do: c.silent},
	)
	return e
}

// loseOne has one of the primaries lose what is written meanwhile.
func (c *cluster) loseOne(h *house, i int, during func()) {
	defer h.sum.losing()() // what is written before this is there when it is copied
	c.cut(i)
	during()
	c.kill(i)
}

// cut lets the i-th primary's replica have nothing of what is written from now on.
func (c *cluster) cut(i int) {
	c.settle(i)
	c.Nodes[i].AwaitCopied()
	c.Nodes[i].CutReplicas()
}

// lose has all of them.
func (c *cluster) lose(h *house, during func()) {
	defer h.sum.losing()()
	for i := range primaries {
		c.cut(i)
	}
	during()
	for i := range primaries {
		c.kill(i)
	}
}

// comeBack restarts what was killed without letting it have what its successor
// has, and kills that, one pair after the other.
func (c *cluster) comeBack(h *house, during func()) (back func()) {
	over := h.sum.losing()
	for i := range primaries {
		c.cut(i)
	}
	during()
	for i := range primaries {
		old, now := c.KillMaster(i)
		now.KeepFromReplicas()
		old.Restart() // the others are not whole without it
		old.AwaitReplica()
	}
	return func() {
		for i := range primaries {
			old, now := c.Nodes[i], c.Nodes[primaries+i]
			now.Kill()
			old.AwaitPrimary()
			now.Restart()
			c.settle(i)
		}
		over()
	}
}

// silent: busy nodes may find that long, and fail over.
func (c *cluster) silent(ctx context.Context, h *house, lot *rand.Rand) {
	defer h.sum.losing()()
	i := lot.IntN(primaries)
	m := c.Nodes[i]
	m.Signal(syscall.SIGSTOP)
	pause(ctx, 400*time.Millisecond)
	m.Signal(syscall.SIGCONT)
	c.settle(i)
}

// kill has the i-th primary's replica take its place. What was killed comes back
// as the replica of that.
func (c *cluster) kill(i int) {
	killed, _ := c.KillMaster(i)
	killed.Restart()
	c.settle(i)
}

// settle waits until the pair is a primary and its replica, and puts the primary
// first.
func (c *cluster) settle(i int) {
	servertest.Await(c.t, func() error {
		one, other := c.Nodes[i], c.Nodes[primaries+i]
		if !strings.Contains(one.Do("INFO", "replication"), "role:master") {
			one, other = other, one
		}
		_, port, _ := net.SplitHostPort(one.Addr)
		if out := other.Do("INFO", "replication"); !strings.Contains(out, "master_port:"+port) || !strings.Contains(out, "master_link_status:up") {
			return errors.New(other.Addr + " is no replica yet")
		}
		c.Nodes[i], c.Nodes[primaries+i] = one, other
		return nil
	})
}

// migrate moves a few slots that have keys.
func (c *cluster) migrate(lot *rand.Rand) {
	for range 4 {
		from := lot.IntN(primaries)
		to := (from + 1 + lot.IntN(primaries-1)) % primaries
		if key := c.Nodes[from].Do("RANDOMKEY"); key != "" {
			c.MoveSlot(c.Nodes[from].Do("CLUSTER", "KEYSLOT", key), c.Nodes[from], c.Nodes[to])
		}
	}
}

func TestChaosCluster(t *testing.T) {
	chaos(t, clusterEngine, usual())
}

func TestFailuresCluster(t *testing.T) {
	failures(t, clusterEngine)
}
