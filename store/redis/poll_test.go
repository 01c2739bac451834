package redis_test

import (
	"testing"

	"github.com/pawlauth/pawl/internal/servertest"
)

// BenchmarkPoll measures a look at the revocation log where nothing is new, as
// every node does 20 times a second.
func BenchmarkPoll(b *testing.B) {
	for name, address := range map[string]string{
		"single": servertest.StartRedis(b).URL, "cluster": servertest.StartCluster(b).URL,
	} {
		b.Run(name, func(b *testing.B) {
			s := openAt(b, address)
			for user := range 200 {
				if _, _, err := s.EndUser(b.Context(), string(rune('A'+user)), "", "signed_out", noon); err != nil {
					b.Fatal(err)
				}
			}
			page, err := s.Revocations(b.Context(), "", 1000)
			if err != nil || page.More {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if p, err := s.Revocations(b.Context(), page.Cursor, 1000); err != nil || len(p.Entries) > 0 || p.Reset {
					b.Fatal(p, err)
				}
			}
			b.ReportMetric(float64(len(page.Cursor)), "B/cursor")
		})
	}
}
