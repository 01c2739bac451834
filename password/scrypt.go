package password

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/scrypt"
)

// Bounds of an scrypt hash that is accepted for checking, for the reason that
// Argon2's have. One lane takes 128·N·r bytes (RFC 7914, 5), some 0.43 s of a
// core at the most granted; the lanes are computed one after the other. They
// cover Spring (16 and 64 MiB), Django (16 MiB, p=5), passlib (64 MiB) and
// OWASP's choices up to N=2^17, r=8.
const (
	maxScryptBlocks = 1 << 20                 // N·r: 128 MiB
	maxScryptWork   = maxScryptBlocks * 3 / 2 // N·r·p: some 0.65 s of a core
	maxScryptR      = 64
	maxScryptP      = 16
	maxScryptLn     = 20
)

// scryptHash is an imported hash: RFC 7914 with N = 2^ln.
type scryptHash struct {
	ln, r, p  uint32
	salt, tag []byte
}

var _ stored = scryptHash{}

func (h scryptHash) matches(pw string) bool {
	tag, err := scrypt.Key([]byte(pw), h.salt, 1<<h.ln, int(h.r), int(h.p), len(h.tag))
	return err == nil && subtle.ConstantTimeCompare(tag, h.tag) == 1
}

// cost counts the lane, the blocks that all lanes begin and end as, and what
// mixing them needs besides.
func (h scryptHash) cost() cost {
	memory := (h.r<<h.ln+h.r*h.p)/8 + 1 + h.r/4
	return cost{scheme: schemeScrypt, memory: memory, rounds: h.p, threads: 1}
}

func (scryptHash) current(Params) bool { return false }

func (h scryptHash) bounded() error {
	switch {
	case h.ln < 1 || h.ln > maxScryptLn:
		return fmt.Errorf("N=2^%d is not within 2^1 and 2^%d", h.ln, maxScryptLn)
	case h.r < 1 || h.r > maxScryptR:
		return fmt.Errorf("block size r=%d is not within 1 and %d", h.r, maxScryptR)
	case h.p < 1 || h.p > maxScryptP:
		return fmt.Errorf("lanes p=%d are not within 1 and %d", h.p, maxScryptP)
	case uint64(h.r)<<h.ln > maxScryptBlocks:
		return fmt.Errorf("memory of %d KiB exceeds %d KiB", uint64(h.r)<<h.ln/8, maxScryptBlocks/8)
	case uint64(h.r)<<h.ln*uint64(h.p) > maxScryptWork:
		return fmt.Errorf("work N·r·p=%d exceeds %d", uint64(h.r)<<h.ln*uint64(h.p), maxScryptWork)
	}
	return nil
}

// parseScrypt reads the PHC string, which is passlib's form:
// $scrypt$ln=16,r=8,p=1$salt$hash.
func parseScrypt(s string) (stored, error) {
	f := strings.Split(s, "$")
	if len(f) != 5 {
		return nil, errors.New("not of the form $scrypt$ln=…,r=…,p=…$salt$hash")
	}
	params := strings.Split(f[2], ",")
	if len(params) != 3 {
		return nil, errors.New("parameters are not ln=…,r=…,p=…")
	}
	h, err := scryptParams(params, "ln=", "r=", "p=")
	if err != nil {
		return nil, err
	}
	if h.salt, err = decodePadded("salt", f[3], minForeignSalt, maxSalt); err != nil {
		return nil, err
	}
	return h.withTag(f[4])
}

// parseDjangoScrypt reads scrypt$16384$salt$8$1$hash, as ScryptPasswordHasher
// writes it: N, the salt as text, r, p.
func parseDjangoScrypt(s string) (stored, error) {
	f := strings.Split(s, "$")
	if len(f) != 6 {
		return nil, errors.New("not of the form scrypt$N$salt$r$p$hash")
	}
	h, err := scryptParams([]string{f[1], f[3], f[4]}, "", "", "")
	if err != nil {
		return nil, err
	}
	if h.salt, err = textSalt(f[2]); err != nil {
		return nil, err
	}
	return h.withTag(f[5])
}

// parseSpringScrypt reads $e0801$salt$hash, as SCryptPasswordEncoder writes it:
// ln, r and p in one hexadecimal number, 8 bits for each of the last two.
func parseSpringScrypt(s string) (stored, error) {
	f := strings.Split(s, "$")
	if len(f) != 4 || f[0] != "" {
		return nil, errors.New("not of the form {scrypt}$params$salt$hash")
	}
	n, err := strconv.ParseUint(f[1], 16, 32)
	if err != nil || strconv.FormatUint(n, 16) != f[1] {
		return nil, errors.New("parameters are not a hexadecimal number")
	}
	h := scryptHash{ln: uint32(n >> 16), r: uint32(n >> 8 & 0xff), p: uint32(n & 0xff)}
	if err := h.bounded(); err != nil {
		return nil, err
	}
	if h.salt, err = decodePadded("salt", f[2], minForeignSalt, maxSalt); err != nil {
		return nil, err
	}
	return h.withTag(f[3])
}

func (h scryptHash) withTag(s string) (stored, error) {
	tag, err := decodePadded("hash", s, minTag, maxTag)
	if err != nil {
		return nil, err
	}
	h.tag = tag
	return h, nil
}

// scryptParams reads the three numbers. The first, after an empty key, is N
// itself and not its logarithm.
func scryptParams(f []string, cost, block, lanes string) (h scryptHash, err error) {
	ln, err := number(f[0], cost, 32)
	if err != nil {
		return h, err
	}
	if cost == "" {
		if ln, err = log2(ln); err != nil {
			return h, err
		}
	}
	r, err := number(f[1], block, 32)
	if err != nil {
		return h, err
	}
	p, err := number(f[2], lanes, 32)
	if err != nil {
		return h, err
	}
	h = scryptHash{ln: uint32(ln), r: uint32(r), p: uint32(p)}
	return h, h.bounded()
}
