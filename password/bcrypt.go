package password

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// Each step of bcrypt's cost doubles the work: 10 takes some 60 ms, 15 about
// 2 s, 31 more than a day of one core, which a stored hash must not demand.
const minBcryptCost, maxBcryptCost = 4, 15

// bcryptKey is how much of a password bcrypt looks at, in bytes.
const bcryptKey = 72

// bcryptLen is the length of $2b$10$, 22 characters of salt and 31 of hash.
const bcryptLen = 60

const bcryptAlphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// bcryptHash is an imported hash. The letters a, b and y name the same
// function; x, that of a broken implementation, is refused.
type bcryptHash struct {
	phc    string
	rounds uint32 // log2
}

var _ stored = bcryptHash{}

func readBcrypt(s string) (h bcryptHash, err error) {
	if len(s) != bcryptLen || s[0] != '$' || s[3] != '$' || s[6] != '$' {
		return h, errors.New("not of the form $2b$10$ and 53 characters")
	}
	if strings.ContainsFunc(s[7:], notBcryptBase64) {
		return h, errors.New("salt or hash is not in bcrypt's base64")
	}
	rounds, err := bcryptRounds(s[4:6])
	return bcryptHash{phc: s, rounds: rounds}, err
}

func bcryptRounds(s string) (uint32, error) {
	if !isDigit(s[0]) || !isDigit(s[1]) {
		return 0, errors.New("cost is not two digits")
	}
	n := uint32(s[0]-'0')*10 + uint32(s[1]-'0')
	if n < minBcryptCost || n > maxBcryptCost {
		return 0, fmt.Errorf("cost %d is not within %d and %d", n, minBcryptCost, maxBcryptCost)
	}
	return n, nil
}

// bcryptSHA256Hash is Django's BCryptSHA256PasswordHasher: bcrypt of the
// password's SHA-256 in hexadecimal, so that none is too long.
type bcryptSHA256Hash struct{ bcryptHash }

var _ stored = bcryptSHA256Hash{}

func parseBcryptSHA256(s string) (stored, error) {
	h, err := readBcrypt(s)
	if err != nil {
		return nil, err
	}
	return bcryptSHA256Hash{h}, nil
}

func (h bcryptSHA256Hash) matches(pw string) bool {
	sum := sha256.Sum256([]byte(pw))
	return h.bcryptHash.matches(hex.EncodeToString(sum[:]))
}

func parseBcrypt(s string) (stored, error) {
	h, err := readBcrypt(s)
	if err != nil {
		return nil, err
	}
	return h, nil
}

// matches compares the first 72 bytes only, because the systems these hashes
// come from (Spring, PHP, Devise and most others) cut longer passwords there
// when they hashed them: refusing would lock out the people with the best
// passwords. Until the first success, then, the first 72 bytes suffice, as they
// did before the import; from then on the whole password as typed that time is
// required, because Verify upgrades to a hash of all of it.
func (h bcryptHash) matches(pw string) bool {
	if len(pw) > bcryptKey {
		pw = pw[:bcryptKey]
	}
	return bcrypt.CompareHashAndPassword([]byte(h.phc), []byte(pw)) == nil
}

func (h bcryptHash) cost() cost {
	return cost{scheme: schemeBcrypt, memory: 4, rounds: h.rounds, threads: 1}
}

func (bcryptHash) current(Params) bool { return false }

func notBcryptBase64(r rune) bool { return !strings.ContainsRune(bcryptAlphabet, r) }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
