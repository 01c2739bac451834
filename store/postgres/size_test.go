package postgres_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/pawlauth/pawl/store/postgres"
	"github.com/pawlauth/pawl/store/storetest"
)

// BenchmarkSize measures what a session takes on disk, index and all, once it has
// rotated. Say how many with -storetest.sessions.
func BenchmarkSize(b *testing.B) {
	srv := start(b)
	url := srv.URL(srv.database(b))
	s := openAt(b, url, postgres.Options{})
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
	bytes, err := strconv.ParseInt(sql(b, url, "SELECT pg_total_relation_size('pawl.sessions')"), 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(bytes)/float64(n), "B/session")
	b.ReportMetric(float64(took.Nanoseconds())/float64(rotations), "ns/rotation")
	b.ReportMetric(0, "ns/op")
}
