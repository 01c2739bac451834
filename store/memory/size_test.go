package memory_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/pawlauth/pawl/store/memory"
	"github.com/pawlauth/pawl/store/storetest"
)

// BenchmarkSize measures what a session takes in memory. Say how many with
// -storetest.sessions.
func BenchmarkSize(b *testing.B) {
	for b.Loop() {
		before := heap()
		s := memory.New()
		n := storetest.SessionCount()
		storetest.Seed(b, s, n, time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC))
		b.ReportMetric(float64(heap()-before)/float64(n), "B/session")
		runtime.KeepAlive(s)
	}
	b.ReportMetric(0, "ns/op")
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
