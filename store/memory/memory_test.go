package memory_test

import (
	"testing"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/store/memory"
	"github.com/pawlauth/pawl/store/storetest"
)

func open(testing.TB) storetest.Backend {
	s := memory.New()
	node := storetest.Node{Sessions: s, Users: s, Keys: s, Audit: s, Clients: s}
	return storetest.Backend{Node: node, Second: node}
}

func openThrottle(testing.TB) pawl.Throttle { return memory.NewThrottle() }

func TestStore(t *testing.T)      { storetest.Run(t, open) }
func TestRecords(t *testing.T)    { storetest.Records(t, open) }
func TestThrottle(t *testing.T)   { storetest.Throttle(t, openThrottle) }
func BenchmarkStore(b *testing.B) { storetest.Bench(b, open) }
