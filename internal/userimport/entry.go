package userimport

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/password"
	"github.com/pawlauth/pawl/token"
)

// Entry is a person in the file.
type Entry struct {
	Line  int       // number of the line, or of the first of several
	Raw   []byte    // as in the file, with the line break; nil where that is too long
	User  pawl.User // login folded, hash converted; the ID is empty where the file gives none
	Given Given
	Err   error // what is wrong; the rest is not to be used then. It holds no hash
}

// Given says which members of User the file speaks of. The others are to be
// left as they are.
type Given struct{ Hash, Roles, Claims, Disabled, Subject bool }

func tooLong(l line) Entry {
	return Entry{Line: l.number, Err: fmt.Errorf("it is longer than %d KiB", MaxLine>>10)}
}

// draft is a line whose values are not judged yet. Nil means that the line says
// nothing.
type draft struct {
	userID, hash, subject string
	secret, credential    string // Keycloak's
	roles                 *[]string
	claims                *map[string]any
	disabled              *bool
	hashGiven             bool
	faults                []error
}

func (d *draft) fault(format string, args ...any) {
	d.faults = append(d.faults, fmt.Errorf(format, args...))
}

// setText takes a column, or a member that is text.
func (d *draft) setText(f field, s string) {
	switch f {
	case fieldUserID:
		d.userID = s
	case fieldHash:
		d.hash, d.hashGiven = s, true
	case fieldSubject:
		d.subject = s
	case fieldSecret:
		d.secret, d.hashGiven = s, true
	case fieldKeycloak:
		d.credential, d.hashGiven = s, true
	case fieldRoles:
		roles := strings.Fields(s)
		d.roles = &roles
	case fieldClaims:
		d.setClaims(s)
	case fieldDisabled:
		d.setDisabled(s)
	}
}

func (d *draft) setClaims(s string) {
	claims := map[string]any{}
	if strings.TrimSpace(s) != "" {
		if json.Unmarshal([]byte(s), &claims) != nil || claims == nil {
			d.fault("claims must be a JSON object")
		}
	}
	d.claims = &claims
}

func (d *draft) setDisabled(s string) {
	disabled := false
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "", "false", "f", "0", "no":
	case "true", "t", "1", "yes":
		disabled = true
	default:
		d.fault("disabled must be true or false")
	}
	d.disabled = &disabled
}

// entry judges all of it.
func (d *draft) entry(number int, raw []byte) Entry {
	e := Entry{Line: number, Raw: raw}
	if !utf8.Valid(raw) {
		e.Err = errors.New("it is not valid UTF-8; save the file as UTF-8")
		return e
	}
	login, err := pawl.FoldLogin(d.userID)
	if err != nil {
		d.fault("%s", strings.TrimSuffix(api.AsError(err).Detail, "."))
	}
	e.User = pawl.User{Login: login, ID: d.checkedSubject(), PasswordHash: d.checkedHash()}
	e.Given = Given{Hash: d.hashGiven, Subject: d.subject != ""}
	if d.disabled != nil {
		e.User.Disabled, e.Given.Disabled = *d.disabled, true
	}
	if d.roles != nil {
		e.User.Roles, e.Given.Roles = d.checkedRoles(), true
	}
	if d.claims != nil {
		e.User.Claims, e.Given.Claims = *d.claims, true
	}
	if err := token.CheckUserClaims(e.User.Roles, e.User.Claims); err != nil {
		d.fault("roles or claims cannot be in an access token: %s", strings.TrimPrefix(err.Error(), "token: "))
	}
	e.Err = errors.Join(d.faults...)
	return e
}

func (d *draft) checkedSubject() string {
	if d.subject == "" {
		return "" // the person gets one
	}
	if err := pawl.CheckSubject(d.subject); err != nil {
		d.fault("subject %w", err)
	}
	return d.subject
}

// checkedRoles leaves out what is repeated.
func (d *draft) checkedRoles() (roles []string) {
	for _, role := range *d.roles {
		if role == "" || !printable(role) {
			d.fault("every role must be a name that prints")
			return nil
		}
		if !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	return roles
}

// checkedHash gives the hash in the form in which it is kept.
func (d *draft) checkedHash() string {
	hash, err := strings.TrimSpace(d.hash), error(nil)
	keycloak := d.secret != "" || d.credential != ""
	switch {
	case keycloak && hash != "":
		d.fault("it has both a passwordHash and a credential of Keycloak's")
		return ""
	case keycloak:
		hash, err = password.FromKeycloak(d.secret, d.credential)
	case hash != "":
		err = password.Recognised(hash)
	}
	if err != nil {
		d.fault("password hash: %s", strings.TrimPrefix(err.Error(), password.ErrUnsupported.Error()+": "))
	}
	return hash
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// shorten bounds a name that is shown to a person.
func shorten(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
