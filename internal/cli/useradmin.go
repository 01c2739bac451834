package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/config"
	"github.com/pawlauth/pawl/token"
)

// person is the argument of commands about one of the people.
type person struct {
	Login string `arg:"" help:"Who: the login, or the subject of their tokens."`
}

// withUser runs f for the person, beside the server.
func (a *app) withUser(flags kong.Plugins, login, why string, f func(context.Context, store, *config.Config, pawl.User) error) error {
	a.why = why
	ctx := context.Background()
	s, cfg, err := a.openExisting(ctx, flags)
	if err != nil {
		return err
	}
	defer s.Close()
	u, err := findUser(ctx, s, login)
	if err != nil {
		return err
	}
	return f(ctx, s, cfg, u)
}

// called is how messages name a person.
func called(u pawl.User) string {
	if u.Login == "" {
		return printable(u.ID)
	}
	return printable(u.Login)
}

type userSetCmd struct {
	person
	NewLogin string   `placeholder:"LOGIN" help:"The new login."`
	Role     []string `short:"r" placeholder:"ROLE" xor:"roles" help:"The roles, in place of those the person has; may be repeated."`
	NoRoles  bool     `xor:"roles" help:"Take all roles away."`
	Claims   string   `placeholder:"JSON" help:"The claims that go into the access tokens, in place of those the person has: a JSON object; {} for none."`
	whyFlag
	kong.Plugins
}

func (userSetCmd) Help() string {
	return `Changes what is given and leaves the rest. Roles and claims are in the person's access tokens from the next reissue on; to have them at once, end the sessions with "pawl session end".

A person who becomes an administrator is signed out everywhere and loses their password and reset code, because others may have set or may hold those: make a new code with "pawl user reset".

Examples:

    pawl user set ada@example.com --role admin --role auditor
    pawl user set ada@example.com --claims '{"tenant":"acme"}'
    pawl user set ada@example.com --new-login ada@example.org --why "married"`
}

func (c *userSetCmd) Run(a *app) error {
	change, err := c.change()
	if err != nil {
		return err
	}
	return a.withUser(c.Plugins, c.Login, c.Why, func(ctx context.Context, s store, _ *config.Config, u pawl.User) error {
		after, ended, err := a.userAdmin(s).Update(ctx, u.ID, change)
		if errors.Is(err, pawl.ErrConflict) && change.Login != nil {
			return fmt.Errorf("the login %s is taken", printable(*change.Login))
		}
		if err != nil && after.ID != "" {
			return fmt.Errorf("%s was changed, but the sessions were not ended; run \"pawl session end --user %[1]s\": %w", called(after), err)
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(a.stdout, changed(u, after, ended))
		return err
	})
}

// changed says what became of a user. A new administrator has to be given a
// password again: they read here how.
func changed(before, after pawl.User, ended int) string {
	switch name := called(after); {
	case before.IsAdmin() || !after.IsAdmin():
		return fmt.Sprintf("Changed %s.", name)
	case before.PasswordHash == "":
		return fmt.Sprintf("Made %s an administrator and ended %s.", name, plural(ended, "session"))
	default:
		return fmt.Sprintf("Made %s an administrator and ended %s. The password of before no longer works, because others may have set it: run \"pawl user reset %[1]s\" and give %[1]s the code.", name, plural(ended, "session"))
	}
}

func (c *userSetCmd) change() (change pawl.UserChange, err error) {
	if c.NewLogin == "" && c.Role == nil && !c.NoRoles && c.Claims == "" {
		return change, usagef("say what to change: --new-login, --role, --no-roles or --claims")
	}
	if c.NewLogin != "" {
		login, err := pawl.FoldLogin(c.NewLogin)
		if err != nil {
			return change, err
		}
		change.Login = &login
	}
	if c.Role != nil || c.NoRoles {
		change.Roles = &c.Role
	}
	if c.Claims != "" {
		claims := map[string]any{}
		if err := json.Unmarshal([]byte(c.Claims), &claims); err != nil {
			return change, usagef("--claims must be a JSON object such as '{\"tenant\":\"acme\"}'")
		}
		change.Claims = &claims
	}
	u := change.Apply(pawl.User{})
	if err := token.CheckUserClaims(u.Roles, u.Claims); err != nil {
		return change, fmt.Errorf("the roles or claims cannot be in an access token: %w", err)
	}
	return change, nil
}

type userDisableCmd struct {
	person
	whyFlag
	kong.Plugins
}

func (userDisableCmd) Help() string {
	return `Keeps a person out until they are enabled again: ends all of their sessions, and refuses sign-ins and refresh tokens. A running server refuses their access tokens within a quarter of a second.

Example:

    pawl user disable ada@example.com --why "left the company"`
}

func (c *userDisableCmd) Run(a *app) error {
	return a.withUser(c.Plugins, c.Login, c.Why, func(ctx context.Context, s store, _ *config.Config, u pawl.User) error {
		disabled := true
		_, ended, err := a.userAdmin(s).Update(ctx, u.ID, pawl.UserChange{Disabled: &disabled})
		if err != nil {
			return again(u, err)
		}
		_, err = fmt.Fprintf(a.stdout, "Disabled %s and ended %s.\n", called(u), plural(ended, "session"))
		return err
	})
}

func (a *app) userAdmin(s store) pawl.UserAdmin {
	note := func(ctx context.Context, e pawl.Event) { a.note(ctx, s, e) }
	return pawl.UserAdmin{Users: s, Sessions: s, Now: a.now, Note: note}
}

// again says that what stopped half-way is completed by running it again.
func again(u pawl.User, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s may still have sessions; run this again: %w", called(u), err)
}

type userEnableCmd struct {
	person
	whyFlag
	kong.Plugins
}

func (userEnableCmd) Help() string {
	return `Lets a disabled person sign in again. Sessions that were ended stay ended.

Example:

    pawl user enable ada@example.com`
}

func (c *userEnableCmd) Run(a *app) error {
	return a.withUser(c.Plugins, c.Login, c.Why, func(ctx context.Context, s store, _ *config.Config, u pawl.User) error {
		disabled := false
		if _, _, err := a.userAdmin(s).Update(ctx, u.ID, pawl.UserChange{Disabled: &disabled}); err != nil {
			return err
		}
		_, err := fmt.Fprintf(a.stdout, "%s can sign in.\n", called(u))
		return err
	})
}

type userDeleteCmd struct {
	person
	Yes bool `short:"y" help:"Do not ask."`
	whyFlag
	kong.Plugins
}

func (userDeleteCmd) Help() string {
	return `Deletes a person for good, and ends all of their sessions first. The audit log keeps what they did until its retention is over. Who is to come back one day is better disabled.

Example:

    pawl user delete ada@example.com --why "asked for it"`
}

func (c *userDeleteCmd) Run(a *app) error {
	return a.withUser(c.Plugins, c.Login, c.Why, func(ctx context.Context, s store, _ *config.Config, u pawl.User) error {
		if !c.Yes {
			switch yes, err := confirm("This deletes " + called(u) + " for good."); {
			case err != nil:
				return err
			case !yes:
				return errors.New("nobody was deleted")
			}
		}
		ended, err := a.userAdmin(s).Delete(ctx, u.ID)
		if err != nil {
			return again(u, err)
		}
		_, err = fmt.Fprintf(a.stdout, "Deleted %s and ended %s.\n", called(u), plural(ended, "session"))
		return err
	})
}

type userResetCmd struct {
	person
	whyFlag
	kong.Plugins
}

func (userResetCmd) Help() string {
	return `Makes a code with which the person sets a password of their own, once: send it to them, and to nobody else. An earlier code of theirs is good no longer. Their old password and their sessions stay until it is used.

Example:

    pawl user reset ada@example.com`
}

func (c *userResetCmd) Run(a *app) error {
	return a.withUser(c.Plugins, c.Login, c.Why, func(ctx context.Context, s store, cfg *config.Config, u pawl.User) error {
		o := pawl.NewResetOffer(a.now().Add(cfg.PasswordResetTTL))
		if err := s.OfferReset(ctx, u.ID, pawl.ResetHash(o.Code), o.Expires); err != nil {
			return err
		}
		a.note(ctx, s, pawl.Event{Kind: pawl.EventResetOffered, User: u.ID, Login: u.Login})
		_, err := fmt.Fprint(a.stdout, resetText(cfg, u, o))
		return err
	})
}

func resetText(cfg *config.Config, u pawl.User, o pawl.ResetOffer) string {
	if cfg.PasswordResetURL != "" {
		return fmt.Sprintf("%s sets a password with this link, once, until %s:\n\n  %s#code=%s\n", called(u), moment(o.Expires), cfg.PasswordResetURL, o.Code)
	}
	url := cfg.Issuer
	if url == "" {
		url = "$PAWL"
	}
	return strings.NewReplacer("WHO", called(u), "UNTIL", moment(o.Expires), "URL", url, "CODE", o.Code).Replace(
		`WHO sets a password with this code, once, until UNTIL: CODE

  curl -X POST URL/api/password/reset -H 'Content-Type: application/json' \
    -d '{"code":"CODE","newPassword":"CHOOSE A PASSWORD"}'
`)
}
