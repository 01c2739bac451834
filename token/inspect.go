package token

import "encoding/json"

// Info is a token taken apart, NOT verified. See [Inspect].
type Info struct {
	Header json.RawMessage
	Claims json.RawMessage
}

// Inspect takes a compact token apart WITHOUT VERIFYING ANYTHING: not the
// signature, not the issuer, not the time. Anybody can have written what it
// returns. It is for people who look at a token on a terminal, never for a
// decision.
//
// It accepts any compact JWS of up to 8 KiB whose header and payload are
// strict JSON objects, Pawl's or not. Errors match [ErrInvalid].
func Inspect(compact string) (Info, error) {
	t, err := split(compact, maxAccess)
	if err != nil {
		return Info{}, err
	}
	header, err := inspectSegment(t.header)
	if err != nil {
		return Info{}, err
	}
	claims, err := inspectSegment(t.payload)
	if err != nil {
		return Info{}, err
	}
	return Info{header, claims}, nil
}

func inspectSegment(segment string) (json.RawMessage, error) {
	decoded, err := decodeSegment(nil, segment)
	if err != nil {
		return nil, err
	}
	p := scanner{s: string(decoded)}
	if _, err := p.object(); err != nil {
		return nil, err
	}
	return decoded, p.end()
}
