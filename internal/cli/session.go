package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alecthomas/kong"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/config"
)

type sessionListCmd struct {
	User    string `short:"u" placeholder:"LOGIN" help:"Only this person's sessions: a login or a subject. Default: everybody's."`
	Address string `short:"a" placeholder:"ADDRESS" help:"Only sessions last used from this address or network, such as 203.0.113.7 or 203.0.113.0/24."`
	Since   string `short:"s" placeholder:"DURATION" default:"0" help:"Only sessions used so long ago at most, such as 90m or 7d; 0: all. Default: 0."`
	JSON    bool   `name:"json" help:"Print a JSON array instead of a table."`
	kong.Plugins
}

func (sessionListCmd) Help() string {
	return `Lists the sessions that are alive. LAST USE is when the session's tokens were last rotated, and ADDRESS from where. Times are UTC.

Examples:

    pawl session list
    pawl session list --user ada@example.com --json
    pawl session list --address 203.0.113.0/24 --since 24h`
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
	q, err := c.query(a.now())
	if err != nil {
		return err
	}
	ctx := context.Background()
	s, _, err := a.openExisting(ctx, c.Plugins)
	if err != nil {
		return err
	}
	defer s.Close()
	if c.User != "" {
		u, err := findUser(ctx, s, c.User)
		if err != nil {
			return err
		}
		q.User = u.ID
	}
	found, err := sessionRows(ctx, s, q, a.now())
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(a.stdout, found)
	}
	var rows [][]string
	for _, r := range found {
		rows = append(rows, []string{cmp.Or(r.UserID, r.Subject), r.ID, moment(r.Created), moment(r.LastUse), moment(r.Ends), r.Address, r.Agent, r.Label})
	}
	return table(a.stdout, []string{"LOGIN", "SESSION", "SIGNED IN", "LAST USE", "ENDS", "ADDRESS", "AGENT", "LABEL"}, rows)
}

// query is what the flags ask for, but the person.
func (c *sessionListCmd) query(now time.Time) (q pawl.SessionQuery, err error) {
	q.Limit = pageSize
	since, err := config.ParseDuration(c.Since)
	if err != nil {
		return q, usagef("--since %w", err)
	}
	if since > 0 {
		q.From = now.Add(-since)
	}
	if c.Address == "" {
		return q, nil
	}
	if q.Address, err = api.ParseNetwork(c.Address); err != nil {
		return q, usagef("--address %w", err)
	}
	return q, nil
}

// sessionRows reads all pages, with the logins of the users.
func sessionRows(ctx context.Context, s store, q pawl.SessionQuery, now time.Time) ([]sessionRow, error) {
	rows, logins := []sessionRow{}, map[string]string{}
	for {
		page, err := pawl.FindSessions(ctx, s, q, now)
		if err != nil {
			return nil, err
		}
		for _, r := range page.Sessions {
			login, known := logins[r.User]
			if !known {
				u, err := s.ByID(ctx, r.User)
				if err != nil && !errors.Is(err, pawl.ErrNotFound) {
					return nil, err
				}
				login, logins[r.User] = u.Login, u.Login
			}
			rows = append(rows, sessionRow{
				login, r.User, r.ID, r.Created, r.Rotated, r.IdleExpires, r.Ends,
				r.Client.Address, r.Client.Agent, r.Client.Label,
			})
		}
		if !page.More {
			return rows, nil
		}
		q.After = page.Cursor
	}
}

type sessionEndCmd struct {
	User    string `short:"u" placeholder:"LOGIN" help:"End the sessions of this person: a login or a subject."`
	Session string `short:"s" placeholder:"ID" help:"Of that person's sessions, end only this one."`
	All     bool   `help:"End everybody's sessions."`
	Yes     bool   `short:"y" help:"With --all: do not ask."`
	whyFlag
	kong.Plugins
}

func (sessionEndCmd) Help() string {
	return `Ends sessions at once: their refresh tokens are refused from now on, and a running server refuses their access tokens within a quarter of a second. The people are told that an administrator ended the session. They can sign in again; "pawl user disable" keeps somebody out.

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
	a.why = c.Why
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
	return fmt.Sprintf("Ended %s of %s.", plural(n, "session"), called(u)), nil
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
		return "", fmt.Errorf("%s has no session %s; \"pawl session list --user %[1]s\" shows which there are", called(u), printable(sid))
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
