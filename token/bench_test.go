package token

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// BenchmarkVerify is the cold check: nothing cached but the keys. The bare
// signature beside it is the floor.
func BenchmarkVerify(b *testing.B) {
	for _, alg := range algorithms {
		k := keyOf(b, alg)
		set := setOf(b, k)
		compact := signAccess(b, k, access())
		b.Run(alg+"/access", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := verifier.Verify(set, compact, epoch); err != nil {
					b.Fatal(err)
				}
			}
		})
		parts, _ := split(compact, maxAccess)
		signature, _ := decodeSegment(nil, parts.signature)
		b.Run(alg+"/bare", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !k.matches([]byte(parts.input), signature) {
					b.Fatal("refused")
				}
			}
		})
	}
	b.Run("refresh", func(b *testing.B) {
		k := keyOf(b, HS256)
		set := setOf(b, k)
		compact := signRefresh(b, k, refresh())
		b.ReportAllocs()
		for b.Loop() {
			if _, err := refresher.Verify(set, compact); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkSign(b *testing.B) {
	for _, alg := range algorithms {
		set := setOf(b, keyOf(b, alg))
		b.Run(alg, func(b *testing.B) {
			a := access()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := set.SignAccess(a); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("refresh", func(b *testing.B) {
		set := setOf(b, keyOf(b, HS256))
		r := refresh()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := set.SignRefresh(r); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkGarbage(b *testing.B) {
	k := keyOf(b, ES256)
	set := setOf(b, k)
	good := signAccess(b, k, access())
	parts := strings.Split(good, ".")
	for _, c := range []struct{ name, compact string }{
		{"dots", strings.Repeat(".", maxAccess)},
		{"megabyte", strings.Repeat("a", 1<<20)},
		{"random", NewID() + "." + NewID() + "." + NewID()},
		{"alg-none", forge(b, k, strings.Replace(headerOf(k, typAccess), "ES256", "none", 1), "{}")},
		{"unknown-key", signAccess(b, keyNamed(b, ES256, "second"), access())},
		{"other-typ", signRefresh(b, keyOf(b, HS256), refresh())},
		{"short-signature", good[:len(good)-1]},
		{"bad-payload", parts[0] + "." + parts[1] + "!." + parts[2]},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := verifier.Verify(set, c.compact, epoch); err == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
}

// BenchmarkRevoked asks for sessions all over the set, so that its memory is
// not in the cache.
func BenchmarkRevoked(b *testing.B) {
	for _, n := range []int{0, 1_000, 1_000_000} {
		var s Revoked
		s.Add(sessions(n)...)
		if n > 0 {
			s.Add(Revocation{Kind: KindAll, NotBefore: epoch.Add(-time.Hour), At: epoch})
			s.Add(Revocation{Kind: KindUser, ID: "u-2", NotBefore: epoch, At: epoch})
		}
		for name, first := range map[string]int{"miss": n, "hit": 0} {
			if n == 0 && name == "hit" {
				continue
			}
			asked := make([]string, 1<<16)
			for i := range asked {
				asked[i] = sessionNumber(first + i*7919%max(n, 1))
			}
			b.Run(fmt.Sprintf("Covers/%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					a := access()
					for i := 0; pb.Next(); i++ {
						a.SessionID = asked[i%len(asked)]
						if _, revoked := s.Covers(&a); revoked != (name == "hit") {
							b.Error(name, revoked)
						}
					}
				})
			})
		}
	}
}

// sessions returns n revoked sessions, one a second.
func sessions(n int) []Revocation {
	rs := make([]Revocation, n)
	for i := range rs {
		rs[i] = Revocation{Kind: KindSession, ID: sessionNumber(i), Reason: "signed_out", At: epoch.Add(time.Duration(i) * time.Second)}
	}
	return rs
}

func sessionNumber(i int) string {
	return SessionID([16]byte{byte(i), byte(i >> 8), byte(i >> 16), byte(i >> 24), 0xff})
}
