package chaostest

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pawlauth/pawl/internal/servertest"
)

// synchronous is PostgreSQL with a standby for which each commit waits. There is
// always one: each fail-over is followed by a new standby.
type synchronous struct {
	t                *testing.T
	primary, standby *servertest.Postgres
}

func syncEngine(t *testing.T) engine {
	t.Helper()
	e, _ := startSynchronous(t)
	return e
}

func startSynchronous(t *testing.T) (engine, *synchronous) {
	t.Helper()
	s := &synchronous{t: t}
	s.primary = servertest.StartPostgres(t, servertest.PostgresOptions{Durable: true, Settings: servertest.Synchronous()})
	s.follow()
	e := engine{addrs: []string{s.primary.Addr}, clock: true, durable: true, restart: s.restart}
	e.role = func(addrs []string) role {
		url := "postgres://postgres@" + addrs[0] + "/postgres?sslmode=disable"
		return role{Database: url, Listen: url}
	}
	e.fails = func(h *house, _ *rand.Rand, during func()) { s.failOver(h, during) }
	e.faults = append(restarts(),
		fault{name: "fail-over to the synchronous standby", do: failOver},
		fault{name: "synchronous standby stalls", do: func(ctx context.Context, _ *house, lot *rand.Rand) {
			defer s.standby.Freeze()()
			pause(ctx, time.Duration(500+lot.IntN(1500))*time.Millisecond)
		}},
		fault{name: "synchronous standby stalls, then a fail-over", do: func(ctx context.Context, h *house, lot *rand.Rand) {
			s.stalled(h, func() { pause(ctx, time.Duration(500+lot.IntN(1500))*time.Millisecond) })
		}},
	)
	return e, s
}

// follow gives the primary a new standby.
func (s *synchronous) follow() {
	s.t.Helper()
	s.standby = s.primary.Standby(s.t)
	s.primary.AwaitSynchronous()
}

func (s *synchronous) restart(kill bool) (up func()) {
	if kill {
		s.primary.Kill()
	} else {
		s.primary.Stop()
	}
	return func() {
		s.primary.Restart()
		s.primary.AwaitSynchronous()
	}
}

// failOver kills the primary right after the call, with nothing cut before.
func (s *synchronous) failOver(h *house, during func()) {
	during()
	s.promote(h)
	s.follow()
}

// stalled has the standby receive nothing during the call, and then take over.
// Nothing that was answered is lost; what was not may be.
func (s *synchronous) stalled(h *house, during func()) {
	defer h.sum.stalling()()
	s.standby.Stall()
	during()
	s.promote(h)
	s.follow()
}

func (s *synchronous) promote(h *house) {
	s.primary.Kill()
	s.standby.Promote()
	s.primary = s.standby
	h.moved(0, s.primary.Addr)
}

func TestChaosPostgresSync(t *testing.T) {
	chaos(t, syncEngine, usual())
}
