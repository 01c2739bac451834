package load

import (
	"crypto/rand"
	"runtime"
	"sync"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/pawlauth/pawl/password"
)

// bareRate is how many password hashes a second all processors can compute when
// there is nothing else to do: what sign-ins are compared with.
func bareRate(d time.Duration) float64 {
	p := password.DefaultParams
	var salt [16]byte
	rand.Read(salt[:])
	counts := make([]int, runtime.GOMAXPROCS(0))
	begin := time.Now()
	var wg sync.WaitGroup
	for i := range counts {
		wg.Go(func() {
			for time.Since(begin) < d {
				argon2.IDKey([]byte(seedPassword), salt[:], p.Time, p.Memory, p.Threads, 32)
				counts[i]++
			}
		})
	}
	wg.Wait()
	elapsed, total := time.Since(begin), 0
	for _, n := range counts {
		total += n
	}
	return float64(total) / elapsed.Seconds()
}
