package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"hash"
	"math/big"
)

var (
	errSignatureSize = refuse("signature has the wrong length for its algorithm")
	errSignature     = refuse("signature does not match")
)

const maxSignature = maxRSABits / 8

// signatureSize is the only length a signature of this key can have.
func (k *Key) signatureSize() int {
	switch p := k.public.(type) {
	case *rsa.PublicKey:
		return p.Size()
	case nil:
		return sha256.Size
	default:
		return 64
	}
}

// check verifies signature over input under the key's own algorithm. Nothing
// from the token has a say in which: a public key can never be taken for an
// HMAC secret (RFC 8725 section 2.1).
func (k *Key) check(input, signature []byte) error {
	if !k.matches(input, signature) {
		return errSignature
	}
	return nil
}

func (k *Key) matches(input, signature []byte) bool {
	switch p := k.public.(type) {
	case nil:
		equal := false
		k.mac(input, func(sum []byte) { equal = hmac.Equal(signature, sum) })
		return equal
	case *ecdsa.PublicKey:
		digest := sha256.Sum256(input)
		var der [72]byte
		return ecdsa.VerifyASN1(p, digest[:], appendDER(der[:0], signature))
	case *rsa.PublicKey:
		digest := sha256.Sum256(input)
		return rsa.VerifyPKCS1v15(p, crypto.SHA256, digest[:], signature) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(p, input, signature)
	}
	return false
}

// sign appends the signature over input.
func (k *Key) sign(dst, input []byte) ([]byte, error) {
	switch p := k.private.(type) {
	case nil:
		if k.secret == nil {
			return nil, errors.New("token: a public key cannot sign")
		}
		k.mac(input, func(sum []byte) { dst = append(dst, sum...) })
		return dst, nil
	case *ecdsa.PrivateKey:
		digest := sha256.Sum256(input)
		r, s, err := ecdsa.Sign(rand.Reader, p, digest[:])
		if err != nil {
			return nil, err
		}
		return appendFixed(appendFixed(dst, r), s), nil
	case *rsa.PrivateKey:
		digest := sha256.Sum256(input)
		s, err := rsa.SignPKCS1v15(nil, p, crypto.SHA256, digest[:])
		return append(dst, s...), err
	case ed25519.PrivateKey:
		return append(dst, ed25519.Sign(p, input)...), nil
	}
	return nil, errors.New("token: a key of this type cannot sign")
}

// A macState is an HMAC keyed with one key's secret. States are kept: keying
// one costs as much as a short token.
type macState struct {
	hash.Hash
	sum [sha256.Size]byte
}

// mac lends HMAC-SHA-256(secret, input) to use.
func (k *Key) mac(input []byte, use func(sum []byte)) {
	m, ok := k.macs.Get().(*macState)
	if !ok {
		m = &macState{Hash: hmac.New(sha256.New, k.secret)}
	}
	m.Reset()
	m.Write(input)
	use(m.Sum(m.sum[:0]))
	k.macs.Put(m)
}

// appendFixed appends a P-256 scalar as 32 big-endian bytes (RFC 7518
// section 3.4).
func appendFixed(dst []byte, n *big.Int) []byte {
	var b [32]byte
	return append(dst, n.FillBytes(b[:])...)
}

// appendDER turns r||s, 64 bytes, into the ASN.1 that crypto/ecdsa reads. It
// cannot fail: ranges are checked there.
func appendDER(dst, rs []byte) []byte {
	dst = append(dst, 0x30, 0)
	dst = appendDERInteger(dst, rs[:32])
	dst = appendDERInteger(dst, rs[32:])
	dst[1] = byte(len(dst) - 2)
	return dst
}

func appendDERInteger(dst, n []byte) []byte {
	for len(n) > 1 && n[0] == 0 {
		n = n[1:]
	}
	dst = append(dst, 0x02, byte(len(n)))
	if n[0]&0x80 != 0 {
		dst[len(dst)-1]++
		dst = append(dst, 0)
	}
	return append(dst, n...)
}
