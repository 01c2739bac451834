package token

import "strings"

const (
	typAccess  = "at+jwt" // RFC 9068 section 2.1
	typRefresh = "rt+jwt"

	maxAccess  = 8 << 10 // bytes of a compact access token
	maxRefresh = 2 << 10 // of a compact refresh token: it must fit in a cookie
	maxHeader  = 512     // of an encoded header segment
	maxKeyID   = 128     // of a kid
)

var (
	errSize       = refuse("token is empty or too large")
	errSegments   = refuse("token is not three segments of compact JWS")
	errHeaderSize = refuse("header is empty or too large")
	errMember     = refuse("header member other than alg, kid and typ")
	errAlgorithm  = refuse("algorithm is not allowed, or not the key's")
	errTyp        = refuse("typ is not that of this kind of token")
	errKeyID      = refuse("kid is missing, empty or too long")
)

// A jws is the three segments of a compact serialization, still encoded.
type jws struct{ input, header, payload, signature string }

// split finds the segments without allocating, whatever it is given: splitting
// a token of dots costs others memory (CVE-2025-30204).
func split(compact string, limit int) (jws, error) {
	if len(compact) == 0 || len(compact) > limit {
		return jws{}, errSize
	}
	i := strings.IndexByte(compact, '.')
	j := strings.LastIndexByte(compact, '.')
	if i < 0 || i == j || strings.IndexByte(compact[i+1:j], '.') >= 0 {
		return jws{}, errSegments
	}
	if i == 0 || i > maxHeader {
		return jws{}, errHeaderSize
	}
	return jws{compact[:j], compact[:i], compact[i+1 : j], compact[j+1:]}, nil
}

// A header is all that Pawl ever puts into one.
type header struct{ alg, kid, typ string }

func encodeHeader(alg, kid, typ string) string {
	return b64.EncodeToString([]byte(`{"alg":"` + alg + `","kid":"` + kid + `","typ":"` + typ + `"}`))
}

// parseHeader reads an encoded header. Members are an allow-list, so whatever
// asks for other processing is refused by name or not: keys and addresses of
// keys (jwk, jku, x5u, x5c, x5t: the sender would choose the key), crit and
// b64 (RFC 7797), zip (decompression bombs), enc (JWE) and cty (nesting).
func parseHeader(segment string) (h header, err error) {
	var buf [maxHeader]byte
	decoded, err := decodeSegment(buf[:0], segment)
	if err != nil {
		return h, err
	}
	p := scanner{s: string(decoded)}
	o := object{p: &p}
	if err := o.open(); err != nil {
		return h, err
	}
	for {
		name, more, err := o.next()
		if err != nil {
			return h, err
		}
		if !more {
			return h, p.end()
		}
		switch name {
		case "alg":
			h.alg, err = p.str()
		case "kid":
			h.kid, err = p.str()
		case "typ":
			h.typ, err = p.str()
		default:
			err = errMember
		}
		if err != nil {
			return h, err
		}
	}
}

// supported is the allow-list, by exact name: "none" in any spelling is not on
// it (RFC 8725 section 3.1).
func supported(alg string) bool {
	return alg == ES256 || alg == RS256 || alg == Ed25519 || alg == HS256
}

// open decodes the payload and verifies the signature, shape before cost: a
// wrong length or a bad character is refused before any curve is touched.
func (k *Key) open(t jws) (payload string, err error) {
	if len(t.signature) != b64.EncodedLen(k.signatureSize()) {
		return "", errSignatureSize
	}
	var sigBuf [maxSignature]byte
	signature, err := decodeSegment(sigBuf[:0], t.signature)
	if err != nil {
		return "", err
	}
	decoded, err := decodeSegment(make([]byte, 0, b64.DecodedLen(len(t.payload))), t.payload)
	if err != nil {
		return "", err
	}
	if err := k.check([]byte(t.input), signature); err != nil {
		return "", err
	}
	return string(decoded), nil
}

// openCompact verifies a compact JWS under k, whatever its typ, kid and
// payload: the layer below tokens, where outside test vectors apply.
func (k *Key) openCompact(compact string) (payload string, err error) {
	t, err := split(compact, maxAccess)
	if err != nil {
		return "", err
	}
	h, err := parseHeader(t.header)
	if err != nil {
		return "", err
	}
	if h.alg != k.alg {
		return "", errAlgorithm
	}
	return k.open(t)
}
