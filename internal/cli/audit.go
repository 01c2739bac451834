package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"slices"
	"time"

	"github.com/alecthomas/kong"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/config"
)

type auditListCmd struct {
	User  string `short:"u" placeholder:"LOGIN" help:"Only what concerns this person: a login or, for somebody who is gone, the subject."`
	By    string `placeholder:"NAME" help:"Only what this one did to others: an administrator's login or subject, a registered program's id, or a user of this machine's shell."`
	Kind  string `short:"k" placeholder:"KIND" help:"Only this kind, such as sign_in, sign_in_failed, reused, session_ended."`
	Since string `short:"s" placeholder:"DURATION" default:"24h" help:"Only what happened so long ago at most, such as 90m or 7d; 0: everything. Default: 24h."`
	JSON  bool   `name:"json" help:"Print a JSON array instead of a table."`
	kong.Plugins
}

func (auditListCmd) Help() string {
	return `Lists what happened, the newest last: who signed in or failed to and from where, what was ended and why, which passwords, people and keys were changed, and by whom. Reissues are in the server's log only. Times are UTC.

Examples:

    pawl audit list
    pawl audit list --user ada@example.com --since 30d
    pawl audit list --by ada@example.com --since 7d
    pawl audit list --kind reused --since 0 --json | jq -r '.[].address'`
}

// auditRow is an entry as "audit list --json" prints it.
type auditRow struct {
	ID      int64     `json:"id"`
	At      time.Time `json:"at"`
	Kind    string    `json:"kind"`
	UserID  string    `json:"userId"`
	Subject string    `json:"subject"`
	Session string    `json:"session"`
	Reason  string    `json:"reason"`
	Row     int       `json:"row"`
	Address string    `json:"address"`
	Agent   string    `json:"agent"`
	Key     string    `json:"key"`
	By      string    `json:"by"`
	Why     string    `json:"why"`
	Object  string    `json:"object"`
}

func (c *auditListCmd) Run(a *app) error {
	since, err := config.ParseDuration(c.Since)
	if err != nil {
		return usagef("--since %w", err)
	}
	ctx := context.Background()
	s, _, err := a.openExisting(ctx, c.Plugins)
	if err != nil {
		return err
	}
	defer s.Close()
	q := pawl.AuditQuery{Kind: c.Kind, Limit: pageSize}
	if since > 0 {
		q.From = a.now().Add(-since)
	}
	if c.User != "" {
		if q.User, err = subjectOf(ctx, s, c.User); err != nil {
			return err
		}
	}
	by, err := actors(ctx, s, c.By)
	if err != nil {
		return err
	}
	print := printAuditTable
	if c.JSON {
		print = printAuditJSON
	}
	return print(a.stdout, func(show func([]auditRow) error) error { return eachAuditPage(ctx, s, q, by, show) })
}

// actors are the names that whoever is called so has in the column BY; nil
// where anybody may have done it.
func actors(ctx context.Context, s pawl.UserStore, name string) ([]string, error) {
	if name == "" {
		return nil, nil
	}
	subject, err := subjectOf(ctx, s, name)
	return []string{name, "user:" + subject, "client:" + name, "shell:" + name}, err
}

// subjectOf finds the subject of a person who may not exist any more.
func subjectOf(ctx context.Context, s pawl.UserStore, name string) (string, error) {
	login, err := pawl.FoldLogin(name)
	if err != nil {
		return "", err
	}
	u, err := s.ByLogin(ctx, login)
	if errors.Is(err, pawl.ErrNotFound) {
		return name, nil
	}
	return u.ID, err
}

// eachAuditPage hands over what q asks for, piece by piece: there may be more
// than fits into memory.
func eachAuditPage(ctx context.Context, s store, q pawl.AuditQuery, by []string, show func([]auditRow) error) error {
	logins := map[string]string{}
	for {
		page, err := s.Audit(ctx, q)
		if err != nil {
			return err
		}
		rows := make([]auditRow, 0, len(page.Entries))
		for _, e := range page.Entries {
			if by != nil && !slices.Contains(by, e.By) {
				continue
			}
			login, err := loginOf(ctx, s, logins, e.Event)
			if err != nil {
				return err
			}
			rows = append(rows, auditRow{
				e.ID, e.At, e.Kind, login, e.User, e.Session, e.Reason, e.Row,
				e.Client.Address, e.Client.Agent, e.Key, e.By, e.Why, e.Object,
			})
		}
		q.After = page.Cursor
		if len(rows) == 0 && page.More {
			continue
		}
		if err := show(rows); err != nil || !page.More {
			return err
		}
	}
}

// loginOf is the login at the time, if the entry has it, else today's.
func loginOf(ctx context.Context, s pawl.Users, known map[string]string, e pawl.Event) (string, error) {
	if e.Login != "" || e.User == "" {
		return e.Login, nil
	}
	if login, ok := known[e.User]; ok {
		return login, nil
	}
	u, err := s.ByID(ctx, e.User)
	if err != nil && !errors.Is(err, pawl.ErrNotFound) {
		return "", err
	}
	if len(known) < 10_000 {
		known[e.User] = u.Login
	}
	return u.Login, nil
}

func printAuditTable(w io.Writer, each func(func([]auditRow) error) error) error {
	head := []string{"TIME", "WHAT", "LOGIN", "SESSION", "REASON", "ADDRESS", "AGENT", "OBJECT", "BY", "WHY"}
	return each(func(page []auditRow) error {
		var rows [][]string
		for _, r := range page {
			who := r.UserID
			if who == "" {
				who = r.Subject
			}
			rows = append(rows, []string{moment(r.At), r.Kind, who, r.Session, r.Reason, r.Address, r.Agent, cmp.Or(r.Key, r.Object), r.By, r.Why})
		}
		err := table(w, head, rows)
		head = nil // once
		return err
	})
}

func printAuditJSON(w io.Writer, each func(func([]auditRow) error) error) error {
	between := "["
	err := each(func(page []auditRow) error {
		for _, r := range page {
			b, err := json.MarshalIndent(r, "  ", "  ")
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(w, "%s\n  %s", between, escapeJSON(string(b))); err != nil {
				return err
			}
			between = ","
		}
		return nil
	})
	if err != nil {
		return err
	}
	end := "\n]"
	if between == "[" {
		end = "[]"
	}
	_, err = fmt.Fprintln(w, end)
	return err
}

// note writes what a command did into the audit log. It is done by then: where
// that fails, the person is told, and the command has not failed.
func (a *app) note(ctx context.Context, s pawl.AuditStore, events ...pawl.Event) {
	by := shellUser()
	for i := range events {
		events[i].At, events[i].By = a.now(), by
		if events[i].Why == "" {
			events[i].Why = a.why
		}
	}
	if err := s.Append(ctx, events...); err != nil {
		fmt.Fprintf(a.stderr, "pawl: it was done, but not written into the audit log: %v\n", err)
	}
}

// shellUser is who runs the command.
func shellUser() string {
	if u, err := user.Current(); err == nil {
		return "shell:" + u.Username
	}
	return fmt.Sprintf("shell:uid %d", os.Getuid())
}
