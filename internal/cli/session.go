package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alecthomas/kong"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

type sessionListCmd struct {
	User string `short:"u" placeholder:"LOGIN" help:"Only this person's sessions. Default: everybody's."`
	JSON bool   `name:"json" help:"Print a JSON array instead of a table."`
	kong.Plugins
}

func (sessionListCmd) Help() string {
	return `Lists the sessions that are alive, oldest first for each person. LAST USE is when the session's tokens were last rotated. Times are UTC.

Examples:

    pawl session list
    pawl session list --user ada@example.com --json`
}

// sessionRow is a session as "session list --json" prints it.
type sessionRow struct {
	UserID  string    `json:"userId"`
	Subject string    `json:"subject"`
	ID      string    `json:"id"`
	Created time.Time `json:"createdAt"`
	LastUse time.Time `json:"lastUse"`
	Idle    time.Time `json:"idleExpiresAt"`
	Ends    time.Time `json:"endsAt"`
	Address string    `json:"address"`
	Agent   string    `json:"agent"`
	Label   string    `json:"label"`
}

func (c *sessionListCmd) Run(a *app) error {
	ctx := context.Background()
	s, _, err := a.openExisting(ctx, c.Plugins)
	if err != nil {
		return err
	}
	defer s.Close()
	found := []sessionRow{}
	add := func(u pawl.User) error {
		rows, err := liveSessions(ctx, s, u, a.now())
		found = append(found, rows...)
		return err
	}
	if c.User == "" {
		err = eachUser(ctx, s, add)
	} else {
		var u pawl.User
		if u, err = findUser(ctx, s, c.User); err == nil {
			err = add(u)
		}
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(a.stdout, found)
	}
	var rows [][]string
	for _, r := range found {
		rows = append(rows, []string{r.UserID, r.ID, moment(r.Created), moment(r.LastUse), moment(r.Ends), r.Address, r.Agent, r.Label})
	}
	return table(a.stdout, []string{"LOGIN", "SESSION", "SIGNED IN", "LAST USE", "ENDS", "ADDRESS", "AGENT", "LABEL"}, rows)
}

func liveSessions(ctx context.Context, s pawl.SessionStore, u pawl.User, now time.Time) ([]sessionRow, error) {
	all, mark, err := s.List(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	var rows []sessionRow
	for _, r := range all {
		if r.Live(mark, now) {
			rows = append(rows, sessionRow{
				u.Login, u.ID, r.ID, r.Created, r.Rotated, r.IdleExpires, r.Ends,
				r.Client.Address, r.Client.Agent, r.Client.Label,
			})
		}
	}
	return rows, nil
}

type sessionEndCmd struct {
	User    string `short:"u" placeholder:"LOGIN" help:"End the sessions of this person."`
	Session string `short:"s" placeholder:"ID" help:"Of that person's sessions, end only this one."`
	All     bool   `help:"End everybody's sessions."`
	Yes     bool   `short:"y" help:"With --all: do not ask."`
	kong.Plugins
}

func (sessionEndCmd) Help() string {
	return `Ends sessions at once: their refresh tokens are refused from now on, and a running server refuses their access tokens within a quarter of a second. The people are told that an administrator ended the session. They can sign in again; to keep somebody out, set another password as well.

Examples:

    pawl session end --user ada@example.com
    pawl session end --user ada@example.com --session 6n0FZ6wQ1zT2yUq3sWv9xA
    pawl session end --all`
}

func (c *sessionEndCmd) Run(a *app) error {
	switch {
	case c.All == (c.User != ""):
		return usagef("say whose sessions to end: either --user LOGIN or --all")
	case c.All && c.Session != "":
		return usagef("--session goes with --user, not with --all")
	case c.Yes && !c.All:
		return usagef("--yes goes with --all")
	}
	ctx := context.Background()
	s, _, err := a.openExisting(ctx, c.Plugins)
	if err != nil {
		return err
	}
	defer s.Close()
	said, err := c.end(ctx, a, s)
	if err == nil {
		_, err = fmt.Fprintln(a.stdout, said)
	}
	return err
}

// end does it and says what it did.
func (c *sessionEndCmd) end(ctx context.Context, a *app, s store) (string, error) {
	if c.All {
		return endAll(ctx, a, s, c.Yes)
	}
	u, err := findUser(ctx, s, c.User)
	if err != nil {
		return "", err
	}
	if c.Session != "" {
		return endOne(ctx, a, s, u, c.Session)
	}
	_, n, err := s.EndUser(ctx, u.ID, "", api.ReasonEndedByAdmin, a.now())
	if err != nil {
		return "", err
	}
	a.note(ctx, s, pawl.Event{Kind: pawl.EventUserEnded, User: u.ID, Login: u.Login, Reason: api.ReasonEndedByAdmin})
	return fmt.Sprintf("Ended %s of %s.", plural(n, "session"), printable(u.Login)), nil
}

func endOne(ctx context.Context, a *app, s store, u pawl.User, sid string) (string, error) {
	key := pawl.SessionKey{User: u.ID, ID: sid}
	ended, err := s.End(ctx, key, api.ReasonEndedByAdmin, a.now())
	if err != nil {
		return "", err
	}
	if ended {
		a.note(ctx, s, pawl.Event{Kind: pawl.EventSessionEnded, User: u.ID, Login: u.Login, Session: sid, Reason: api.ReasonEndedByAdmin})
		return "Ended the session.", nil
	}
	if _, _, err := s.Get(ctx, key); errors.Is(err, pawl.ErrNotFound) {
		return "", fmt.Errorf("%s has no session %s; \"pawl session list --user %[1]s\" shows which there are", printable(u.Login), printable(sid))
	} else if err != nil {
		return "", err
	}
	return "The session had ended already.", nil
}

func endAll(ctx context.Context, a *app, s store, sure bool) (string, error) {
	if !sure {
		yes, err := confirm("This signs everybody out.")
		if err != nil {
			return "", err
		}
		if !yes {
			return "", errors.New("nothing was ended")
		}
	}
	if _, err := s.EndAll(ctx, api.ReasonEndedByAdmin, a.now()); err != nil {
		return "", err
	}
	a.note(ctx, s, pawl.Event{Kind: pawl.EventAllEnded, Reason: api.ReasonEndedByAdmin})
	return "Ended everybody's sessions.", nil
}
