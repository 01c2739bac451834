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
	// decoy is what Decoy says.
	decoy() string
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
	schemeArgon2i  = "argon2i"
	schemeBcrypt   = "bcrypt"
	schemeScrypt   = "scrypt"
	schemePBKDF2   = "pbkdf2"
)

var schemes = []scheme{
	{"Argon2", []string{"$argon2"}, parseArgon2},
	{"Django's Argon2", []string{"argon2$"}, after("argon2", parseArgon2)},
	{"Spring's Argon2", []string{"{argon2}", "{argon2@SpringSecurity_v5_8}"}, afterBrace(parseArgon2)},

	{schemeBcrypt, []string{"$2a$", "$2b$", "$2y$"}, parseBcrypt},
	{"Spring's " + schemeBcrypt, []string{"{bcrypt}$2a$", "{bcrypt}$2b$", "{bcrypt}$2y$"}, afterBrace(parseBcrypt)},
	{"Django's " + schemeBcrypt, []string{"bcrypt$$2a$", "bcrypt$$2b$", "bcrypt$$2y$"}, after("bcrypt$", parseBcrypt)},
	{"Django's bcrypt_sha256", []string{"bcrypt_sha256$$2a$", "bcrypt_sha256$$2b$", "bcrypt_sha256$$2y$"}, after("bcrypt_sha256$", parseBcryptSHA256)},

	{schemeScrypt, []string{"$scrypt$"}, parseScrypt},
	{"Django's " + schemeScrypt, []string{"scrypt$"}, parseDjangoScrypt},
	{"Spring's " + schemeScrypt, []string{"{scrypt}", "{scrypt@SpringSecurity_v5_8}"}, afterBrace(parseSpringScrypt)},

	{"PBKDF2", []string{"$pbkdf2$", "$pbkdf2-sha1$", "$pbkdf2-sha256$", "$pbkdf2-sha512$"}, parsePBKDF2},
	{"Django's PBKDF2", []string{"pbkdf2_sha256$", "pbkdf2_sha1$"}, parseDjangoPBKDF2},
	{"Spring's PBKDF2", []string{"{pbkdf2}"}, after("{pbkdf2}", parseSpringPBKDF2)},
	{"Spring's PBKDF2", []string{"{pbkdf2@SpringSecurity_v5_8}"}, after("{pbkdf2@SpringSecurity_v5_8}", parseSpringPBKDF2v58)},
}

// after removes what another system writes before a form that is known.
func after(prefix string, parse func(string) (stored, error)) func(string) (stored, error) {
	return func(s string) (stored, error) { return parse(strings.TrimPrefix(s, prefix)) }
}

// afterBrace removes the name of the encoder in Spring Security's
// DelegatingPasswordEncoder, as in "{bcrypt}$2a$…".
func afterBrace(parse func(string) (stored, error)) func(string) (stored, error) {
	return func(s string) (stored, error) {
		_, rest, _ := strings.Cut(s, "}")
		return parse(rest)
	}
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
	if len(phc) > maxPHC {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrUnsupported, maxPHC)
	}
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
	return nil, fmt.Errorf("%w: %s", ErrUnsupported, whyRefused(phc))
}

func (s scheme) claims(phc string) bool {
	for _, prefix := range s.prefixes {
		if strings.HasPrefix(phc, prefix) {
			return true
		}
	}
	return false
}
