package pawl

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/pawlauth/pawl/token"
)

// ErrMasterKey says that the master key is not the one that the keys in the
// store were sealed with. Pawl never answers it by making new keys: that would
// sign everybody out.
var ErrMasterKey = errors.New("pawl: the master key does not open the keys in the store; put back the master key that belongs to this database")

// MasterKey seals the signing keys at rest (AES-256-GCM), so that a copy of
// the database signs nothing. It prints as "[master key]".
type MasterKey struct{ b [32]byte }

// NewMasterKey makes a random master key.
func NewMasterKey() MasterKey {
	var k MasterKey
	rand.Read(k.b[:])
	return k
}

// ParseMasterKey reads the form that Text gives: 43 characters of base64url.
// White space around it is ignored, as files end with a newline.
func ParseMasterKey(text string) (MasterKey, error) {
	var k MasterKey
	b, err := token.DecodeBase64URL(strings.TrimSpace(text))
	if err != nil || len(b) != len(k.b) {
		return k, errors.New("pawl: a master key is 32 random bytes in base64url, 43 characters")
	}
	copy(k.b[:], b)
	return k, nil
}

// Text gives the key itself, for a file of mode 0600.
func (k MasterKey) Text() string { return base64.RawURLEncoding.EncodeToString(k.b[:]) }

func (MasterKey) String() string       { return "[master key]" }
func (MasterKey) GoString() string     { return "[master key]" }
func (MasterKey) LogValue() slog.Value { return slog.StringValue("[master key]") }

// IsZero reports whether no key was set.
func (k MasterKey) IsZero() bool { return k.b == [32]byte{} }

func (k MasterKey) aead() cipher.AEAD {
	block, err := aes.NewCipher(k.b[:])
	if err != nil {
		panic(err) // 32 bytes always fit
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return aead
}

// sealedAs binds a sealed key to its place, so that whoever can write to the
// store cannot pass an access key off as a refresh key.
func (r KeyRecord) sealedAs() []byte {
	return []byte("pawl key 1|" + r.ID + "|" + r.Use + "|" + r.Algorithm)
}

func (k MasterKey) seal(key *token.Key, r KeyRecord) ([]byte, error) {
	private, err := key.MarshalPrivate()
	if err != nil {
		return nil, err
	}
	return k.aead().Seal(nil, nil, private, r.sealedAs()), nil
}

// Opens gives ErrMasterKey if the keys were sealed with another master key, all
// or one of them.
func (k MasterKey) Opens(keys ...KeyRecord) error {
	for _, r := range keys {
		if _, err := k.open(r); err != nil {
			return err
		}
	}
	return nil
}

func (k MasterKey) open(r KeyRecord) (*token.Key, error) {
	private, err := k.aead().Open(nil, nil, r.Sealed, r.sealedAs())
	if err != nil {
		return nil, ErrMasterKey
	}
	key, err := token.ParseKey(r.Algorithm, private)
	if err != nil {
		return nil, fmt.Errorf("pawl: key %s in the store: %w", r.ID, err)
	}
	return key, nil
}
