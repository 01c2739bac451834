package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/pawlauth/pawl/internal/config"
	"github.com/pawlauth/pawl/internal/load"
)

type benchCmd struct {
	Kinds    []string      `sep:"," placeholder:"KIND" help:"What the clients do: advance, resend, check, verify, signin, mixed. Default: advance,resend; with --url: check,resend."`
	Clients  []int         `sep:"," default:"1,16,64" placeholder:"N" help:"How many clients at once, a row of the table each. Default: ${default}."`
	Seconds  float64       `default:"4" placeholder:"N" help:"The length of a run. Default: ${default}."`
	Runs     int           `default:"3" placeholder:"N" help:"Runs of each row that count, after a warm-up. Default: ${default}."`
	Timeout  time.Duration `default:"10s" placeholder:"DURATION" help:"How long to wait for an answer. Default: ${default}."`
	Sessions int           `placeholder:"N" help:"Live sessions of others in the database, put there directly. Not with --url. Default: none."`
	JSON     bool          `name:"json" help:"Print one JSON document instead of a Markdown table."`

	Database     string `placeholder:"URL" group:"Stores of a server of its own" help:"A PostgreSQL on which a database is made for each row and dropped after it, in place of an SQLite file. A URL with a password in it is seen by who lists processes: this is for servers that are thrown away."`
	SessionStore string `placeholder:"URL" group:"Stores of a server of its own" help:"A Redis for the sessions, with --database. Keys are made there and deleted after each row."`

	URL          string `name:"url" placeholder:"URL" group:"A server that runs already" help:"Drive the server at this URL instead of one that is started for it."`
	User         string `short:"u" placeholder:"LOGIN" group:"A server that runs already" help:"Sign in as this person. The password comes from PAWL_BENCH_PASSWORD, from --password-file or from a prompt."`
	PasswordFile string `placeholder:"FILE" group:"A server that runs already" help:"Read the password from this file, which nobody else may read."`
	Users        string `placeholder:"FILE" group:"A server that runs already" help:"Sign in as these people in turn: a CSV file of login and password, without a heading, which nobody else may read."`
	Sure         bool   `name:"yes-i-may-load-this-server" group:"A server that runs already" help:"Drive a server on another machine. Whoever runs it must have agreed: it cannot tell this from an attack."`
}

func (benchCmd) Help() string {
	return `Measures a server over HTTP with many clients at once, each with a session and a kept-alive connection of its own, and checks every answer: status, person, session, and that the refresh token is the next one or the same. A wrong answer is shown, and makes the exit code 1. Ctrl-C ends it with the figures so far.

By itself it starts this program as a server, on loopback, with people and data that are thrown away: for each row a new one. Nothing that is set in files or in the environment reaches it.

    advance  reissue with rotation: one durable write each (row 5 of
             docs/rotation.md). Needs a server without reuse window, which its
             own is for this.
    resend   reissue within the reuse window: no write (row 4)
    check    GET /api/session with the access token
    verify   GET /api/verify, as a reverse proxy asks
    signin   POST /api/login: mostly Argon2id. On its own server, bare Argon2id
             is measured in turn with it, for comparison.
    mixed    a working day of each client: 320 checks, 16 reissues, a sign-out,
             its effect, a sign-in

Refused are answers that say when to come back, 503 and 429; a client then waits so long, 5 s at most. With --url, sessions are signed out again at the end; an account may sign in 100 times in 15 minutes there by default (sign_ins_per_account), so that more clients need --users.

Examples:

    pawl bench
    pawl bench --kinds signin --clients 16,1000 --seconds 10
    pawl bench --kinds advance --clients 64 --sessions 1000000
    pawl bench --database postgres://postgres@127.0.0.1/postgres
    PAWL_BENCH_PASSWORD=… pawl bench --url http://127.0.0.1:8080 --user ada@example.com`
}

func (c *benchCmd) Run(a *app) error {
	if a.file != "" {
		return usagef("bench takes no configuration file: its own server has the settings that a measurement needs")
	}
	plan, err := c.plan()
	if err != nil {
		return err
	}
	target, err := c.target(a)
	if err != nil {
		return err
	}
	ctx, stop := untilSignal()
	defer stop()
	report := load.NewReport(plan, target)
	table := a.stdout
	if c.JSON {
		table = io.Discard
	}
	report.Head(table)
	err = load.Run(ctx, plan, target, func(r load.Row) {
		report.Rows = append(report.Rows, r)
		r.Line(table)
	})
	report.Stopped = ctx.Err() != nil
	report.Foot(table)
	if c.JSON {
		err = errors.Join(err, writeJSON(a.stdout, report))
	}
	return errors.Join(err, verdict(ctx, report))
}

// verdict is what makes the exit code: everything was measured, and right.
func verdict(ctx context.Context, r *load.Report) error {
	bad := 0
	for _, row := range r.Rows {
		if !row.Good() {
			bad++
		}
	}
	switch {
	case bad > 0:
		return fmt.Errorf("%s of %d had wrong answers, or no right one", plural(bad, "row"), len(r.Rows))
	case ctx.Err() != nil:
		return errors.New("stopped by a signal; the figures are those until then")
	}
	return nil
}

func (c *benchCmd) plan() (load.Plan, error) {
	kinds := c.Kinds
	switch {
	case len(kinds) > 0:
	case c.URL != "":
		kinds = []string{string(load.Check), string(load.Resend)}
	default:
		kinds = []string{string(load.Advance), string(load.Resend)}
	}
	p := load.Plan{Clients: c.Clients, Runs: c.Runs, Timeout: c.Timeout, Sessions: c.Sessions, Version: Version() + revision()}
	for _, k := range kinds {
		p.Kinds = append(p.Kinds, load.Kind(k))
	}
	if c.Seconds > 0 && c.Seconds < math.MaxInt32 {
		p.Length = time.Duration(c.Seconds * float64(time.Second))
	}
	if err := p.Check(); err != nil {
		return p, usageError{err}
	}
	return p, nil
}

// target says what to drive, and makes sure that it may be driven.
func (c *benchCmd) target(a *app) (load.Target, error) {
	if c.URL == "" {
		if c.User != "" || c.Users != "" || c.PasswordFile != "" || c.Sure {
			return load.Target{}, usagef("--user, --users, --password-file and --yes-i-may-load-this-server go with --url")
		}
		grounds := load.Grounds{Database: c.Database, Sessions: c.SessionStore}
		if err := grounds.Check(); err != nil {
			return load.Target{}, usageError{err}
		}
		program, err := os.Executable()
		return load.Target{Program: program, Grounds: grounds}, err
	}
	switch {
	case c.Database != "" || c.SessionStore != "":
		return load.Target{}, usagef("--database and --session-store go without --url: a server that runs has its own")
	case c.Sessions > 0:
		return load.Target{}, usagef("--sessions goes without --url: they are put into the database directly")
	case (c.User == "") == (c.Users == ""):
		return load.Target{}, usagef("say who signs in: either --user LOGIN or --users FILE")
	case c.Users != "" && c.PasswordFile != "":
		return load.Target{}, usagef("--users FILE has the passwords in it; leave --password-file out")
	}
	t := load.Target{URL: c.URL}
	if err := t.Check(); err != nil {
		return t, usageError{err}
	}
	if err := c.mayLoad(); err != nil {
		return t, err
	}
	people, err := c.people(a)
	t.People = people
	return t, err
}

// mayLoad keeps a mistyped URL from becoming somebody's outage.
func (c *benchCmd) mayLoad() error {
	u, err := url.Parse(c.URL)
	if err != nil {
		return err
	}
	if c.Sure || config.Loopback(net.JoinHostPort(u.Hostname(), "0")) {
		return nil
	}
	return usagef("%s is not this machine. The load may keep others from being served, and looks like an attack: if whoever runs that server has agreed, add --yes-i-may-load-this-server", printable(u.Host))
}

func (c *benchCmd) people(a *app) ([]load.Person, error) {
	if c.Users != "" {
		return readPeople(c.Users)
	}
	pw, err := c.password(a)
	return []load.Person{{Login: c.User, Password: pw}}, err
}

// password comes from where other users of the machine cannot read it: never
// from an argument.
func (c *benchCmd) password(a *app) (string, error) {
	if c.PasswordFile != "" {
		f, err := openPrivate(c.PasswordFile)
		if err != nil {
			return "", err
		}
		defer f.Close()
		pw, err := readLine(f)
		if err != nil {
			return "", fmt.Errorf("there is no password in %s", c.PasswordFile)
		}
		return pw, nil
	}
	for _, entry := range a.environ {
		if pw, ok := strings.CutPrefix(entry, config.EnvBenchPassword+"="); ok && pw != "" {
			return pw, nil
		}
	}
	pw, err := askHidden("Password for " + printable(c.User) + ": ")
	if err != nil {
		return "", fmt.Errorf("there is no password for %s: set %s, name a --password-file, or run this on a terminal", printable(c.User), config.EnvBenchPassword)
	}
	return pw, nil
}
