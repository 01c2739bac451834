package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// checkPublic refuses a key of another type than alg, and weak ones: whoever
// factors a modulus signs in as anybody.
func checkPublic(alg string, public crypto.PublicKey) error {
	switch p := public.(type) {
	case *ecdsa.PublicKey:
		if alg != ES256 || p.Curve != elliptic.P256() {
			return fmt.Errorf("token: an ECDSA key on %s cannot be used with %s", p.Curve.Params().Name, alg)
		}
		if _, err := p.Bytes(); err != nil {
			return errors.New("token: ECDSA key is not a point on P-256")
		}
		return nil
	case *rsa.PublicKey:
		if alg != RS256 {
			return fmt.Errorf("token: an RSA key cannot be used with %s", alg)
		}
		return checkRSA(p)
	case ed25519.PublicKey:
		if alg != Ed25519 {
			return fmt.Errorf("token: an Ed25519 key cannot be used with %s", alg)
		}
		return nil
	}
	return fmt.Errorf("token: a %T cannot be used with %s", public, alg)
}

func checkRSA(p *rsa.PublicKey) error {
	if bits := p.N.BitLen(); bits < minRSABits || bits > maxRSABits {
		return fmt.Errorf("token: RSA key of %d bits; use %d to %d", bits, minRSABits, maxRSABits)
	}
	if p.E < 65537 || p.E%2 == 0 || p.N.Bit(0) == 0 {
		return errors.New("token: RSA key with an unsafe modulus or public exponent; use 65537")
	}
	return nil
}

var errPassphrase = errors.New("token: HMAC key looks like text or a pattern; use 32 bytes from a random source, raw, neither hexadecimal nor base64")

// checkSecret refuses HMAC keys that a person chose: with one token in hand an
// attacker tries a dictionary offline, at a thousand million guesses a second
// (RFC 7518 section 3.2, RFC 8725 section 3.5). Random keys fail with a
// probability below 2^-34.
func checkSecret(secret []byte) error {
	switch n := len(secret); {
	case n < hmacBytes:
		return fmt.Errorf("token: HMAC key of %d bytes; use at least %d random ones", n, hmacBytes)
	case n > maxHMAC:
		return fmt.Errorf("token: HMAC key of %d bytes; at most %d", n, maxHMAC)
	}
	if looksTyped(secret) || fewValues(secret) || arithmetic(secret) {
		return errPassphrase
	}
	return nil
}

// looksTyped: text in any script, hexadecimal and base64 included. The encoded
// forms are refused because the decoded key was meant, and because half of the
// strength one counts by bytes is not there.
func looksTyped(b []byte) bool {
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		if r == utf8.RuneError && size <= 1 || !unicode.IsPrint(r) && !unicode.IsSpace(r) {
			return false
		}
		b = b[size:]
	}
	return true
}

// fewValues: 32 random bytes have about 30 different values.
func fewValues(b []byte) bool {
	var seen [256]bool
	n := 0
	for _, c := range b {
		if !seen[c] {
			seen[c] = true
			n++
		}
	}
	return n < 16
}

// arithmetic: 00 01 02 03 … and its like, as found in test vectors.
func arithmetic(b []byte) bool {
	for i := 2; i < len(b); i++ {
		if b[i]-b[i-1] != b[1]-b[0] {
			return false
		}
	}
	return true
}
