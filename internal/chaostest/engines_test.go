package chaostest

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"
)

// engine is a store that nodes share.
type engine struct {
	// role is that of a node which reaches the store by the addresses given: one
	// for each of addrs, in their order.
	role  func(addrs []string) role
	addrs []string // of the store's servers; empty: nothing is in between
	clock bool     // it has one
	// faults are those of the store itself, in a run.
	faults []fault
	// restart takes the store away, in order or as a power cut does; up brings it
	// back with its data. nil: it cannot be away.
	restart func(kill bool) (up func())
	// lose has the store fail over to a copy that has nothing of what was written
	// during the call in between. nil: there is no copy.
	lose func(h *house, during func())
}

// sqliteEngine is the embedded store: nodes on one machine share its file.
func sqliteEngine(t *testing.T) engine {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pawl.db")
	return engine{role: func([]string) role { return role{Database: path} }}
}

func TestChaosSQLite(t *testing.T) {
	chaos(t, sqliteEngine, usual())
}

func TestFailuresSQLite(t *testing.T) {
	failures(t, sqliteEngine)
}

// restarts are the faults of an engine that can be away.
func restarts() []fault {
	away := func(name string, kill bool) fault {
		return fault{name: name, do: func(ctx context.Context, h *house, lot *rand.Rand) {
			up := h.engine.restart(kill)
			pause(ctx, time.Duration(lot.IntN(500))*time.Millisecond)
			up()
		}}
	}
	return []fault{away("store restarted", false), away("store killed", true)}
}

// losses are those of one that fails over.
func losses() []fault {
	return []fault{{name: "fail-over that loses writes", do: func(ctx context.Context, h *house, lot *rand.Rand) {
		h.engine.lose(h, func() { pause(ctx, time.Duration(300+lot.IntN(700))*time.Millisecond) })
	}}}
}

// moved points all nodes to another server.
func (h *house) moved(server int, addr string) {
	h.engine.addrs[server] = addr
	for _, n := range h.nodes {
		n.back[server].Target(addr)
		n.back[server].Cut()
	}
}
