package main

import "math/rand/v2"

// keyStays is how long a key is still used after its first success. Tabs that
// refresh together thus send the key that made the advance, and it outlives
// the time that a browser takes to write the new cookie to disk.
const keyStays = minute

// maxRestarts is over how many restarts in a row a key is taken.
const maxRestarts = 3

// takeKey gives the jar's Idempotency-Key, a new one where the old is retired.
func (j *jar) takeKey() [32]byte {
	if !j.keyed {
		return [32]byte{}
	}
	if j.key == [32]byte{} || j.retired() {
		j.key, j.proved, j.restarts = newKey(j.rng), false, 0
	}
	return j.key
}

// retired: never while the outcome of a request with the key is not known.
func (j *jar) retired() bool {
	return j.proved && !j.trouble && j.flying == 0 && (j.hasty || j.now-j.provedAt >= keyStays)
}

func (j *jar) succeeded(key [32]byte) {
	if key == j.key && (!j.proved || j.trouble) {
		j.proved, j.provedAt = true, j.now
	}
}

// restartKey repeats a key that is not retired after a restart, until it
// succeeds again: perhaps the browser lost the cookie that it had brought. Not
// for ever: a key that never changes would let a thief ride behind.
func (j *jar) restartKey() {
	switch {
	case !j.proved:
	case j.restarts == maxRestarts, !j.hasty && j.retired():
		j.key = [32]byte{}
	default:
		j.proved = false
		j.restarts++
	}
}

func newKey(rng *rand.Rand) (k [32]byte) {
	for i := range 16 {
		k[i] = byte(rng.Uint32())
	}
	k[31] = 1 // never zero, which is no key
	return k
}
