package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/go-jose/go-jose/v4"
)

// The algorithms, by their registered names (RFC 7518 section 3.1, RFC 9864).
// Names are compared exactly. "EdDSA" is not an alias of Ed25519: RFC 9864
// deprecates it because it does not name one algorithm, and a second name for
// the same key would be a second way to write the same header.
const (
	ES256   = "ES256"   // ECDSA over P-256 with SHA-256
	RS256   = "RS256"   // RSASSA-PKCS1-v1_5 with SHA-256
	Ed25519 = "Ed25519" // EdDSA over Curve25519
	HS256   = "HS256"   // HMAC with SHA-256
)

const (
	minRSABits = 3072
	maxRSABits = 8192 // a larger modulus only buys a slower check
	hmacBytes  = 32
	maxHMAC    = 1024
)

// A Key is one key with its one algorithm: private, or public only. It prints
// as its algorithm and id, whatever the verb.
type Key struct {
	alg     string
	id      string
	private crypto.Signer    // nil when public only or symmetric
	public  crypto.PublicKey // nil when symmetric
	secret  []byte           // HS256
	macs    sync.Pool        // of *macState

	// The encoded header segments of every token this key signs.
	accessHeader, refreshHeader string
}

// GenerateKey makes a new private key for alg: P-256, Ed25519, RSA of 3072
// bits, or 256 random bits for HS256.
func GenerateKey(alg string) (*Key, error) {
	switch alg {
	case ES256:
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		return newPrivateKey(alg, k)
	case RS256:
		k, err := rsa.GenerateKey(rand.Reader, minRSABits)
		if err != nil {
			return nil, err
		}
		return newPrivateKey(alg, k)
	case Ed25519:
		_, k, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		return newPrivateKey(alg, k)
	case HS256:
		secret := make([]byte, hmacBytes)
		rand.Read(secret)
		return newSecretKey(secret), nil
	}
	return nil, errAlgorithmName(alg)
}

// ParseKey reads what [Key.MarshalPrivate] wrote: PKCS #8 in DER, or the bare
// bytes of an HS256 key. It refuses keys of another type than alg, other
// curves than P-256, RSA below 3072 bits, and HMAC keys shorter than 256 bits
// or that look like something a person chose.
func ParseKey(alg string, private []byte) (*Key, error) {
	switch alg {
	case HS256:
		if err := checkSecret(private); err != nil {
			return nil, err
		}
		return newSecretKey(slices.Clone(private)), nil
	case ES256, RS256, Ed25519:
	default:
		return nil, errAlgorithmName(alg)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(private)
	if err != nil {
		// The cause may quote bytes of the key.
		return nil, fmt.Errorf("token: %s key is not a valid PKCS #8 private key in DER", alg)
	}
	signer, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("token: a %T cannot sign", parsed)
	}
	return newPrivateKey(alg, signer)
}

func errAlgorithmName(alg string) error {
	return fmt.Errorf("token: unknown algorithm %q; use ES256, RS256, Ed25519 or HS256", alg)
}

func newPrivateKey(alg string, signer crypto.Signer) (*Key, error) {
	k, err := newPublicKey(alg, signer.Public())
	if err != nil {
		return nil, err
	}
	k.private = signer
	return k, nil
}

func newPublicKey(alg string, public crypto.PublicKey) (*Key, error) {
	if err := checkPublic(alg, public); err != nil {
		return nil, err
	}
	thumb, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("token: %s key: %w", alg, err)
	}
	k := &Key{alg: alg, id: b64.EncodeToString(thumb), public: public}
	k.setHeaders()
	return k, nil
}

func newSecretKey(secret []byte) *Key {
	// RFC 7638 section 7 warns that a thumbprint lets anybody test guesses at
	// a symmetric key. Nobody guesses 256 random bits.
	thumb := sha256.Sum256([]byte(`{"k":"` + b64.EncodeToString(secret) + `","kty":"oct"}`))
	k := &Key{alg: HS256, id: b64.EncodeToString(thumb[:]), secret: secret}
	k.setHeaders()
	return k
}

func (k *Key) setHeaders() {
	k.accessHeader = encodeHeader(k.alg, k.id, typAccess)
	k.refreshHeader = encodeHeader(k.alg, k.id, typRefresh)
}

// MarshalPrivate returns the private key as [ParseKey] reads it: PKCS #8 DER,
// or the bare bytes for HS256. A public key has none, which is an error.
// Encrypt the result before storing it.
func (k *Key) MarshalPrivate() ([]byte, error) {
	switch {
	case k.alg == HS256:
		return slices.Clone(k.secret), nil
	case k.private == nil:
		return nil, errors.New("token: public key: nothing private to marshal")
	}
	return x509.MarshalPKCS8PrivateKey(k.private)
}

// ID is the key's RFC 7638 thumbprint with SHA-256, base64url: its kid.
func (k *Key) ID() string { return k.id }

// Algorithm is the one algorithm this key is used with.
func (k *Key) Algorithm() string { return k.alg }

// CanSign reports whether the key has its private half.
func (k *Key) CanSign() bool { return k.private != nil || k.secret != nil }

// String names the key without showing it.
func (k *Key) String() string { return "token.Key(" + k.alg + " " + k.id + ")" }

// GoString names the key without showing it.
func (k *Key) GoString() string { return k.String() }

// Format names the key without showing it, under every verb.
func (k *Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.String()) }

// LogValue names the key without showing it.
func (k *Key) LogValue() slog.Value { return slog.StringValue(k.String()) }
