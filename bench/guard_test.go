package bench

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/guard"
	"github.com/pawlauth/pawl/token"
)

// source is an issuer as a guard sees it. One on another machine
// (guard.RemoteIssuer) answers from memory, too, by the same two types.
type source struct {
	keys    *token.KeySet
	revoked *token.Revoked
}

func (s source) KeySet() *token.KeySet   { return s.keys }
func (s source) Revoked() *token.Revoked { return s.revoked }

// BenchmarkGuard compares a whole check, by as many callers at once as there are
// cores: the guard's cold and warm, with n live revocations of others, and the
// other libraries', which remember nothing and know no revocations.
func BenchmarkGuard(b *testing.B) {
	ended := map[int]*token.Revoked{}
	for _, n := range []int{0, 1_000, 1_000_000} {
		ended[n] = revocations(n)
	}
	for _, alg := range []string{token.HS256, token.RS256, token.ES256, token.Ed25519} {
		f := newFixture(b, alg)
		for _, n := range []int{0, 1_000, 1_000_000} {
			for _, how := range []struct {
				name  string
				cache int
			}{{"cold", -1}, {"warm", 0}} {
				b.Run(fmt.Sprintf("alg=%s/lib=pawl-%s/revoked=%d", alg, how.name, n), func(b *testing.B) {
					g, err := guard.New(source{f.keys, ended[n]}, guard.Options{Issuer: issuer, Audience: []string{audience}, CacheSize: how.cache})
					must(b, err)
					atOnce(b, func() error { _, err := g.Check(f.compact); return err })
				})
			}
		}
		for _, lib := range libraries {
			if lib.name == "pawl" {
				continue // its cold check is above
			}
			b.Run("alg="+alg+"/lib="+lib.name, func(b *testing.B) { atOnce(b, lib.prepare(b, f)) })
		}
	}
}

// BenchmarkGuardRefusal is a token that was remembered as good, and then ended.
func BenchmarkGuardRefusal(b *testing.B) {
	f := newFixture(b, token.ES256)
	revoked := revocations(1_000_000)
	g, err := guard.New(source{f.keys, revoked}, guard.Options{Issuer: issuer, Audience: []string{audience}})
	must(b, err)
	a, err := g.Check(f.compact)
	must(b, err)
	revoked.Add(token.Revocation{Kind: token.KindSession, ID: a.SessionID, Reason: api.ReasonSignedOut, At: time.Now()})
	atOnce(b, func() error {
		if _, err := g.Check(f.compact); err == nil {
			return errAccepted
		}
		return nil
	})
}

func revocations(n int) *token.Revoked {
	revoked, now := new(token.Revoked), time.Now()
	for range n {
		revoked.Add(token.Revocation{Kind: token.KindSession, ID: token.NewID(), Reason: api.ReasonSignedOut, At: now})
	}
	return revoked
}

// atOnce measures time, and processor time, which a busy machine distorts less.
func atOnce(b *testing.B, check func() error) {
	b.Helper()
	must(b, check()) // whatever is remembered is remembered from now on
	b.ReportAllocs()
	b.ResetTimer()
	began := processorTime(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := check(); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(processorTime(b)-began)/float64(b.N), "cpu-ns/op")
}

func processorTime(b *testing.B) int64 {
	b.Helper()
	var used syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return used.Utime.Nano() + used.Stime.Nano()
}
