package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/alecthomas/kong"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/config"
	"github.com/pawlauth/pawl/store/sqlite"
)

type backupCmd struct {
	File  string `arg:"" help:"The file to write; - for standard output."`
	Force bool   `short:"f" help:"Replace the file, if it is an earlier backup. Nothing else is ever overwritten."`
	kong.Plugins
}

func (backupCmd) Help() string {
	return `Copies the database into one file, mode 0600, while the server goes on. The file is of one moment; it is written beside its place, checked, and then appears whole or not at all.

It holds everything but the master key: a stolen backup signs nothing. Keep a copy of the master key elsewhere, since a backup without it cannot be used in full. Passwords are in it as hashes, and who signed in from where: keep it as you keep the database.

With -, the copy is made in the directory for temporary files (TMPDIR) first, which needs the room.

"pawl restore" puts a backup back, and signs everybody out.

Examples:

    pawl backup /backup/pawl-$(date +%F).db
    pawl backup --config /etc/pawl/pawl.yaml --force /backup/pawl.db
    pawl backup - | age -r age1… > pawl.db.age`
}

func (c *backupCmd) Run(a *app) error {
	cfg, err := a.load(c.Plugins)
	if err != nil {
		return err
	}
	if cfg.InPostgres() {
		return fmt.Errorf("backups of %s are PostgreSQL's own: pg_dump --format=custom, or continuous archiving. %s", cfg.DatabaseName(), aboutRedis(cfg))
	}
	if err := mustExist(cfg.DatabasePath()); err != nil {
		return err
	}
	ctx, stop := untilSignal()
	defer stop()
	to, out := c.File, a.stdout
	if c.File == "-" {
		if c.Force {
			return usagef("--force goes with a file, not with -")
		}
		if isTerminal(a.stdout) {
			return usagef("a backup is not text: send it into a file or a pipe, or name a file instead of -")
		}
		dir, err := os.MkdirTemp("", "pawl-backup-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		to, out = filepath.Join(dir, "pawl.db"), a.stderr
	}
	made, err := sqlite.Backup(ctx, cfg.DatabasePath(), to, sqlite.BackupOptions{Replace: c.Force, At: a.now()})
	if err == nil && c.File == "-" {
		err = send(ctx, a.stdout, to)
	}
	if err != nil && ctx.Err() != nil {
		return errors.New("stopped by a signal: no backup was made")
	}
	if err != nil {
		return err
	}
	a.noteBackup(context.WithoutCancel(ctx), cfg, made)
	fmt.Fprint(out, backupText(c.File, cfg, made))
	return nil
}

// aboutRedis says what is to be done about the sessions there.
func aboutRedis(cfg *config.Config) string {
	if cfg.Sessions == "" {
		return "Whoever puts one back runs \"SELECT pawl.restored()\" then, which signs everybody out: what was ended since would live again"
	}
	return "Sessions in Redis need none: without them people sign in again"
}

func backupText(file string, cfg *config.Config, made sqlite.Contents) string {
	where := file
	if file == "-" {
		where = "standard output"
	}
	return fmt.Sprintf("Wrote %s: %s.\nThe master key is not in it (%s). Keep a copy of that elsewhere: the backup signs nothing without it, and for you neither.\n",
		where, holdings(made), masterKeyPlace(cfg))
}

// holdings says what is in a backup.
func holdings(h sqlite.Contents) string {
	return fmt.Sprintf("%s, %s, %s, schema %d, %d KiB",
		plural(int(h.Users), "user"), plural(int(h.Sessions), "live session"), plural(int(h.Keys), "sealed key"), h.Schema, (h.Bytes+1023)/1024)
}

func masterKeyPlace(cfg *config.Config) string {
	if cfg.MasterKey != "" {
		return "PAWL_MASTER_KEY"
	}
	return cfg.MasterKeyFile
}

// noteBackup writes the audit entry: whoever took a copy took everything. Where
// the server is older, its database has no place for the entry that this
// program would write, and is not brought up to date for a backup's sake.
func (a *app) noteBackup(ctx context.Context, cfg *config.Config, made sqlite.Contents) {
	if !made.Current {
		return
	}
	s, err := sqlite.Open(ctx, cfg.DatabasePath(), sqlite.Options{Readers: 1})
	if err != nil {
		fmt.Fprintf(a.stderr, "pawl: the backup was made, but not written into the audit log: %v\n", err)
		return
	}
	defer s.Close()
	a.note(ctx, s, pawl.Event{Kind: pawl.EventDatabaseBackedUp})
}

// send copies a file to w, until ctx ends.
func send(ctx context.Context, w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_ = os.Remove(path) // now, where that is possible: whoever kills us while nobody reads leaves nothing
	for err == nil && ctx.Err() == nil {
		_, err = io.CopyN(w, f, 1<<20)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("the backup cannot be written to standard output: %w; what came out of it is not complete", err)
	}
	return ctx.Err()
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && f.Name() != os.DevNull
}
