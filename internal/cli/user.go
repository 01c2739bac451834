package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/config"
	"github.com/pawlauth/pawl/password"
	"github.com/pawlauth/pawl/token"
)

// pageSize is how many users are read at a time.
const pageSize = 500

type userCmd struct {
	Add     userAddCmd     `cmd:"" help:"Add a person."`
	Import  userImportCmd  `cmd:"" help:"Take people over from another system, with their passwords."`
	List    userListCmd    `cmd:"" help:"List the people."`
	Set     userSetCmd     `cmd:"" help:"Change a person's login, roles or claims."`
	Passwd  userPasswdCmd  `cmd:"" help:"Set a person's password, which signs them out everywhere."`
	Reset   userResetCmd   `cmd:"" help:"Make a one-time code with which a person sets their password."`
	Disable userDisableCmd `cmd:"" help:"Keep a person out, and sign them out everywhere."`
	Enable  userEnableCmd  `cmd:"" help:"Let a disabled person in again."`
	Delete  userDeleteCmd  `cmd:"" help:"Sign a person out everywhere and delete them."`
}

type userAddCmd struct {
	Login string   `arg:"" help:"What the person types to sign in: a name or a mail address. Upper and lower case are alike."`
	Role  []string `short:"r" placeholder:"ROLE" help:"Give the person this role; may be repeated. Administrators have the role admin."`
	passwordFlags
	whyFlag
	kong.Plugins
}

func (userAddCmd) Help() string {
	return `Adds a person to the database, next to a running server or without one; the server knows them at once. Asks for the password on the terminal, unless it comes from standard input.

Examples:

    pawl user add ada@example.com
    pawl user add ada@example.com --role admin --role auditor
    pass show ada | pawl user add ada@example.com --password-stdin
    pawl user add ada@example.com --hash '{bcrypt}$2a$10$…'`
}

func (c *userAddCmd) Run(a *app) error {
	a.why = c.Why
	ctx := context.Background()
	s, cfg, err := a.openExisting(ctx, c.Plugins)
	if err != nil {
		return err
	}
	defer s.Close()
	login, err := pawl.FoldLogin(c.Login)
	if err != nil {
		return err
	}
	for _, role := range c.Role {
		if role == "" || role != printable(role) {
			return usagef("--role must be a name that prints")
		}
	}
	// Before the question: nobody should choose a password in vain.
	if _, err := s.ByLogin(ctx, login); err == nil {
		return taken(login)
	}
	hash, err := c.newHash(ctx, a, cfg, login)
	if err != nil {
		return err
	}
	u := pawl.User{ID: token.NewID(), Login: login, PasswordHash: hash, Roles: c.Role}
	if err := s.CreateUser(ctx, u); errors.Is(err, pawl.ErrConflict) {
		return taken(login)
	} else if err != nil {
		return err
	}
	a.note(ctx, s, pawl.Event{Kind: pawl.EventUserCreated, User: u.ID, Login: login})
	_, err = fmt.Fprintf(a.stdout, "Added %s (subject %s).\n", printable(login), u.ID)
	return err
}

func taken(login string) error {
	return fmt.Errorf("%s exists already; \"pawl user passwd\" sets a new password", printable(login))
}

// newHash gives the hash to store: the one given, or that of a new password
// which the policy accepts.
func (f passwordFlags) newHash(ctx context.Context, a *app, cfg *config.Config, login string) (string, error) {
	hasher, err := password.New(cfg.HashOptions())
	if err != nil {
		return "", err
	}
	if f.Hash != "" {
		if _, _, err := hasher.Verify(ctx, f.Hash, ""); err != nil {
			return "", fmt.Errorf("--hash: %w", err)
		}
		return f.Hash, nil
	}
	pw, err := f.ask(a, printable(login))
	if err != nil {
		return "", err
	}
	if err := (password.Policy{Min: cfg.PasswordMinLength}).Check(pw, login, cfg.Issuer); err != nil {
		return "", err
	}
	return hasher.Hash(ctx, pw)
}

type userListCmd struct {
	Search string `short:"s" placeholder:"TEXT" help:"Only people whose login has this in it, or whose subject it is."`
	JSON   bool   `name:"json" help:"Print a JSON array instead of a table."`
	kong.Plugins
}

func (userListCmd) Help() string {
	return `Lists the people in the database, by login. Passwords are never shown: only whether somebody has one. Whoever has no login is signed in by a registered program.

Examples:

    pawl user list
    pawl user list --search @example.com
    pawl user list --json | jq -r '.[] | select(.disabled) | .userId'`
}

// userRow is a user as "user list --json" prints it.
type userRow struct {
	ID       string   `json:"id"`
	UserID   string   `json:"userId"`
	Roles    []string `json:"roles"`
	Password bool     `json:"password"`
	Disabled bool     `json:"disabled"`
}

func (c *userListCmd) Run(a *app) error {
	ctx := context.Background()
	s, _, err := a.openExisting(ctx, c.Plugins)
	if err != nil {
		return err
	}
	defer s.Close()
	found := []userRow{}
	err = eachUser(ctx, s, c.Search, func(u pawl.User) error {
		roles := u.Roles
		if roles == nil {
			roles = []string{}
		}
		found = append(found, userRow{u.ID, u.Login, roles, u.PasswordHash != "", u.Disabled})
		return nil
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(a.stdout, found)
	}
	var rows [][]string
	for _, u := range found {
		rows = append(rows, []string{u.UserID, u.ID, strings.Join(u.Roles, ","), yes(u.Password), state(u.Disabled)})
	}
	return table(a.stdout, []string{"LOGIN", "SUBJECT", "ROLES", "PASSWORD", "STATE"}, rows)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func state(disabled bool) string {
	if disabled {
		return "disabled"
	}
	return "active"
}

// eachUser calls f for every user that search finds, by login.
func eachUser(ctx context.Context, s pawl.UserStore, search string, f func(pawl.User) error) error {
	after := ""
	for {
		page, err := s.ListUsers(ctx, pawl.UserQuery{After: after, Search: search, Limit: pageSize})
		if err != nil {
			return err
		}
		for _, u := range page {
			if err := f(u); err != nil {
				return err
			}
		}
		if len(page) < pageSize {
			return nil
		}
		if after, err = page[len(page)-1].SortKey(); err != nil {
			return err
		}
	}
}

type userPasswdCmd struct {
	Login string `arg:"" help:"Who: the login, or the subject of their tokens."`
	passwordFlags
	whyFlag
	kong.Plugins
}

func (userPasswdCmd) Help() string {
	return `Sets a new password and ends all of the person's sessions. A running server refuses their access tokens within a quarter of a second. Asks for the password on the terminal, unless it comes from standard input.

Examples:

    pawl user passwd ada@example.com
    pwgen 20 1 | tee /dev/tty | pawl user passwd ada@example.com --password-stdin`
}

func (c *userPasswdCmd) Run(a *app) error {
	a.why = c.Why
	ctx := context.Background()
	s, cfg, err := a.openExisting(ctx, c.Plugins)
	if err != nil {
		return err
	}
	defer s.Close()
	u, err := findUser(ctx, s, c.Login)
	if err != nil {
		return err
	}
	hash, err := c.newHash(ctx, a, cfg, u.Login)
	if err != nil {
		return err
	}
	switch err := s.SetPasswordHash(ctx, u.ID, u.PasswordHash, hash); {
	case errors.Is(err, pawl.ErrConflict), errors.Is(err, pawl.ErrNotFound):
		return errors.New("the person was changed by somebody else at the same moment; run this again")
	case err != nil:
		return err
	}
	a.note(ctx, s, pawl.Event{Kind: pawl.EventPasswordChanged, User: u.ID, Login: u.Login})
	_, ended, err := s.EndUser(ctx, u.ID, "", api.ReasonPasswordChanged, a.now())
	if err != nil {
		return fmt.Errorf("the password was set, but the sessions were not ended; run \"pawl session end --user %s\": %w", called(u), err)
	}
	a.note(ctx, s, pawl.Event{Kind: pawl.EventUserEnded, User: u.ID, Login: u.Login, Reason: api.ReasonPasswordChanged})
	_, err = fmt.Fprintf(a.stdout, "Set the password of %s and ended %s.\n", called(u), plural(ended, "session"))
	return err
}

// findUser finds a person by login or by subject. Where those are two people it
// finds neither: nobody may be taken for another by the login they were given.
func findUser(ctx context.Context, s pawl.UserStore, name string) (pawl.User, error) {
	login, err := pawl.FoldLogin(name)
	if err != nil {
		return pawl.User{}, err
	}
	u, err := s.ByLogin(ctx, login)
	if err != nil && !errors.Is(err, pawl.ErrNotFound) {
		return u, err
	}
	other, idErr := s.ByID(ctx, name)
	switch {
	case err != nil:
		u, err = other, idErr
	case idErr == nil && other.ID != u.ID:
		err = fmt.Errorf("%s is one person's login (subject %s) and another's subject: name them by what is theirs alone", printable(name), printable(u.ID))
	case idErr != nil && !errors.Is(idErr, pawl.ErrNotFound):
		err = idErr
	}
	if errors.Is(err, pawl.ErrNotFound) {
		err = fmt.Errorf("there is nobody with the login or subject %s; \"pawl user list\" shows who there is", printable(login))
	}
	return u, err
}
