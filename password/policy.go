package password

import (
	"fmt"
	"unicode/utf8"
)

// Bounds in characters. NIST SP 800-63B-4, 3.1.1.2 asks that at least 64 be
// accepted and never fewer than 8 required; the upper one keeps every accepted
// password within MaxBytes.
const (
	leastMin      = 8
	leastMax      = 64
	maxCharacters = 1024
)

// Policy says which new passwords are acceptable. It is for choosing a
// password, not for checking one: an old password that it would refuse still
// signs in. The zero value is ready for use, and it is safe for concurrent use
// if Blocked is.
type Policy struct {
	// Min and Max are in characters, that is Unicode code points. 0: 12 and
	// 256. Check raises Min to 8 and Max to 64 where they are lower, and lowers
	// both to 1,024.
	Min, Max int

	// Blocked reports further passwords to refuse, such as those of a breach
	// corpus. It sees the password as typed, and only those that pass
	// everything else. Nil: none.
	Blocked func(pw string) bool
}

// Code names the reason for a refusal. The values are stable.
type Code string

// The reasons for a refusal.
const (
	CodeTooShort    Code = "password_too_short"
	CodeTooLong     Code = "password_too_long"
	CodeNotText     Code = "password_not_text"
	CodeCommon      Code = "password_common"
	CodeContext     Code = "password_context"
	CodePredictable Code = "password_predictable"
	CodeBlocked     Code = "password_blocked"
)

// PolicyError is a refusal by [Policy.Check]. Nothing in it quotes the password.
type PolicyError struct {
	Code    Code
	Message string // a sentence for the person who chose the password
}

// Error returns the message.
func (e *PolicyError) Error() string { return e.Message }

// Check returns nil for an acceptable password and otherwise a [*PolicyError].
//
// The rules are: text of Min to Max characters, of which seven remain when a
// common password, the words of context, runs along the keyboard or the
// alphabet, and repetitions are each counted as one character. Upper and lower
// case are alike, and so are look-alikes such as 0 and o.
//
// Context is what a stranger would try for this account: login name, address,
// display name, name of the service.
func (p Policy) Check(pw string, context ...string) error {
	least, most := p.Bounds()
	n := utf8.RuneCountInString(pw)
	switch {
	case n > most:
		return refuse(CodeTooLong, "This password has %d characters. Use at most %d.", n, most)
	case !utf8.ValidString(pw):
		return refuse(CodeNotText, "This password contains bytes that are not text. Type it again.")
	case n < least:
		return refuse(CodeTooShort, "This password has %d characters. Use at least %d, for example several unrelated words.", n, least)
	}
	if code := guess(pw, context); code != "" {
		return refuse(code, "%s", guessMessages[code])
	}
	if p.Blocked != nil && p.Blocked(pw) {
		return refuse(CodeBlocked, "This password is known to others, for example from a leak. Choose a different one.")
	}
	return nil
}

var guessMessages = map[Code]string{
	CodeCommon:      "This password is a common one, perhaps with little added. Use several unrelated words, or let a password manager choose.",
	CodeContext:     "This password is little more than your name, your address or the name of this service. Use several words that have nothing to do with them.",
	CodePredictable: "This password repeats itself or follows the keyboard or the alphabet. Use several unrelated words, or let a password manager choose.",
}

// Bounds returns the least and the most characters that Check accepts, for a
// form to state.
func (p Policy) Bounds() (least, most int) {
	least, most = p.Min, p.Max
	if least == 0 {
		least = 12
	}
	if most == 0 {
		most = 256
	}
	most = min(max(most, leastMax), maxCharacters)
	return min(max(least, leastMin), most), most
}

func refuse(code Code, format string, args ...any) error {
	return &PolicyError{Code: code, Message: fmt.Sprintf(format, args...)}
}
