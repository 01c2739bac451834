package chaostest

import (
	"context"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/pawlauth/pawl/internal/servertest"
)

// sentinelEngine is a primary and a replica under Sentinel, which nodes ask where
// the primary is.
func sentinelEngine(t *testing.T) engine {
	t.Helper()
	s := &sentinel{servertest.StartSentinel(t, 1)}
	// A busy machine alone can keep a primary silent for a while; and Sentinels promote
	// no replica that was without its primary for ten times as long.
	s.DownAfter(5 * time.Second)
	e := engine{clock: true, mapped: true, role: redisRole(t, func([]string) string { return s.URL })}
	e.addrs = s.Watches()
	for _, n := range s.Nodes {
		e.addrs = append(e.addrs, n.Addr)
	}
	e.parts = []part{
		{"node cut off from the Sentinels", func(*rand.Rand) []string { return s.Watches() }},
		{"node cut off from the primary", func(*rand.Rand) []string { return []string{s.Master().Addr} }},
	}
	e.lose, e.comeBack = s.lose, s.comeBack
	e.fails = func(h *house, _ *rand.Rand, during func()) { s.lose(h, during) }
	e.faults = append(losses(),
		fault{name: "primary killed", do: func(_ context.Context, h *house, _ *rand.Rand) {
			defer h.sum.losing()()
			s.kill()
		}},
		fault{name: "primary handed over", do: func(_ context.Context, h *house, _ *rand.Rand) {
			defer h.sum.losing()()
			s.FailOver()
			s.Settle()
		}, quiet: true},
		fault{name: "primary silent", do: s.silent},
	)
	return e
}

type sentinel struct{ *servertest.Sentinel }

// kill has the replica take over. What was killed comes back as its replica.
func (s *sentinel) kill() {
	killed, _ := s.KillMaster()
	killed.Restart()
	s.Settle()
}

func (s *sentinel) lose(h *house, during func()) {
	s.Settle()
	defer h.sum.losing()()
	s.Master().CutReplicas()
	during()
	s.kill()
}

// comeBack restarts what was killed without letting it have what its successor
// has, and kills that.
func (s *sentinel) comeBack(h *house, during func()) (back func()) {
	s.Settle()
	over := h.sum.losing()
	s.Master().CutReplicas()
	during()
	old, now := s.KillMaster()
	now.KeepFromReplicas()
	return func() {
		old.Restart()
		s.AwaitKnown(old)
		now.Kill()
		old.AwaitPrimary()
		over()
		now.Restart()
		s.Settle()
	}
}

// silent: a busy Sentinel may find that long, and fail over.
func (s *sentinel) silent(ctx context.Context, h *house, _ *rand.Rand) {
	defer h.sum.losing()()
	m := s.Master()
	m.Signal(syscall.SIGSTOP)
	pause(ctx, 500*time.Millisecond)
	m.Signal(syscall.SIGCONT)
	s.Settle()
}

func TestChaosSentinel(t *testing.T) {
	chaos(t, sentinelEngine, usual())
}

func TestFailuresSentinel(t *testing.T) {
	failures(t, sentinelEngine)
}
