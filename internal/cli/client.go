package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/pawlauth/pawl"
)

type clientAddCmd struct {
	ID    string   `arg:"" help:"The program's id: a-z, 0-9, '.', '_' and '-'."`
	Scope []string `short:"s" required:"" placeholder:"SCOPE" help:"What it may do: users, sessions or feed; may be repeated."`
	whyFlag
	kong.Plugins
}

func (clientAddCmd) Help() string {
	return `Registers a program and prints its secret, this once: Pawl keeps a hash only. The program sends both with HTTP Basic authentication. A running server knows it at once.

    users     administer people who are no administrators: a back end, a
              mailer of password-reset links
    sessions  start, find and end sessions of such people: a back end with
              a user table of its own, which has checked the password
    feed      follow what was ended: an API that checks access tokens

Examples:

    pawl client add shop --scope sessions
    pawl client add mailer --scope users --why "reset links"`
}

func (c *clientAddCmd) Run(a *app) error {
	a.why = c.Why
	cl, secret, err := pawl.NewRegisteredClient(c.ID, c.Scope, a.now())
	if err != nil {
		return usagef("%s", words(err))
	}
	ctx := context.Background()
	s, _, err := a.openExisting(ctx, c.Plugins)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.AddClient(ctx, cl); errors.Is(err, pawl.ErrConflict) {
		return fmt.Errorf("there is a client %s already; \"pawl client remove %[1]s\" removes it, or choose another id", c.ID)
	} else if err != nil {
		return err
	}
	a.note(ctx, s, pawl.Event{Kind: pawl.EventClientAdded, Object: cl.ID})
	_, err = fmt.Fprintf(a.stdout, "Registered %s with scope %s. Its secret, shown this once:\n%s\n", cl.ID, strings.Join(cl.Scopes, ", "), secret)
	return err
}

type clientListCmd struct {
	JSON bool `name:"json" help:"Print a JSON array instead of a table."`
	kong.Plugins
}

func (clientListCmd) Help() string {
	return `Lists the registered programs. Secrets are never shown.

Example:

    pawl client list`
}

func (c *clientListCmd) Run(a *app) error {
	ctx := context.Background()
	s, _, err := a.openExisting(ctx, c.Plugins)
	if err != nil {
		return err
	}
	defer s.Close()
	list, err := s.ListClients(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(a.stdout, clientRows(list))
	}
	var rows [][]string
	for _, cl := range list {
		rows = append(rows, []string{cl.ID, strings.Join(cl.Scopes, ","), moment(cl.Created)})
	}
	return table(a.stdout, []string{"CLIENT", "SCOPES", "SINCE"}, rows)
}

// clientRow is a client as "client list --json" prints it.
type clientRow struct {
	ID      string   `json:"id"`
	Scopes  []string `json:"scopes"`
	Created string   `json:"createdAt"`
}

func clientRows(list []pawl.RegisteredClient) []clientRow {
	rows := []clientRow{}
	for _, cl := range list {
		rows = append(rows, clientRow{cl.ID, cl.Scopes, cl.Created.Format("2006-01-02T15:04:05Z07:00")})
	}
	return rows
}

type clientRemoveCmd struct {
	ID string `arg:"" help:"The program's id."`
	whyFlag
	kong.Plugins
}

func (clientRemoveCmd) Help() string {
	return `Removes a registered program. A running server refuses its secret from the next request on. Sessions that it started live on.

Example:

    pawl client remove mailer --why "secret was in a log"`
}

func (c *clientRemoveCmd) Run(a *app) error {
	a.why = c.Why
	ctx := context.Background()
	s, _, err := a.openExisting(ctx, c.Plugins)
	if err != nil {
		return err
	}
	defer s.Close()
	switch err := s.RemoveClient(ctx, c.ID); {
	case errors.Is(err, pawl.ErrNotFound):
		return fmt.Errorf("there is no client %s; \"pawl client list\" shows which there are", printable(c.ID))
	case err != nil:
		return err
	}
	a.note(ctx, s, pawl.Event{Kind: pawl.EventClientRemoved, Object: c.ID})
	_, err = fmt.Fprintf(a.stdout, "Removed %s.\n", c.ID)
	return err
}
