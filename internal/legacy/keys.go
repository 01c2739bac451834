package legacy

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// A key verifies, by the algorithms that are named.
type key struct {
	id     string
	algs   []string
	public any
}

func (k key) does(alg string) bool { return slices.Contains(k.algs, alg) }

// A keySource gives the keys that may have signed a token with this header.
type keySource interface {
	keys(ctx context.Context, h header) ([]key, error)
}

// secretKey is the one secret of the old system.
type secretKey []byte

func (s secretKey) keys(context.Context, header) ([]key, error) {
	return []key{{algs: []string{"HS256", "HS384", "HS512"}, public: []byte(s)}}, nil
}

// parseJWKS reads the keys that can verify. Secrets among them are left out: in
// a document that others can read they prove nothing.
func parseJWKS(b []byte) ([]key, error) {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(b, &set); err != nil {
		return nil, errors.New("is not a JSON Web Key Set")
	}
	var out []key
	for _, j := range set.Keys {
		if j.Use == "enc" || !j.Valid() {
			continue
		}
		algs := algorithmsOf(j.Public().Key)
		if j.Algorithm != "" && slices.Contains(algs, j.Algorithm) {
			algs = []string{j.Algorithm}
		}
		if len(algs) > 0 {
			out = append(out, key{j.KeyID, algs, j.Public().Key})
		}
	}
	if len(out) == 0 {
		return nil, errors.New("holds no public key that can verify signatures (RSA of 2048 bits, P-256, P-384, P-521, Ed25519)")
	}
	return out, nil
}

// algorithmsOf are those that a key of this kind is for.
func algorithmsOf(public any) []string {
	const minRSA = 2048
	switch k := public.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() >= minRSA {
			return []string{"RS256", "RS384", "RS512"}
		}
	case *ecdsa.PublicKey:
		return map[int][]string{256: {"ES256"}, 384: {"ES384"}, 521: {"ES512"}}[k.Curve.Params().BitSize]
	case ed25519.PublicKey:
		return []string{"EdDSA"}
	}
	return nil
}

// fitting picks the keys with the header's id. Without an id any may have
// signed.
func fitting(all []key, h header) []key {
	if h.Kid == "" {
		return all
	}
	var out []key
	for _, k := range all {
		if k.id == h.Kid {
			out = append(out, k)
		}
	}
	return out
}
