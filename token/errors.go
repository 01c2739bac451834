package token

import "errors"

var (
	// ErrInvalid is matched by every refusal except expiry. The message says
	// which rule was broken and never contains the token.
	ErrInvalid = errors.New("token: invalid")

	// ErrExpired is returned for an access token that is authentic and right
	// in every other respect, but whose time has passed. It does not match
	// ErrInvalid: the holder should refresh, not sign in.
	ErrExpired = errors.New("token: expired")

	// ErrUnknownKey is returned for a token of the right form whose kid is not
	// in the key set. It matches ErrInvalid too. The key may be newer than the
	// set, so a caller may fetch the set again, but not once per token: kid is
	// chosen by whoever sent the token.
	ErrUnknownKey error = &refusal{"unknown key"}
)

// A refusal is one broken rule. All of them are made before the first request,
// so that refusing garbage allocates nothing.
type refusal struct{ why string }

func refuse(why string) error { return &refusal{why} }

func (r *refusal) Error() string { return "token: invalid: " + r.why }

// Is makes every refusal match ErrInvalid.
func (r *refusal) Is(target error) bool { return target == ErrInvalid }
