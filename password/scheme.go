package password

import (
	"fmt"
	"strings"
)

// A stored hash, parsed and within bounds.
type stored interface {
	// matches computes the hash of pw and compares in constant time.
	matches(pw string) bool
	// cost says what matches will spend.
	cost() cost
	// current reports whether a new hash with these parameters would be of the
	// same form, so that there is nothing to upgrade.
	current(Params) bool
}

// cost is what one computation spends.
type cost struct {
	scheme  string
	memory  uint32 // KiB
	rounds  uint32 // in the scheme's own unit
	threads uint8
}

// A scheme is one form of stored hash. A further one is a further row of
// schemes.
type scheme struct {
	name     string
	prefixes []string
	// parse checks form and bounds before any work. Its errors do not quote the
	// hash.
	parse func(string) (stored, error)
}

const (
	schemeArgon2id = "argon2id"
	schemeBcrypt   = "bcrypt"
)

var schemes = []scheme{
	{schemeArgon2id, []string{"$argon2id$"}, parseArgon2id},
	{schemeBcrypt, []string{"$2a$", "$2b$", "$2y$"}, parseBcrypt},
	{"Spring's " + schemeBcrypt, []string{"{bcrypt}$2a$", "{bcrypt}$2b$", "{bcrypt}$2y$"}, parseSpringBcrypt},
}

// Recognised returns nil when [Hasher.Verify] can check phc, and otherwise an
// error that is [ErrUnsupported] and says what is wrong, for an importer to
// report beside the user's name. An empty phc is not recognised. It computes
// nothing.
func Recognised(phc string) error {
	_, err := parse(phc)
	return err
}

func parse(phc string) (stored, error) {
	for _, s := range schemes {
		if !s.claims(phc) {
			continue
		}
		hash, err := s.parse(phc)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrUnsupported, s.name, err)
		}
		return hash, nil
	}
	return nil, fmt.Errorf("%w: unknown form", ErrUnsupported)
}

func (s scheme) claims(phc string) bool {
	for _, prefix := range s.prefixes {
		if strings.HasPrefix(phc, prefix) {
			return true
		}
	}
	return false
}
