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
	// mapped: the servers tell clients where to connect. A node is given their own
	// addresses, and maps each of them to its proxy.
	mapped bool
	parts  []part // of the servers, from which a node can be cut off alone
	clock  bool   // it has one
	// durable: no fail-over loses anything that was answered.
	durable bool
	// faults are those of the store itself, in a run.
	faults []fault
	// restart takes the store away, in order or as a power cut does; up brings it
	// back with its data. nil: it cannot be away.
	restart func(kill bool) (up func())
	// fails has the store, or some of its servers, fail over in a run, losing what
	// is written during the call in between, if the engine can lose anything. nil:
	// there is no copy.
	fails func(h *house, lot *rand.Rand, during func())
	// lose has all of the store fail over to a copy that has nothing of what was
	// written during the call in between. nil: there is no such copy.
	lose func(h *house, during func())
	// comeBack is as lose, but what has failed can take over again, with its data
	// and with nothing of what was written since. nil: it does not.
	comeBack func(h *house, during func()) (back func())
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
	return []fault{{name: "fail-over that loses writes", do: failOver}}
}

// moved points all nodes to another server.
func (h *house) moved(server int, addr string) {
	h.engine.addrs[server] = addr
	for _, n := range h.nodes {
		n.back[server].Target(addr)
		n.back[server].Cut()
	}
}
