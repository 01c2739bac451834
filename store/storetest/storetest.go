// Package storetest is the one suite that every store passes, whole: nothing in
// it is optional. To plug a store in:
//
//	func open(t testing.TB) storetest.Backend {
//		s := newStore(t)
//		node := storetest.Node{Sessions: s, Users: s, Keys: s, Audit: s, Clients: s}
//		return storetest.Backend{Node: node, Second: node} // or another process's view
//	}
//	func TestStore(t *testing.T)      { storetest.Run(t, open) }
//	func BenchmarkStore(b *testing.B) { storetest.Bench(b, open) }
//
// A throttle has a suite of its own, [Throttle]. A store that has some of the
// roles, sessions say, has no others to test: it fills in those of a Node that it
// is, and runs their suites one by one, each whole ([Sessions], and [Bench], which
// is about sessions alone).
//
// Tests take their time from a fixed moment: stores must not read a clock to
// judge what they are given.
package storetest

import (
	"testing"

	"github.com/pawlauth/pawl"
)

// Node is a handle on a store, as one process has it.
type Node struct {
	Sessions pawl.SessionStore
	Users    pawl.UserStore
	Keys     pawl.KeyStore
	Audit    pawl.AuditStore
	Clients  pawl.ClientStore
}

// Backend is a new, empty store.
type Backend struct {
	Node
	// Second is another handle on the same data, where the engine serves several
	// processes; else the same handle again.
	Second Node
}

// Open makes a new, empty store, which t cleans up.
type Open func(t testing.TB) Backend

// Run runs the suite.
func Run(t *testing.T, open Open) {
	t.Run("Sessions", func(t *testing.T) { Sessions(t, open) })
	t.Run("Users", func(t *testing.T) { Users(t, open) })
	t.Run("Keys", func(t *testing.T) { Keys(t, open) })
	t.Run("Audit", func(t *testing.T) { Audit(t, open) })
	t.Run("Clients", func(t *testing.T) { Clients(t, open) })
}
