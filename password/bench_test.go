package password

import (
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/argon2"
)

// Argon2id as the library computes it: what BenchmarkVerify is compared with.
func BenchmarkBareArgon2id(b *testing.B) {
	p, salt, pw := DefaultParams, random(saltBytes), []byte("correct horse battery")
	b.Run("one", func(b *testing.B) {
		for b.Loop() {
			argon2.IDKey(pw, salt, p.Time, p.Memory, p.Threads, tagBytes)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				argon2.IDKey(pw, salt, p.Time, p.Memory, p.Threads, tagBytes)
			}
		})
	})
}

func BenchmarkVerify(b *testing.B) {
	h, err := New(Options{})
	if err != nil {
		b.Fatal(err)
	}
	phc := mustHash(b, h, "correct horse battery")
	verify := func(b *testing.B) {
		if ok, _, err := h.Verify(b.Context(), phc, "correct horse battery"); !ok || err != nil {
			b.Error(ok, err)
		}
	}
	b.Run("one", func(b *testing.B) {
		for b.Loop() {
			verify(b)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				verify(b)
			}
		})
	})
	b.Run("16 clients", func(b *testing.B) {
		b.SetParallelism(16 / runtime.GOMAXPROCS(0))
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				verify(b)
			}
		})
	})
}

// A thousand callers: the time is per caller, refused or not.
func BenchmarkOverload(b *testing.B) {
	h, err := New(Options{})
	if err != nil {
		b.Fatal(err)
	}
	var okay, busy atomic.Int64
	b.SetParallelism(1000 / runtime.GOMAXPROCS(0))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			switch _, _, err := h.Verify(b.Context(), "", "pw"); {
			case err == nil:
				okay.Add(1)
			case errors.Is(err, ErrBusy):
				busy.Add(1)
			}
		}
	})
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(okay.Load()), "answered")
	b.ReportMetric(float64(busy.Load()), "refused")
	b.ReportMetric(float64(m.HeapSys)/(1<<20), "MiB-heap")
}

func BenchmarkVerifyBcrypt10(b *testing.B) {
	h := cheapHasher()
	for b.Loop() {
		if ok, _, err := h.Verify(b.Context(), "{bcrypt}"+bcryptVectors[0].phc, "wrong"); ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	for name, pw := range map[string]string{
		"12":  "kT9#mQ2$vL5&",
		"64":  strings.Repeat("plum harbour quartz minus velvet tractor onion ", 2)[:64],
		"256": strings.Repeat("plum harbour quartz minus velvet tractor onion z", 6)[:250] + "aa!bb?",
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_ = Policy{}.Check(pw, "alice.smith@example.com", "Pawl")
			}
		})
	}
}
