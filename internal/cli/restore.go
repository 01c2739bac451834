package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/pawlauth/pawl/internal/config"
	"github.com/pawlauth/pawl/store/sqlite"
)

type restoreCmd struct {
	File            string `arg:"" help:"The backup to put back; - for standard input."`
	Replace         bool   `help:"Put it in the place of the database that is there, which is kept beside it under another name."`
	NewKeys         bool   `name:"new-keys" help:"Leave out the signing keys in the backup; the server makes new ones. For when one of them was stolen, or when the master key is lost."`
	WithoutKeyCheck bool   `name:"without-key-check" help:"Do not look whether the master key opens the keys in the backup: it is not on this machine. The server looks when it starts."`
	whyFlag
	kong.Plugins
}

func (restoreCmd) Help() string {
	return `Puts a backup in the place of the database. Stop the server first: it refuses while a process has the database open. The backup is checked before anything is touched, and whatever happens, there is the database of before, or none, or the restored one.

Everybody is signed out: with an old database, what was ended since would come back. Access tokens from before are refused, too, and one-time codes are void.

What else goes back in time is yours to look through: bans, new passwords, people and clients added or deleted, keys removed as stolen.

Examples:

    pawl restore /backup/pawl-2026-03-01.db
    pawl restore --config /etc/pawl/pawl.yaml --replace /backup/pawl.db
    age -d -i key.txt pawl.db.age | pawl restore -`
}

func (c *restoreCmd) Run(a *app) error {
	cfg, err := a.load(c.Plugins)
	if err != nil {
		return err
	}
	if cfg.InPostgres() {
		return fmt.Errorf("a backup of %s is put back by PostgreSQL's pg_restore, with the servers stopped; then run \"SELECT pawl.restored()\" in it, which signs everybody out: what was ended since would live again", cfg.DatabaseName())
	}
	ctx, stop := untilSignal()
	defer stop()
	r, err := c.prepare(ctx, a, cfg)
	if err == nil {
		defer r.Discard()
		err = c.checkKeys(cfg, r)
	}
	var kept string
	if err == nil {
		kept, err = r.Put(ctx, sqlite.PutOptions{Replace: c.Replace, NewKeys: c.NewKeys, At: a.now(), By: shellUser(), Why: c.Why})
	}
	if err != nil && ctx.Err() != nil {
		return errors.New("stopped by a signal: nothing was changed")
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(a.stdout, c.text(cfg, r.Contents(), kept, a.now()))
	return err
}

// prepare looks at the place first: a large backup is not copied in vain.
func (c *restoreCmd) prepare(ctx context.Context, a *app, cfg *config.Config) (*sqlite.Restoration, error) {
	from, err := c.open(a, cfg)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	if err := sqlite.CheckVacant(cfg.DatabasePath(), c.Replace); err != nil {
		return nil, err
	}
	if err := makeDataDir(cfg); err != nil {
		return nil, err
	}
	return sqlite.NewRestoration(ctx, from, cfg.DatabasePath(), a.now())
}

// open opens the backup, which must be a single file: one with a log beside it
// is a database that somebody uses or that died, and the log is a part of it.
func (c *restoreCmd) open(a *app, cfg *config.Config) (io.ReadCloser, error) {
	if c.File == "-" {
		return io.NopCloser(a.stdin), nil
	}
	if log, err := os.Stat(c.File + "-wal"); err == nil && log.Size() > 0 {
		return nil, fmt.Errorf("%s is not a backup: with %[1]s-wal it is a database that is in use, or whose server died; \"pawl backup --database sqlite://%[1]s FILE\" makes a backup of it", c.File)
	}
	f, err := os.Open(c.File)
	if err != nil {
		return nil, fmt.Errorf("the backup cannot be read: %w", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file", c.File)
	}
	if there, missing := os.Stat(cfg.DatabasePath()); err == nil && missing == nil && os.SameFile(info, there) {
		err = fmt.Errorf("%s is the database itself: name a backup", c.File)
	}
	if err != nil {
		_ = f.Close() // err says more
		return nil, err
	}
	return f, nil
}

// checkKeys refuses a backup with which the server would not start.
func (c *restoreCmd) checkKeys(cfg *config.Config, r *sqlite.Restoration) error {
	if c.NewKeys || c.WithoutKeyCheck {
		return nil
	}
	keys, err := r.Keys()
	if err != nil || len(keys) == 0 {
		return err
	}
	key, found, err := readMasterKey(cfg)
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("there is no master key at %s: put the copy of it there first (mode 0600), or set PAWL_MASTER_KEY or master_key_file. "+
			"If it is to come later, add --without-key-check; if it is lost, --new-keys. Nothing was changed", cfg.MasterKeyFile)
	}
	if key.Opens(keys...) != nil {
		return fmt.Errorf("the master key (%s) does not open the keys in the backup: it belongs to another database. "+
			"Put the right one there; if it is lost, add --new-keys. Nothing was changed", masterKeyPlace(cfg))
	}
	return nil
}

// text says what was done, and what is left to do.
func (c *restoreCmd) text(cfg *config.Config, h sqlite.Contents, kept string, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Restored %s, %s: %s.\n", cfg.DatabasePath(), age(h.Made, now), holdings(h))
	if kept != "" {
		fmt.Fprintf(&b, "The database that was there is kept: %s\n", kept)
	}
	b.WriteString(`
Everybody is signed out: sessions of before, and access tokens, are refused.
One-time codes for the setup and for new passwords are void.

Everything else is as it was when the backup was made. Since then, perhaps:
  - people were disabled or deleted: they can sign in again;
  - passwords were changed: the old ones are good again, stolen ones too;
  - people, roles and registered clients were changed: they are what they were.
`)
	if !c.NewKeys {
		b.WriteString("  - signing keys were removed as stolen: they are back. If so, restore once more, with --new-keys.\n")
	}
	if h.Schema > 0 && !h.Current {
		fmt.Fprintf(&b, "\nIts schema was brought up to date (it was %d): an older Pawl cannot open it.\n", h.Schema)
	}
	b.WriteString("\nLook through these before you start the server (\"pawl user list\", \"pawl audit list\").\n")
	return b.String()
}

func age(made, now time.Time) string {
	if made.IsZero() {
		return "of unknown age"
	}
	old := now.Sub(made).Round(time.Second)
	switch {
	case old < 0:
		return fmt.Sprintf("of %s, which is in the future by this machine's clock", moment(made))
	case old >= 48*time.Hour:
		return fmt.Sprintf("%d days old (of %s)", old/(24*time.Hour), moment(made))
	}
	return fmt.Sprintf("%v old (of %s)", old, moment(made))
}
