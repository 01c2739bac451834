package password

import (
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // of HMAC, where SHA-1 still holds, for hashes that exist
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"
)

// prf is the HMAC of a PBKDF2 hash, by its hash function.
type prf string

const (
	prfSHA1   prf = "sha1"
	prfSHA256 prf = "sha256"
	prfSHA512 prf = "sha512"
)

// new is nil for a function that is not known.
func (f prf) new() func() hash.Hash {
	switch f {
	case prfSHA1:
		return sha1.New
	case prfSHA256:
		return sha256.New
	case prfSHA512:
		return sha512.New
	}
	return nil
}

// maxIterations bounds an accepted hash to some 0.6 s of a core. Today's
// defaults are 1,200,000 with SHA-256 (Django 6), 1,300,000 with SHA-1 and
// 210,000 with SHA-512 (Keycloak).
func (f prf) maxIterations() uint32 {
	if f == prfSHA512 {
		return 900_000
	}
	return 3_000_000
}

// pbkdf2Hash is an imported hash (RFC 8018, 5.2).
type pbkdf2Hash struct {
	prf        prf
	iterations uint32
	salt, tag  []byte
}

var _ stored = pbkdf2Hash{}

// newPBKDF2 keeps of the tag what one run of the iterations gives. The further
// blocks of a longer one (Keycloak's 512 bits of SHA-1 have four) are derived
// from the same password independently of the first: a guess is checked with
// the first alone, so that they would cost the defender only.
func newPBKDF2(f prf, iterations uint32, salt, tag []byte) (stored, error) {
	if iterations < 1 || iterations > f.maxIterations() {
		return nil, fmt.Errorf("iterations %d are not within 1 and %d", iterations, f.maxIterations())
	}
	tag = tag[:min(len(tag), f.new()().Size())]
	return pbkdf2Hash{prf: f, iterations: iterations, salt: salt, tag: tag}, nil
}

func (h pbkdf2Hash) matches(pw string) bool {
	tag, err := pbkdf2.Key(h.prf.new(), pw, h.salt, int(h.iterations), len(h.tag))
	return err == nil && subtle.ConstantTimeCompare(tag, h.tag) == 1
}

func (h pbkdf2Hash) cost() cost {
	return cost{scheme: schemePBKDF2, memory: 4, rounds: h.iterations, threads: 1}
}

func (pbkdf2Hash) current(Params) bool { return false }

// String returns the PHC string, $pbkdf2-sha256$i=600000$salt$hash.
func (h pbkdf2Hash) String() string {
	return fmt.Sprintf("$pbkdf2-%s$i=%d$%s$%s", h.prf, h.iterations, b64.EncodeToString(h.salt), b64.EncodeToString(h.tag))
}

// parsePBKDF2 reads the PHC string, $pbkdf2-sha256$i=600000,l=32$salt$hash
// with or without l, and passlib's form, $pbkdf2-sha256$29000$salt$hash, whose
// base64 has dots in place of pluses and whose $pbkdf2$ means SHA-1.
func parsePBKDF2(s string) (stored, error) {
	f := strings.Split(s, "$")
	if len(f) != 5 {
		return nil, errors.New("not of the form $pbkdf2-sha256$iterations$salt$hash")
	}
	function := prfSHA1
	if _, name, found := strings.Cut(f[1], "-"); found {
		function = prf(name)
	}
	params, length, hasLength := strings.Cut(f[2], ",")
	if !strings.HasPrefix(params, "i=") {
		params = "i=" + params
	}
	iterations, err := number(params, "i=", 32)
	if err != nil {
		return nil, err
	}
	salt, err := decodePadded("salt", plus(f[3]), minForeignSalt, maxSalt)
	if err != nil {
		return nil, err
	}
	tag, err := decodePadded("hash", plus(f[4]), minTag, maxTag)
	if err != nil {
		return nil, err
	}
	if hasLength && length != fmt.Sprintf("l=%d", len(tag)) {
		return nil, errors.New("parameter l= is not the length of the hash")
	}
	return newPBKDF2(function, uint32(iterations), salt, tag)
}

// plus undoes passlib's alphabet.
func plus(s string) string { return strings.ReplaceAll(s, ".", "+") }

// parseDjangoPBKDF2 reads pbkdf2_sha256$390000$salt$hash, the salt as text.
func parseDjangoPBKDF2(s string) (stored, error) {
	f := strings.Split(s, "$")
	if len(f) != 4 {
		return nil, errors.New("not of the form pbkdf2_sha256$iterations$salt$hash")
	}
	iterations, err := number(f[1], "", 32)
	if err != nil {
		return nil, err
	}
	salt, err := textSalt(f[2])
	if err != nil {
		return nil, err
	}
	tag, err := decodePadded("hash", f[3], minTag, maxTag)
	if err != nil {
		return nil, err
	}
	return newPBKDF2(prf(strings.TrimPrefix(f[0], "pbkdf2_")), uint32(iterations), salt, tag)
}

// parseSpringPBKDF2 reads what Pbkdf2PasswordEncoder writes by the defaults of
// Spring Security 4.1 to 5.7; the numbers are not in the text.
func parseSpringPBKDF2(s string) (stored, error) {
	return springPBKDF2(s, 8, prfSHA1, 185_000)
}

// parseSpringPBKDF2v58 reads the same by the defaults of 5.8 and later.
func parseSpringPBKDF2v58(s string) (stored, error) {
	return springPBKDF2(s, 16, prfSHA256, 310_000)
}

func springPBKDF2(s string, saltLen int, f prf, iterations uint32) (stored, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != saltLen+32 {
		return nil, fmt.Errorf("not %d hexadecimal digits: only the encoder's defaults, without a secret, can be checked", 2*(saltLen+32))
	}
	return newPBKDF2(f, iterations, b[:saltLen], b[saltLen:])
}
