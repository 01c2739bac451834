package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/pawlauth/pawl/internal/config"
	"github.com/pawlauth/pawl/internal/migrate"
	"github.com/pawlauth/pawl/internal/stores"
	"github.com/pawlauth/pawl/store/sqlite"
)

type storeMigrateCmd struct {
	From string `placeholder:"URL" help:"The SQLite database of before, such as sqlite:///var/lib/pawl/pawl.db. Without it, the sessions move from the configured database into the configured Redis."`
	kong.Plugins
}

func (storeMigrateCmd) Help() string {
	return `Copies everything from the stores that you had into those that are configured now, so that nobody is signed out: signing keys (the master key stays the same), people with their passwords, registered clients, the audit log, and sessions with what was ended. One-time codes stay behind, and so do the counts of failed sign-ins.

It can be run again at any time. It finishes what was interrupted, brings in what has changed, and changes nothing in the old stores. So the way with hardly an interruption is:

  1. Write the new configuration. The server goes on with the old one.
  2. Run this command. It takes as long as it takes; the server goes on.
  3. Stop the server, and run it once more: that brings in what has changed.
  4. Start the servers with the new configuration.

It compares every user and every session at the end, and says whether anything differs. It refuses stores that hold another Pawl's data, and those on which servers run already.

Examples:

    pawl store migrate --config new.yaml --from sqlite:///var/lib/pawl/pawl.db
    PAWL_SESSIONS=redis://cache:6379 pawl store migrate`
}

func (c *storeMigrateCmd) Run(a *app) error {
	cfg, err := a.load(c.Plugins)
	if err != nil {
		return err
	}
	ctx, stop := untilSignal()
	defer stop()
	copying, closeAll, err := c.open(ctx, a, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = closeAll() }()
	view := newCopyView(a)
	copying.Progress = view.progress
	n, err := copying.Run(ctx)
	var d migrate.Difference
	if err == nil {
		d, err = copying.Verify(ctx)
	}
	view.done()
	switch {
	case err != nil && ctx.Err() != nil:
		return errors.New("stopped by a signal; run it again, and it goes on")
	case err != nil:
		return err
	}
	fmt.Fprint(a.stdout, copiedText(n, d))
	if d.Differ+n.Left > 0 {
		return fmt.Errorf("not all is the same yet (%s): a server goes on with the old stores. Stop it, run this command again, and then start the servers with the new configuration", differs(n, d))
	}
	return nil
}

// open opens both sides. The target is what is configured.
func (c *storeMigrateCmd) open(ctx context.Context, a *app, cfg *config.Config) (cp migrate.Copy, closeAll func() error, err error) {
	path, err := c.source(cfg)
	if err != nil {
		return cp, nil, err
	}
	quiet := *cfg
	quiet.DatabaseListen = ""
	to, err := stores.Open(ctx, &quiet)
	if err != nil {
		return cp, nil, err
	}
	from, closeAll := to, to.Close
	if path == "" {
		err = a.goBy(ctx, to.Clock)
	} else if from, err = stores.OpenSQLite(ctx, path, sqlite.Options{}); err == nil {
		closeAll = func() error { return errors.Join(from.Close(), to.Close()) }
	}
	if err == nil {
		err = opensKeys(ctx, cfg, from)
	}
	if err != nil {
		return cp, nil, errors.Join(err, closeAll())
	}
	old, _ := from.Database.(migrate.Sessions) // each database holds sessions, too
	return migrate.Copy{
		From: from.Database, To: to.Database, FromSessions: old, ToSessions: to.SessionStore, Began: a.now().UTC(),
	}, closeAll, nil
}

// source gives the SQLite file to copy from; empty where it is the configured
// database.
func (c *storeMigrateCmd) source(cfg *config.Config) (path string, err error) {
	path, ok := strings.CutPrefix(c.From, "sqlite://")
	switch {
	case !cfg.InPostgres():
		return "", fmt.Errorf("the configured database is %s, and this command copies into the configured one: set database to postgres://…, and name the old one with --from", cfg.DatabaseName())
	case c.From == "" && cfg.Sessions == "":
		return "", usagef("name the old database with --from sqlite:///…; without it, sessions would move from the database to Redis, but no sessions: redis://… is configured")
	case c.From == "":
		return "", nil
	case !ok:
		return "", usagef("--from is the SQLite database of before: sqlite:// and its path. From PostgreSQL to PostgreSQL, use pg_dump and pg_restore")
	}
	return path, mustExist(path)
}

// opensKeys refuses a copy that no server could use.
func opensKeys(ctx context.Context, cfg *config.Config, from store) error {
	key, found, err := readMasterKey(cfg)
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("there is no master key at %s: set master_key_file or PAWL_MASTER_KEY to the one that the old stores' server has", cfg.MasterKeyFile)
	}
	keys, err := from.Keys(ctx)
	if err != nil {
		return err
	}
	return key.Opens(keys...)
}

func copiedText(n migrate.Counts, d migrate.Difference) string {
	return fmt.Sprintf(`Copied: %s, %s, %s, %s, audit entries: %d (written in this run: %d).
Compared: %s and %s; %d differ.
If a server has gone on with the old stores, stop it and run this once more.
Then start the servers with the new configuration, and none on the old stores
again: what is ended from now on lives on there.
`, plural(n.Keys, "key"), plural(n.Users, "user"), plural(n.Clients, "registered client"), plural(n.Sessions, "session"), n.Audit, n.Written,
		plural(d.Users, "user"), plural(d.Sessions, "session"), d.Differ)
}

// differs says what does, the first few.
func differs(n migrate.Counts, d migrate.Difference) string {
	all := d.First
	if n.Left > 0 {
		all = append(all, fmt.Sprintf("%s begun meanwhile", plural(n.Left, "session")))
	}
	return strings.Join(all, ", ")
}
