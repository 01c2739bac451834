package legacy

import (
	"crypto/sha256"
	"encoding/json"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/pawlauth/pawl/token"
)

// header is what is looked at of a token's header.
type header struct {
	Alg string `json:"alg"`
	Kid string `json:"kid"`
	Typ string `json:"typ"`
}

// A jws is a token whose form is right.
type jws struct {
	compact   string
	header    header
	claims    map[string]any
	signature []byte
}

// algorithms is the allow-list, by exact name (RFC 8725 §3.1). Of each, one
// message has one signature, but for ECDSA: see secret.
var algorithms = []jose.SignatureAlgorithm{
	jose.HS256, jose.HS384, jose.HS512,
	jose.RS256, jose.RS384, jose.RS512,
	jose.ES256, jose.ES384, jose.ES512,
	jose.EdDSA,
}

// parse checks the form, before anything costs: the size, three segments of
// canonical base64url, strict JSON without duplicate or case-variant members.
func parse(compact string) (*jws, error) {
	info, err := token.Inspect(compact)
	if err != nil {
		return nil, refuse("its form: " + err.Error())
	}
	t := &jws{compact: compact}
	if t.signature, err = canonical(compact[strings.LastIndexByte(compact, '.')+1:]); err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(info.Header, &members) != nil || json.Unmarshal(info.Header, &t.header) != nil || json.Unmarshal(info.Claims, &t.claims) != nil {
		return nil, refuse("its header or claims cannot be read")
	}
	// What asks for other processing, and keys of the sender's choosing.
	for _, name := range []string{"crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c"} {
		if _, ok := members[name]; ok {
			return nil, refuse("header member " + name)
		}
	}
	// Pawl's own tokens are no old ones, whatever keys are configured: an access
	// token would become a session.
	switch strings.TrimPrefix(strings.ToLower(t.header.Typ), "application/") {
	case "at+jwt", "rt+jwt":
		return nil, refuse("typ is that of a token of Pawl's")
	}
	return t, nil
}

// canonical decodes base64url that is spelt in the one right way: the secret
// must not depend on the spelling.
func canonical(segment string) ([]byte, error) {
	b, err := token.DecodeBase64URL(segment)
	if err != nil {
		return nil, refuse("its signature is not canonical base64url")
	}
	return b, nil
}

// verify checks the signature by any of the keys, each of which is for one
// family of algorithms and is never asked for another.
func (t *jws) verify(keys []key) error {
	parsed, err := jose.ParseSignedCompact(t.compact, algorithms)
	if err != nil {
		return refuse("its algorithm is not one that is taken")
	}
	for _, k := range keys {
		if !k.does(t.header.Alg) {
			continue
		}
		if _, err := parsed.Verify(k.public); err == nil {
			return nil
		}
	}
	return refuse("no key fits its signature")
}

// secret is what the session's secret follows from: the signing input and the
// signature. Of an ECDSA signature only r, since whoever has (r, s) can make
// (r, n−s), which is as valid.
func (t *jws) secret() [16]byte {
	signature := t.signature
	if strings.HasPrefix(t.header.Alg, "ES") {
		signature = signature[:len(signature)/2]
	}
	h := sha256.New()
	h.Write([]byte("pawl: the secret of a session that moved in\x00"))
	h.Write([]byte(t.compact[:strings.LastIndexByte(t.compact, '.')+1]))
	h.Write(signature)
	return [16]byte(h.Sum(nil)[:16])
}
