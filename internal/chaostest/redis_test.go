package chaostest

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pawlauth/pawl/internal/servertest"
)

// redisRole keeps users and keys where nothing fails: what is tested is Redis.
func redisRole(t *testing.T, url func(addrs []string) string) func([]string) role {
	path := filepath.Join(t.TempDir(), "pawl.db")
	return func(addrs []string) role { return role{Database: path, Sessions: url(addrs)} }
}

// redisEngine is one server with an append-only file.
func redisEngine(t *testing.T) engine {
	t.Helper()
	r := servertest.StartRedis(t)
	e := engine{addrs: []string{r.Addr}, clock: true}
	e.role = redisRole(t, func(addrs []string) string { return "redis://" + addrs[0] })
	e.restart = func(kill bool) func() {
		if kill {
			r.Kill()
		} else {
			r.Stop(syscall.SIGTERM)
		}
		return r.Restart
	}
	e.faults = restarts()
	return e
}

func TestChaosRedis(t *testing.T) {
	chaos(t, redisEngine, usual())
}

func TestFailuresRedis(t *testing.T) {
	failures(t, redisEngine)
}

// sentinelEngine is a primary and a replica under Sentinel, which nodes ask where
// the primary is: there is no place for a proxy.
func sentinelEngine(t *testing.T) engine {
	t.Helper()
	s := servertest.StartSentinel(t, 1)
	s.DownAfter(2 * time.Second)
	e := engine{clock: true, role: redisRole(t, func([]string) string { return s.URL })}
	kill := func() {
		killed, _ := s.KillMaster()
		killed.Restart()
		s.Settle()
	}
	e.lose = func(h *house, during func()) {
		s.Settle()
		defer h.sum.losing()()
		s.Master().CutReplicas()
		during()
		kill()
	}
	e.faults = append(losses(),
		fault{name: "primary killed", do: func(_ context.Context, h *house, _ *rand.Rand) {
			defer h.sum.losing()()
			kill()
		}},
		fault{name: "primary handed over", do: func(_ context.Context, h *house, _ *rand.Rand) {
			defer h.sum.losing()()
			s.FailOver()
			s.Settle()
		}, quiet: true},
		fault{name: "primary silent", do: func(ctx context.Context, h *house, _ *rand.Rand) {
			defer h.sum.losing()() // a busy Sentinel may find that long
			m := s.Master()
			m.Signal(syscall.SIGSTOP)
			pause(ctx, 500*time.Millisecond)
			m.Signal(syscall.SIGCONT)
			s.Settle()
		}},
	)
	return e
}

// cluster is a Cluster whose first three nodes are the primaries, whatever they
// began as.
type cluster struct {
	*servertest.Cluster
	t *testing.T
}

const primaries = 3

// clusterEngine is a Cluster of three primaries and three replicas.
func clusterEngine(t *testing.T) engine {
	t.Helper()
	c := &cluster{servertest.StartCluster(t, "--cluster-replica-validity-factor", "0"), t}
	e := engine{clock: true, role: redisRole(t, func([]string) string { return c.URL })}
	e.lose = func(h *house, during func()) {
		defer h.sum.losing()()
		for i := range primaries {
			c.Nodes[i].CutReplicas()
		}
		during()
		for i := range primaries {
			c.kill(i)
		}
	}
	e.faults = []fault{
		{name: "fail-over that loses writes", do: func(ctx context.Context, h *house, lot *rand.Rand) {
			i := lot.IntN(primaries)
			defer h.sum.losing()()
			c.Nodes[i].CutReplicas()
			pause(ctx, time.Duration(300+lot.IntN(700))*time.Millisecond)
			c.kill(i)
		}},
		{name: "primary killed", do: func(_ context.Context, h *house, lot *rand.Rand) {
			defer h.sum.losing()()
			c.kill(lot.IntN(primaries))
		}},
		{name: "slots migrated", do: func(_ context.Context, _ *house, lot *rand.Rand) { c.migrate(lot) }, quiet: true},
		{name: "primary silent", do: func(ctx context.Context, h *house, lot *rand.Rand) {
			defer h.sum.losing()() // busy nodes may find that long
			i := lot.IntN(primaries)
			m := c.Nodes[i]
			m.Signal(syscall.SIGSTOP)
			pause(ctx, 400*time.Millisecond)
			m.Signal(syscall.SIGCONT)
			c.settle(i)
		}},
	}
	return e
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

func TestChaosSentinel(t *testing.T) {
	chaos(t, sentinelEngine, usual())
}

func TestChaosCluster(t *testing.T) {
	chaos(t, clusterEngine, usual())
}

func TestFailuresSentinel(t *testing.T) {
	failures(t, sentinelEngine)
}

func TestFailuresCluster(t *testing.T) {
	failures(t, clusterEngine)
}
