package client

import (
	"crypto/rand"
	"time"
)

// A Key is an Idempotency-Key and what became of it. How long it is used is
// docs/decisions/0010.
type Key struct {
	Value    string    `json:"value,omitempty"`
	Pending  bool      `json:"pending,omitempty"` // a request with it went out, and its outcome is not known
	Proved   time.Time `json:"proved,omitzero"`   // its first success since it was last in doubt
	Restarts int       `json:"restarts,omitempty"`
}

const (
	// keyStays is how long a key is used after its first success: should what
	// the success brought get lost, the key still fetches it.
	keyStays = time.Minute
	// maxRestarts is over how many restarts in a row: a key that never changed
	// would let a thief ride behind.
	maxRestarts = 3
)

// restarted is what a start of the program does to the key it finds.
func (k Key) restarted(now time.Time) Key {
	switch {
	case k.Proved.IsZero() || k.Pending: // used until it succeeds, anyway
	case k.Restarts >= maxRestarts, k.retired(now):
		return Key{}
	default:
		k.Proved = time.Time{}
		k.Restarts++
	}
	return k
}

func (k Key) retired(now time.Time) bool {
	return k.Value != "" && !k.Pending && !k.Proved.IsZero() && !now.Before(k.Proved.Add(keyStays))
}

// next is the key of the next request, as it must be kept before that is sent.
func (k Key) next(now time.Time) Key {
	if k.Value == "" || k.retired(now) {
		k = Key{Value: rand.Text()} // at least 128 bits, 26 characters
	}
	k.Pending = true
	return k
}

// succeeded: doubt says that an earlier request with the key had no answer.
func (k Key) succeeded(now time.Time, doubt bool) Key {
	if k.Proved.IsZero() || doubt {
		k.Proved = now
	}
	k.Pending = false
	return k
}
