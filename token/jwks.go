package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

const maxJWKS = 256 << 10 // bytes; 64 RSA keys of 8192 bits need 100 KiB

func marshalJWKS(keys []*Key) ([]byte, error) {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range keys {
		if k.public == nil {
			continue // a symmetric key is secret: publishing it hands out sign-ins
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.public, KeyID: k.id, Algorithm: k.alg, Use: "sig"})
	}
	return json.Marshal(set)
}

// A jwk is what decides about a key before its numbers are read.
type jwk struct {
	Kty, Alg, Use, Kid, Crv string

	KeyOps []string `json:"key_ops"`

	// Private members (RFC 7518 section 6), in any JSON type.
	D, P, Q, DP, DQ, QI, Oth, K json.RawMessage
}

func (j jwk) private() bool {
	for _, m := range []json.RawMessage{j.D, j.P, j.Q, j.DP, j.DQ, j.QI, j.Oth, j.K} {
		if m != nil {
			return true
		}
	}
	return j.Kty == "oct"
}

// known reports whether this is a key for one of our algorithms. RFC 7517
// section 5 lets a reader ignore the others. A key without alg is one of them:
// it would be the token's choice what to do with it.
func (j jwk) known() bool {
	if j.Use != "" && j.Use != "sig" || j.KeyOps != nil && !slices.Contains(j.KeyOps, "verify") {
		return false
	}
	switch j.Alg {
	case ES256:
		return j.Kty == "EC" && j.Crv == "P-256"
	case RS256:
		return j.Kty == "RSA"
	case Ed25519:
		return j.Kty == "OKP" && j.Crv == "Ed25519"
	}
	return false
}

// ParseJWKS reads the JWK set of a Pawl issuer into a set that verifies only.
// It ignores keys of unknown type, algorithm or use, and refuses the whole
// document when it is larger than 256 KiB, holds more than 64 keys, is not
// strict JSON, or holds a private or symmetric key (a leak to be noticed, not
// worked around), a weak one, or one whose kid is not its thumbprint.
func ParseJWKS(b []byte) (*KeySet, error) {
	if len(b) > maxJWKS {
		return nil, fmt.Errorf("token: JWK set of %d bytes, more than %d", len(b), maxJWKS)
	}
	if err := checkJSON(string(b)); err != nil {
		return nil, fmt.Errorf("token: JWK set: %w", err)
	}
	var doc struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(b, &doc); err != nil || doc.Keys == nil {
		return nil, errors.New(`token: JWK set has no array "keys"`)
	}
	if len(doc.Keys) > maxKeys {
		return nil, fmt.Errorf("token: JWK set of %d keys, more than %d", len(doc.Keys), maxKeys)
	}
	var keys []*Key
	for i, raw := range doc.Keys {
		k, err := parseJWK(raw)
		if err != nil {
			return nil, fmt.Errorf("token: JWK set, key %d: %w", i, err)
		}
		if k != nil {
			keys = append(keys, k)
		}
	}
	return NewKeySet(nil, keys...)
}

// parseJWK returns nil for a key to be ignored.
func parseJWK(raw []byte) (*Key, error) {
	var j jwk
	if err := json.Unmarshal(raw, &j); err != nil {
		return nil, errors.New("not a JWK")
	}
	if j.private() {
		return nil, errors.New("private or symmetric key in a public document")
	}
	if !j.known() {
		return nil, nil
	}
	var parsed jose.JSONWebKey
	if err := parsed.UnmarshalJSON(raw); err != nil {
		return nil, err
	}
	k, err := newPublicKey(j.Alg, parsed.Key)
	if err != nil {
		return nil, err
	}
	if j.Kid != k.id {
		return nil, errors.New("kid is not the key's RFC 7638 thumbprint")
	}
	return k, nil
}
