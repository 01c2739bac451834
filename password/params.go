package password

import "fmt"

// Params are the costs of an Argon2id hash (RFC 9106, 3.1).
type Params struct {
	Memory  uint32 // KiB
	Time    uint32 // passes over the memory
	Threads uint8  // lanes, each filled by a goroutine of its own
}

// DefaultParams is the least that is accepted for new hashes: 19 MiB, two
// passes, one lane, about 23 ms of one core. It is OWASP's minimum (Password
// Storage Cheat Sheet) and SECURITY 39. Treat it as a constant.
var DefaultParams = Params{Memory: 19 * 1024, Time: 2, Threads: 1}

// floor is a copy, so that nobody lowers the minimum by assigning to
// DefaultParams.
var floor = Params{Memory: 19 * 1024, Time: 2, Threads: 1}

// Bounds of an Argon2id hash that is accepted for checking. A stored hash is
// data: whoever can import users could otherwise write m=4194304,t=1000 and
// stop the service with one sign-in. They cover the defaults of Django
// (100 MiB, t=2, p=8), PHP, argon2-cffi (64 MiB, p=4), Bitwarden and
// Keycloak (7 MiB, t=5), and exclude libsodium's MODERATE (256 MiB, t=3) and
// the first choice of RFC 9106 (2 GiB).
const (
	maxMemory  = 128 * 1024  // KiB
	maxTime    = 64          // passes
	maxWork    = 1024 * 1024 // KiB × passes: some 0.6 s of a core
	maxThreads = 16
)

// validate refuses parameters that are weaker than the floor, or that could not
// be checked again.
func (p Params) validate() error {
	if p.Memory < floor.Memory || p.Time < floor.Time || p.Threads < floor.Threads {
		return fmt.Errorf("password: parameters m=%d KiB, t=%d, p=%d are too weak; use at least m=%d KiB, t=%d, p=%d",
			p.Memory, p.Time, p.Threads, floor.Memory, floor.Time, floor.Threads)
	}
	if err := p.bounded(); err != nil {
		return fmt.Errorf("password: %w", err)
	}
	return nil
}

// bounded refuses parameters that Argon2 does not define or that cost too much.
func (p Params) bounded() error {
	switch {
	case p.Threads < 1 || p.Threads > maxThreads:
		return fmt.Errorf("threads p=%d are not within 1 and %d", p.Threads, maxThreads)
	case p.Memory < 8*uint32(p.Threads): // RFC 9106, 3.1
		return fmt.Errorf("memory m=%d is less than 8 KiB a thread", p.Memory)
	case p.Memory > maxMemory:
		return fmt.Errorf("memory m=%d exceeds %d KiB", p.Memory, maxMemory)
	case p.Time < 1 || p.Time > maxTime:
		return fmt.Errorf("passes t=%d are not within 1 and %d", p.Time, maxTime)
	case uint64(p.Memory)*uint64(p.Time) > maxWork:
		return fmt.Errorf("memory times passes m×t=%d exceeds %d", uint64(p.Memory)*uint64(p.Time), maxWork)
	}
	return nil
}

func (p Params) cost() cost {
	return cost{scheme: schemeArgon2id, memory: p.Memory, rounds: p.Time, threads: p.Threads}
}
