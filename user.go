package pawl

import (
	"context"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/pawlauth/pawl/api"
)

// RoleAdmin is the role of administrators.
const RoleAdmin = "admin"

// User is what Pawl needs to know of a person.
type User struct {
	ID           string // subject of the tokens; stable, at most 128 bytes, never reused
	Login        string // what the person types as userId
	PasswordHash string // PHC string, bcrypt or {bcrypt}; empty: no password sign-in
	Disabled     bool
	Roles        []string
	Claims       map[string]any // added to access tokens; registered names are refused. Numbers come back from a store as float64
}

// Users finds people. It is all that a program with a user table of its own
// implements. Methods are safe for concurrent use; ErrNotFound if there is
// nobody; any other error means that the table could not answer.
type Users interface {
	ByID(ctx context.Context, id string) (User, error)       // at each reissue, cached for Config.UserCache
	ByLogin(ctx context.Context, login string) (User, error) // at sign-in; login as FoldLogin gives it
}

// PasswordSetter is what Users may have besides, to upgrade weak hashes at
// sign-in and to let people change their password.
type PasswordSetter interface {
	// SetPasswordHash replaces the hash if it is still old; ErrConflict if not.
	SetPasswordHash(ctx context.Context, id, old, new string) error
}

// UserStore is Pawl's own user table.
type UserStore interface {
	Users
	PasswordSetter

	// CreateUser adds a user; ErrConflict if the ID or the login is taken.
	CreateUser(ctx context.Context, u User) error

	// ListUsers gives up to limit users whose login sorts after the given one,
	// in the byte order of FoldLogin's form.
	ListUsers(ctx context.Context, after string, limit int) ([]User, error)

	// OfferSetup keeps the SHA-256 of a one-time setup code, in place of any
	// earlier one, unless a user with RoleAdmin exists: then it answers false.
	OfferSetup(ctx context.Context, code [32]byte) (open bool, err error)

	// CreateFirst adds the first administrator and uses the code up, in one
	// atomic step. ErrNotFound if the code is not the one offered or a user with
	// RoleAdmin exists; ErrConflict, and the code stays good, if the ID or the
	// login is taken.
	CreateFirst(ctx context.Context, code [32]byte, u User) error
}

// maxLogin bounds a login name, in characters.
const maxLogin = 128

// FoldLogin gives the form in which logins are compared: lower case, NFC, no
// space around it; folding twice changes nothing. An *api.Error says what is wrong with a name that cannot be
// a login.
func FoldLogin(login string) (string, error) {
	bad := func(why string) (string, error) {
		return "", api.ErrInvalidRequest.With("userId %s.", why)
	}
	if !utf8.ValidString(login) {
		return bad("must be UTF-8 text")
	}
	folded := norm.NFC.String(strings.ToLower(strings.TrimSpace(login)))
	if folded == "" {
		return bad("is missing")
	}
	if utf8.RuneCountInString(folded) > maxLogin {
		return bad("is too long: at most 128 characters")
	}
	if strings.ContainsFunc(folded, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return bad("must not hold control characters")
	}
	return folded, nil
}
