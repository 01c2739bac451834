package redis_test

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/servertest"
	"github.com/pawlauth/pawl/store/redis"
	"github.com/pawlauth/pawl/store/storetest"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// BenchmarkSize measures what a session takes of the server's memory once it has
// rotated, with its share of the user's and a label, and what a rotation costs
// among so many. Say how many with -storetest.sessions.
func BenchmarkSize(b *testing.B) {
	server := servertest.StartRedis(b, "--appendonly", "no")
	empty := used(server)
	s := openAt(b, server.URL)
	n := storetest.SessionCount()
	for b.Loop() {
		all := seed(b, s, n)
		begun := time.Now()
		rotateAll(b, s, all, noon.Add(time.Hour))
		b.ReportMetric(float64(time.Since(begun).Nanoseconds())/float64(n), "ns/rotation")
		b.ReportMetric(float64(used(server)-empty)/float64(n), "B/session")
		server.Do("FLUSHALL")
	}
	b.ReportMetric(0, "ns/op")
}

func used(r *servertest.Redis) int64 {
	for line := range strings.Lines(r.Do("INFO", "memory")) {
		if text, ok := strings.CutPrefix(line, "used_memory:"); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
			return n
		}
	}
	return 0
}

// seed makes sessions with a label, ten of each user.
func seed(tb testing.TB, s *redis.Store, n int) []pawl.Session {
	all := storetest.Seed(tb, labelled{s}, n, noon)
	for i := range all {
		all[i].Client.Label = label
	}
	return all
}

const label = "Kim’s laptop"

// labelled gives each new session a label.
type labelled struct{ pawl.SessionStore }

func (l labelled) Create(ctx context.Context, rec pawl.Session, seen pawl.Mark, limit int) ([]pawl.Session, error) {
	rec.Client.Label = label
	return l.SessionStore.Create(ctx, rec, seen, limit)
}

func rotateAll(tb testing.TB, s *redis.Store, all []pawl.Session, at time.Time) {
	var wg sync.WaitGroup
	for worker := range 64 {
		wg.Go(func() {
			for i := worker; i < len(all); i += 64 {
				next := storetest.Advanced(all[i], at)
				if ok, err := s.Rotate(tb.Context(), all[i], next); err != nil || !ok {
					tb.Error(ok, err)
					return
				}
				all[i] = next
			}
		})
	}
	wg.Wait()
}
