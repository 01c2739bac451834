package postgres_test

import (
	"testing"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/store/postgres"
	"github.com/pawlauth/pawl/store/storetest"
)

// BenchmarkEnd measures the end of a session, and being asked for it again.
func BenchmarkEnd(b *testing.B) {
	for name, times := range map[string]int{"first": 1, "again": 2} {
		b.Run(name, func(b *testing.B) {
			srv := start(b)
			s := openAt(b, srv.URL(srv.database(b)), postgres.Options{})
			all := storetest.Seed(b, s, b.N, noon)
			for time := range times {
				b.ResetTimer()
				for _, rec := range all {
					if ended, err := s.End(b.Context(), rec.SessionKey, api.ReasonSignedOut, noon); err != nil || ended != (time == 0) {
						b.Fatal(ended, err)
					}
				}
			}
		})
	}
}
