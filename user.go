package pawl

import (
	"context"
	"slices"
	"strings"
	"time"
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
	Login        string // what the person types as userId; empty: nobody signs in by it
	PasswordHash string // of any form that password.Recognised knows; empty: no password sign-in
	Disabled     bool
	Roles        []string
	Claims       map[string]any // added to access tokens; registered names are refused. Numbers come back from a store as float64
}

// IsAdmin reports whether the user is an administrator.
func (u User) IsAdmin() bool { return slices.Contains(u.Roles, RoleAdmin) }

// Users finds people. It is all that a program with a user table of its own
// implements; where its hashes are of several kinds, [UserLister] besides. Methods
// are safe for concurrent use; ErrNotFound if there is
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

	// SetPasswordHash is as PasswordSetter says, and voids the user's reset code.
	PasswordSetter

	// CreateUser adds a user; ErrConflict if the ID or the login is taken.
	CreateUser(ctx context.Context, u User) error

	// CreateUsers adds those whose ID and login are free, in order, in one atomic
	// step, and says of each whether it was taken.
	CreateUsers(ctx context.Context, us []User) (taken []bool, err error)

	// UpdateUser makes the change in one atomic step and gives the user before
	// and after it, which is as UserChange.Apply says. A user who becomes an
	// administrator by it loses their password and their reset code: others may
	// know or hold those. ErrNotFound; ErrConflict if the new login is taken, and
	// then nothing is changed.
	UpdateUser(ctx context.Context, id string, c UserChange) (before, after User, err error)

	// DeleteUser deletes the user and their reset code; ErrNotFound.
	DeleteUser(ctx context.Context, id string) error

	// ListUsers gives at most q.Limit users in the byte order of SortKey.
	ListUsers(ctx context.Context, q UserQuery) ([]User, error)

	// OfferSetup keeps the SHA-256 of a one-time setup code, in place of any
	// earlier one, unless a user with RoleAdmin exists: then it answers false.
	OfferSetup(ctx context.Context, code [32]byte) (open bool, err error)

	// CheckSetup returns nil where CreateFirst would take the code, and otherwise
	// ErrNotFound: the code is not the one offered, or a user with RoleAdmin exists.
	CheckSetup(ctx context.Context, code [32]byte) error

	// CreateFirst adds the first administrator and uses the code up, in one
	// atomic step. ErrNotFound if the code is not the one offered or a user with
	// RoleAdmin exists; ErrConflict, and the code stays good, if the ID or the
	// login is taken.
	CreateFirst(ctx context.Context, code [32]byte, u User) error

	// OfferReset keeps the SHA-256 of a one-time code that sets the user's
	// password, in place of any earlier one of theirs. ErrNotFound for nobody.
	OfferReset(ctx context.Context, id string, code [32]byte, expires time.Time) error

	// ResetOf gives whose code it is; ErrNotFound if it is unknown or was voided,
	// or if now is not before its expiry.
	ResetOf(ctx context.Context, code [32]byte, now time.Time) (Reset, error)

	// ResetPassword replaces the user's hash, whatever it is, and marks the code
	// as spent, in one atomic step. ErrNotFound if ResetOf would answer so or the
	// code is spent.
	ResetPassword(ctx context.Context, code [32]byte, now time.Time, hash string) error
}

// UserChange is what is to be changed of a user; nil leaves it as it is.
type UserChange struct {
	Login    *string
	Disabled *bool
	Roles    *[]string
	Claims   *map[string]any
}

// Apply gives the user as the change leaves them: without a password, if it makes
// them an administrator. A registered client may have set that password, by a code
// that it made for a user who was none (decision 0087).
func (c UserChange) Apply(u User) User {
	if c.promotes(u) {
		u.PasswordHash = ""
	}
	if c.Login != nil {
		u.Login = *c.Login
	}
	if c.Disabled != nil {
		u.Disabled = *c.Disabled
	}
	if c.Roles != nil {
		u.Roles = *c.Roles
	}
	if c.Claims != nil {
		u.Claims = *c.Claims
	}
	return u
}

// promotes reports whether the change makes an administrator of the user.
func (c UserChange) promotes(u User) bool {
	return c.Roles != nil && slices.Contains(*c.Roles, RoleAdmin) && !u.IsAdmin()
}

// UserQuery says which users are wanted.
type UserQuery struct {
	After  string // the SortKey of the last user of the page before; empty: from the start
	Search string // a part of the folded login, or the whole ID; empty: everybody
	Limit  int    // most users of the page
}

// Reset is a one-time code that sets a password.
type Reset struct {
	User  User // whose it is
	Spent bool // it set a password already, and is kept so that a lost answer can be asked for again
}

// SortKey is the user's place among all: the folded login, or, behind all of
// those, the ID of whoever has none. No two users have the same.
func (u User) SortKey() (string, error) {
	if u.Login == "" {
		return noLogin + u.ID, nil
	}
	return FoldLogin(u.Login)
}

// noLogin begins the SortKey of users without a login: a character that no login
// holds and that sorts last.
const noLogin = "\U0010FFFD"

// maxLogin bounds a login name, in characters.
const maxLogin = 128

// FoldLogin gives the form in which logins are compared: lower case, NFC, no
// space around it; folding twice changes nothing. An *api.Error says what is
// wrong with a name that cannot be a login.
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
