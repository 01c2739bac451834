package token

import "encoding/base64"

// b64 encodes; decoding is decodeSegment alone. encoding/base64 skips line
// breaks even in strict mode, which would give one token, one session or one
// cursor many spellings (RFC 7515 section 2 forbids them).
var b64 = base64.RawURLEncoding

var errBase64 = refuse("not canonical base64url")

const notInAlphabet = 0xff

var sextets = func() (t [256]byte) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i := range t {
		t[i] = notInAlphabet
	}
	for i := range len(alphabet) {
		t[alphabet[i]] = byte(i)
	}
	return t
}()

// DecodeBase64URL returns the bytes that s encodes. It accepts one spelling of
// every value, as described at RFC 7515 section 2: no padding, no line breaks,
// unused bits zero. Where a text names something, two texts must not name the
// same: use this and not encoding/base64.
func DecodeBase64URL(s string) ([]byte, error) { return decodeSegment(nil, s) }

// ParseSessionID returns the bytes of a session id, whose text is that of
// [SessionID]; ok is false for every other text. Another spelling of an id is the
// id of no session.
func ParseSessionID(id string) (raw [16]byte, ok bool) {
	b, err := decodeSegment(nil, id)
	if err != nil || len(b) != len(raw) {
		return raw, false
	}
	return [16]byte(b), true
}

// decodeSegment appends the bytes that s encodes. It accepts exactly one
// spelling of every value: no padding, no line breaks, unused bits zero.
// Otherwise a caller who compares or caches tokens by their bytes could be
// given the same token in many disguises.
func decodeSegment(dst []byte, s string) ([]byte, error) {
	for ; len(s) >= 4; s = s[4:] {
		a, b, c, d := sextets[s[0]], sextets[s[1]], sextets[s[2]], sextets[s[3]]
		if (a|b|c|d)&0x80 != 0 {
			return nil, errBase64
		}
		dst = append(dst, a<<2|b>>4, b<<4|c>>2, c<<6|d)
	}
	switch len(s) {
	case 0:
		return dst, nil
	case 2:
		a, b := sextets[s[0]], sextets[s[1]]
		if (a|b)&0x80 != 0 || b&0x0f != 0 {
			return nil, errBase64
		}
		return append(dst, a<<2|b>>4), nil
	case 3:
		a, b, c := sextets[s[0]], sextets[s[1]], sextets[s[2]]
		if (a|b|c)&0x80 != 0 || c&0x03 != 0 {
			return nil, errBase64
		}
		return append(dst, a<<2|b>>4, b<<4|c>>2), nil
	default: // one character carries six bits: never a byte
		return nil, errBase64
	}
}
