package token

import (
	"errors"
	"fmt"
	"slices"
)

const maxKeys = 64

// A KeySet is the keys that are accepted at one moment, and the one that signs.
// It is immutable: replace it as a whole.
type KeySet struct {
	signing *Key
	keys    []*Key
	byID    map[string]*Key
	known   map[string]knownHeader
	jwks    []byte
}

// A knownHeader is a header segment that Pawl itself would have written. A
// token whose header is byte-equal to one needs no header parsing.
type knownHeader struct {
	key *Key
	typ string
}

// NewKeySet makes a set that signs with signing and accepts it and all of
// accepted. signing may be nil: the set then only verifies. It refuses two
// different keys with the same id, more than 64 keys, and a signing key
// without its private half.
func NewKeySet(signing *Key, accepted ...*Key) (*KeySet, error) {
	s := &KeySet{signing: signing, byID: map[string]*Key{}, known: map[string]knownHeader{}}
	if signing != nil {
		if !signing.CanSign() {
			return nil, errors.New("token: the signing key is public only")
		}
		accepted = append([]*Key{signing}, accepted...)
	}
	for _, k := range accepted {
		if err := s.add(k); err != nil {
			return nil, err
		}
	}
	var err error
	s.jwks, err = marshalJWKS(s.keys)
	return s, err
}

func (s *KeySet) add(k *Key) error {
	switch {
	case k == nil:
		return errors.New("token: nil key in a key set")
	case k == s.byID[k.id]:
		return nil // listed twice, but one key
	case s.byID[k.id] != nil:
		return fmt.Errorf("token: two keys with the id %s", k.id)
	case len(s.keys) == maxKeys:
		return fmt.Errorf("token: more than %d keys in a set", maxKeys)
	}
	s.keys = append(s.keys, k)
	s.byID[k.id] = k
	s.known[k.accessHeader] = knownHeader{k, typAccess}
	if k.alg == HS256 {
		s.known[k.refreshHeader] = knownHeader{k, typRefresh}
	}
	return nil
}

// Has reports whether the set accepts tokens with this kid.
func (s *KeySet) Has(kid string) bool { return s.byID[kid] != nil }

// Keys returns the accepted keys, the signing one first.
func (s *KeySet) Keys() []*Key { return slices.Clone(s.keys) }

// Signing returns the key that signs, nil for a set that only verifies.
func (s *KeySet) Signing() *Key { return s.signing }

// JWKS returns the public keys as a JWK set (RFC 7517 section 5), made once;
// the caller must not change it. Symmetric keys never appear, nor any private
// member.
func (s *KeySet) JWKS() []byte { return s.jwks }

// open verifies a compact token of one typ and returns its claims, as bytes.
func (s *KeySet) open(compact, typ string, limit int) (payload string, err error) {
	if s == nil {
		return "", errVerifier
	}
	t, err := split(compact, limit)
	if err != nil {
		return "", err
	}
	k, err := s.keyFor(t.header, typ)
	if err != nil {
		return "", err
	}
	return k.open(t)
}

// keyFor finds the key for an encoded header. kid is a map key of bounded
// length and nothing else: never a path, a query or an address (RFC 8725
// section 3.10).
func (s *KeySet) keyFor(segment, typ string) (*Key, error) {
	if known, ok := s.known[segment]; ok {
		if known.typ != typ {
			return nil, errTyp
		}
		return known.key, nil
	}
	h, err := parseHeader(segment)
	switch {
	case err != nil:
		return nil, err
	case !supported(h.alg):
		return nil, errAlgorithm
	case h.typ != typ:
		return nil, errTyp
	case h.kid == "" || len(h.kid) > maxKeyID:
		return nil, errKeyID
	}
	k := s.byID[h.kid]
	switch {
	case k == nil:
		return nil, ErrUnknownKey
	case h.alg != k.alg, typ == typRefresh && k.alg != HS256:
		return nil, errAlgorithm
	}
	return k, nil
}

// seal signs a payload under the set's signing key.
func (s *KeySet) seal(header string, payload []byte, limit int) (string, error) {
	k := s.signing
	size := len(header) + b64.EncodedLen(len(payload)) + b64.EncodedLen(k.signatureSize()) + 2
	if size > limit {
		return "", fmt.Errorf("token: %d bytes, more than the %d that are accepted; shorten the claims", size, limit)
	}
	compact := append(make([]byte, 0, size), header...)
	compact = append(compact, '.')
	compact = b64.AppendEncode(compact, payload)
	var buf [maxSignature]byte
	signature, err := k.sign(buf[:0], compact)
	if err != nil {
		return "", fmt.Errorf("token: signing: %w", err)
	}
	compact = append(compact, '.')
	return string(b64.AppendEncode(compact, signature)), nil
}
