package password

import "fmt"

// Decoy returns a hash that no password matches and that costs what phc costs to
// check: its form and parameters, with zeros in place of the salt and the tag.
// Hashes of the same cost, however they are written, have the same decoy, so
// that decoys also tell the kinds of hashes apart. The error is [ErrUnsupported].
func Decoy(phc string) (string, error) {
	hash, err := parse(phc)
	if err != nil {
		return "", err
	}
	return hash.decoy(), nil
}

var (
	zeroSalt [saltBytes]byte
	zeroTag  [tagBytes]byte
)

func (h argon2idHash) decoy() string {
	return argon2idHash{h.params, zeroSalt[:], zeroTag[:]}.String()
}

func (h argon2iHash) decoy() string {
	return argon2Text(schemeArgon2i, h.params, zeroSalt[:], zeroTag[:])
}

// decoy serves Django's bcrypt of a SHA-256, too, which takes no longer.
func (h bcryptHash) decoy() string {
	const zeros = "....................................................." // 22 of the salt, 31 of the hash
	return fmt.Sprintf("$2b$%02d$%s", h.rounds, zeros)
}

func (h scryptHash) decoy() string {
	return fmt.Sprintf("$scrypt$ln=%d,r=%d,p=%d$%s$%s", h.ln, h.r, h.p, b64.EncodeToString(zeroSalt[:]), b64.EncodeToString(zeroTag[:]))
}

func (h pbkdf2Hash) decoy() string {
	return pbkdf2Hash{h.prf, h.iterations, zeroSalt[:], zeroTag[:min(tagBytes, h.prf.new()().Size())]}.String()
}
