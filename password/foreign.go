package password

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"
)

// minForeignSalt is the least salt of a hash from elsewhere, in bytes. Where it
// is short, an attacker with the table of hashes saves work; refusing the hash
// would not bring that back.
const minForeignSalt = 4

// decodePadded is decode for systems that pad.
func decodePadded(what, s string, least, most int) ([]byte, error) {
	if len(s)%4 == 0 {
		s = strings.TrimSuffix(strings.TrimSuffix(s, "="), "=")
	}
	return decode(what, s, least, most)
}

// textSalt is a salt whose characters are its bytes, as in Django.
func textSalt(s string) ([]byte, error) {
	if len(s) < minForeignSalt || len(s) > maxSalt {
		return nil, fmt.Errorf("salt of %d bytes is not within %d and %d", len(s), minForeignSalt, maxSalt)
	}
	return []byte(s), nil
}

func log2(n uint64) (uint64, error) {
	if bits.OnesCount64(n) != 1 {
		return 0, errors.New("N is not a power of two")
	}
	return uint64(bits.TrailingZeros64(n)), nil
}

// resetInstead is the way out for people whose hash cannot be checked.
const resetInstead = "import the person without a hash and send them a password-reset link"

// refusals name forms that are known and never checked, by their prefix: what
// they keep gives the password away.
var refusals = []struct{ prefix, why string }{
	{"{noop}", "Spring's {noop} keeps the password itself"},
	{"{MD4}", "MD4 can be guessed by the billion a second"},
	{"{MD5}", "MD5 can be guessed by the billion a second"},
	{"{SHA", "a bare SHA hash can be guessed by the billion a second"},
	{"{sha256}", "a bare SHA hash can be guessed by the billion a second"},
	{"{SSHA", "a bare SHA hash can be guessed by the billion a second"},
	{"{ldap}", "a bare SHA hash can be guessed by the billion a second"},
	{"md5$", "MD5 can be guessed by the billion a second"},
	{"sha1$", "a bare SHA hash can be guessed by the billion a second"},
	{"$1$", "crypt's MD5 is too weak"},
	{"$5$", "crypt's SHA-256 is not among the known forms"},
	{"$6$", "crypt's SHA-512 is not among the known forms"},
	{"$2x$", "bcrypt 2x is that of a broken implementation"},
	{"!", "Django's mark for somebody without a password"},
	{"{bcrypt}", "not Spring's bcrypt, {bcrypt}$2a$10$ and 53 characters"},
	{"{", "an encoder of Spring's, or of LDAP, that is not known"},
}

// whyRefused says of a hash that no scheme claims what to do about it, and
// quotes nothing: it may well be a password.
func whyRefused(s string) string {
	for _, r := range refusals {
		if strings.HasPrefix(s, r.prefix) {
			return r.why + "; " + resetInstead
		}
	}
	if bareDigest(s) {
		return "a bare MD5 or SHA hash can be guessed by the billion a second; " + resetInstead
	}
	return "unknown form; " + resetInstead
}

// bareDigest reports whether s looks like MD5, SHA-1, SHA-256 or SHA-512 in
// hexadecimal.
func bareDigest(s string) bool {
	switch len(s) {
	case 32, 40, 64, 128:
		return !strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF", r) })
	}
	return false
}
