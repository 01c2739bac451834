package redis_test

import (
	"fmt"
	"testing"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/servertest"
	"github.com/pawlauth/pawl/store/storetest"
)

// BenchmarkEnd measures the end of a session, where no replica is waited for and
// where one is.
func BenchmarkEnd(b *testing.B) {
	for name, address := range map[string]string{
		"single":  servertest.StartRedis(b, "--appendfsync", "everysec").URL,
		"replica": servertest.StartSentinel(b, 1, "--appendfsync", "everysec").URL,
	} {
		b.Run(name, func(b *testing.B) {
			s := openAt(b, fresh(b, address))
			all := make([]pawl.SessionKey, b.N)
			for i := range all {
				rec := storetest.NewSession(fmt.Sprint("user-", i), noon)
				if _, err := s.Create(b.Context(), rec, pawl.Mark{}, 0); err != nil {
					b.Fatal(err)
				}
				all[i] = rec.SessionKey
			}
			b.ResetTimer()
			for _, k := range all {
				if ok, err := s.End(b.Context(), k, api.ReasonSignedOut, noon); err != nil || !ok {
					b.Fatal(ok, err)
				}
			}
		})
	}
}
