package password

import (
	"crypto/subtle"

	"golang.org/x/crypto/argon2"
)

// argon2iHash is an imported hash of Argon2i, Django's choice before 3.2 and
// PHP's first. Its bounds are those of Argon2id.
type argon2iHash struct{ argon2idHash }

var _ stored = argon2iHash{}

func (h argon2iHash) matches(pw string) bool {
	p := h.params
	tag := argon2.Key([]byte(pw), h.salt, p.Time, p.Memory, p.Threads, uint32(len(h.tag)))
	return subtle.ConstantTimeCompare(tag, h.tag) == 1
}

func (h argon2iHash) cost() cost {
	c := h.params.cost()
	c.scheme = schemeArgon2i
	return c
}

func (argon2iHash) current(Params) bool { return false }
