package sqlite_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/store/sqlite"
	"github.com/pawlauth/pawl/store/storetest"
)

// BenchmarkSize measures what a session takes on disk once it has rotated, and
// what a rotation costs among so many sessions. Say how many with
// -storetest.sessions.
func BenchmarkSize(b *testing.B) {
	path := filepath.Join(b.TempDir(), "pawl.db")
	s, err := sqlite.Open(b.Context(), path, sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	n := storetest.SessionCount()
	all := storetest.Seed(b, s, n, noon)
	rotations, begun := 0, time.Now()
	for b.Loop() {
		for generation := range 4 {
			rotateAll(b, s, all, noon.Add(time.Duration(generation+1)*time.Hour))
			rotations += len(all)
		}
	}
	took := time.Since(begun)
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size())/float64(n), "B/session")
	b.ReportMetric(float64(took.Nanoseconds())/float64(rotations), "ns/rotation")
	b.ReportMetric(0, "ns/op")
}

// rotateAll rotates each session once, in no order that the file has, 64 at a time.
func rotateAll(b *testing.B, s *sqlite.Store, all []pawl.Session, at time.Time) {
	var wg sync.WaitGroup
	for worker := range 64 {
		wg.Go(func() {
			for i := worker; i < len(all); i += 64 {
				next := storetest.Advanced(all[i], at)
				if ok, err := s.Rotate(b.Context(), all[i], next); err != nil || !ok {
					b.Error(ok, err)
					return
				}
				all[i] = next
			}
		})
	}
	wg.Wait()
}
