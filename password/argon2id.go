package password

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Lengths in bytes: of our own salts and tags, as RFC 9106, 3.1 and 4 advise,
// and of those accepted. The upper bounds follow the PHC string format; a tag
// below 16 bytes would be found by chance too easily.
const (
	saltBytes, minSalt, maxSalt = 16, 8, 64
	tagBytes, minTag, maxTag    = 32, 16, 64
)

// maxPHC is longer than any stored hash within the bounds, in any form.
const maxPHC = 256

// argon2idHash is a PHC string: $argon2id$v=19$m=19456,t=2,p=1$salt$tag
// (https://github.com/P-H-C/phc-string-format).
type argon2idHash struct {
	params Params
	salt   []byte
	tag    []byte
}

var _ stored = argon2idHash{}

func newArgon2id(p Params, pw string) argon2idHash {
	h := argon2idHash{params: p, salt: random(saltBytes)}
	h.tag = h.derive(pw, tagBytes)
	return h
}

// dummyHash costs as much to check as a real one and matches nothing: its tag
// is not derived from any password, which also keeps start-up quick.
func dummyHash(p Params) argon2idHash {
	return argon2idHash{params: p, salt: random(saltBytes), tag: random(tagBytes)}
}

func (h argon2idHash) derive(pw string, n int) []byte {
	p := h.params
	return argon2.IDKey([]byte(pw), h.salt, p.Time, p.Memory, p.Threads, uint32(n))
}

func (h argon2idHash) matches(pw string) bool {
	return subtle.ConstantTimeCompare(h.derive(pw, len(h.tag)), h.tag) == 1
}

func (h argon2idHash) cost() cost { return h.params.cost() }

func (h argon2idHash) current(p Params) bool {
	return h.params == p && len(h.salt) >= saltBytes && len(h.tag) == tagBytes
}

// String returns the PHC string. parseArgon2 accepts no other spelling.
func (h argon2idHash) String() string {
	return argon2Text(schemeArgon2id, h.params, h.salt, h.tag)
}

func argon2Text(kind string, p Params, salt, tag []byte) string {
	return fmt.Sprintf("$%s$v=%d$m=%d,t=%d,p=%d$%s$%s", kind, argon2.Version,
		p.Memory, p.Time, p.Threads, b64.EncodeToString(salt), b64.EncodeToString(tag))
}

// b64 is unpadded and strict: one string of bytes has one spelling.
var b64 = base64.RawStdEncoding.Strict()

// parseArgon2 reads the PHC string of any kind of Argon2 that can be checked.
func parseArgon2(s string) (stored, error) {
	kind, _, _ := strings.Cut(strings.TrimPrefix(s, "$"), "$")
	h, err := readArgon2(s)
	switch {
	case kind == "argon2d":
		return nil, errors.New("Argon2d cannot be checked; " + resetInstead)
	case kind != schemeArgon2id && kind != schemeArgon2i:
		return nil, errors.New("neither Argon2id nor Argon2i")
	case err != nil:
		return nil, err
	case kind == schemeArgon2i:
		return argon2iHash{h}, nil
	}
	return h, nil
}

func readArgon2(s string) (h argon2idHash, err error) {
	f := strings.Split(s, "$")
	if len(f) != 6 {
		return h, errors.New("not of the form $argon2id$v=19$m=…,t=…,p=…$salt$hash")
	}
	if f[2] != "v="+strconv.Itoa(argon2.Version) {
		return h, errors.New("version is not 19")
	}
	if h.params, err = parseParams(f[3]); err != nil {
		return h, err
	}
	if h.salt, err = decode("salt", f[4], minSalt, maxSalt); err != nil {
		return h, err
	}
	h.tag, err = decode("hash", f[5], minTag, maxTag)
	return h, err
}

// parseParams reads "m=…,t=…,p=…", in this order and with nothing else.
func parseParams(s string) (p Params, err error) {
	f := strings.Split(s, ",")
	if len(f) != 3 {
		return p, errors.New("parameters are not m=…,t=…,p=…")
	}
	memory, err := number(f[0], "m=", 32)
	if err != nil {
		return p, err
	}
	passes, err := number(f[1], "t=", 32)
	if err != nil {
		return p, err
	}
	threads, err := number(f[2], "p=", 8)
	if err != nil {
		return p, err
	}
	p = Params{Memory: uint32(memory), Time: uint32(passes), Threads: uint8(threads)}
	return p, p.bounded()
}

// number reads a decimal without sign or leading zeros after its key.
func number(s, key string, bits int) (uint64, error) {
	digits, found := strings.CutPrefix(s, key)
	n, err := strconv.ParseUint(digits, 10, bits)
	if !found || err != nil || strconv.FormatUint(n, 10) != digits {
		return 0, fmt.Errorf("parameter %s is missing, out of place or not a number in its range", key)
	}
	return n, nil
}

func decode(what, s string, least, most int) ([]byte, error) {
	// DecodeString skips line breaks, strict or not.
	if strings.ContainsAny(s, "\r\n") {
		return nil, fmt.Errorf("%s is not canonical unpadded base64", what)
	}
	b, err := b64.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("%s is not canonical unpadded base64", what)
	}
	if len(b) < least || len(b) > most {
		return nil, fmt.Errorf("%s of %d bytes is not within %d and %d", what, len(b), least, most)
	}
	return b, nil
}

// random never fails: crypto/rand ends the process rather than return an error.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}
