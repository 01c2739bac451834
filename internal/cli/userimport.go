package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/alecthomas/kong"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/userimport"
)

type userImportCmd struct {
	File               string `arg:"" help:"The file with the people; - for standard input."`
	Format             string `enum:"csv,jsonl," default:"" placeholder:"FORMAT" help:"How the file is written: csv or jsonl (one JSON object a line). Without it, the file's name tells."`
	Update             bool   `help:"Make those who are there already as the file has them: roles, claims, disabled, and passwords that were never used here."`
	OverwritePasswords bool   `help:"With --update: also replace passwords that people may have chosen or used here since."`
	DryRun             bool   `short:"n" help:"Write nothing; say what would be done."`
	Rejects            string `placeholder:"FILE" help:"Write the lines that were not taken into this file, as they were, to be mended and imported by themselves. It is replaced, and has mode 0600."`
	IgnoreUnknown      bool   `help:"Leave out columns and members that are not known, instead of refusing the file or the line."`
	kong.Plugins
}

func (userImportCmd) Help() string {
	return `Takes people over from another system, with the hashes of their passwords, next to a running server or without one. They sign in with the passwords they have; at the first sign-in each hash becomes Argon2id.

CSV has a line that names its columns, in any order; JSON lines have members of the same names:

    userId          what the person types to sign in; the only one that is required
    passwordHash    bcrypt, scrypt, PBKDF2 or Argon2, as PHC strings or as Spring
                    Security, Django or passlib write them; empty: no sign-in
                    until a reset link sets a password
    secretData      with credentialData, in place of passwordHash: a credential
                    of Keycloak's
    roles           separated by spaces; in JSON an array
    claims          a JSON object, added to the access tokens
    disabled        true or false
    subject         the id in tokens, where people have one already; otherwise
                    they get one

A line is taken if all of it is right. Each one that is not is reported with its number on standard error and costs none of the others. If there were any, the exit code is 1. Run it again as often as you like: whoever is there already is left alone and counted as unchanged, or different.

With --update, those who are there become as the file has them, in what its columns say. A password is replaced only if it was imported and nobody has signed in with it here since, which an Argon2id hash does not tell: those are kept, unless --overwrite-passwords says otherwise. Whose password is replaced, and who is disabled, is signed out everywhere.

Examples:

    pawl user import people.csv --dry-run
    pawl user import people.csv --rejects rejected.csv
    pawl user import --format jsonl - < people.jsonl
    pawl user import people.csv --update`
}

func (c *userImportCmd) Run(a *app) error {
	if c.OverwritePasswords && !c.Update {
		return usagef("--overwrite-passwords goes with --update")
	}
	format := userimport.Format(c.Format)
	if format == "" {
		var err error
		if format, err = userimport.FormatOf(c.File); err != nil {
			return usageError{err}
		}
	}
	in, err := openInput(a, c.File)
	if err != nil {
		return err
	}
	defer in.Close()
	ctx, stop := untilSignal()
	defer stop()
	s, _, err := a.openExisting(ctx, c.Plugins)
	if err != nil {
		return err
	}
	defer s.Close()
	return c.run(ctx, a, s, in, format)
}

func (c *userImportCmd) run(ctx context.Context, a *app, s store, in *input, format userimport.Format) error {
	rejects, err := openRejects(c.Rejects, in)
	if err != nil {
		return err
	}
	reader, err := userimport.NewReader(in, userimport.Options{Format: format, IgnoreUnknown: c.IgnoreUnknown, Long: rejects})
	if err != nil {
		return errors.Join(fmt.Errorf("%s: %w", c.File, err), rejects.Close())
	}
	rejects.header = reader.Header()
	view := newImportView(a, in)
	var ended []pawl.Event
	im := &userimport.Importer{
		Store: s, Now: a.now, Update: c.Update, OverwritePasswords: c.OverwritePasswords, DryRun: c.DryRun,
		Progress: view.progress,
		Bad: func(e userimport.Entry) error {
			view.bad(e)
			_, err := rejects.Write(e.Raw)
			return err
		},
		Ended: func(u pawl.User, reason string) {
			ended = append(ended, pawl.Event{Kind: pawl.EventUserEnded, User: u.ID, Login: u.Login, Reason: reason})
		},
	}
	began := a.now()
	n, err := im.Import(ctx, reader)
	view.done()
	err = errors.Join(err, rejects.Close())
	if !c.DryRun {
		ended = append(ended, pawl.Event{Kind: pawl.EventUsersImported, Object: importSummary(c.File, n)})
		a.note(context.WithoutCancel(ctx), s, ended...)
	}
	if _, printErr := fmt.Fprint(a.stdout, c.summary(n, a.now().Sub(began))); printErr != nil {
		err = errors.Join(err, printErr)
	}
	return c.outcome(ctx, n, err)
}

// outcome is the error that the command ends with.
func (c *userImportCmd) outcome(ctx context.Context, n userimport.Counts, err error) error {
	switch {
	case ctx.Err() != nil:
		return errors.New("stopped by a signal; what was done stays, and running it again does the rest")
	case err != nil:
		return fmt.Errorf("the import stopped: %w\nWhat was done stays; running it again does the rest", err)
	case n.Bad > 0 && c.Rejects == "":
		return fmt.Errorf("%s not taken; mend the file and run this again, or add --rejects FILE to have the bad lines by themselves", were(n.Bad))
	case n.Bad > 0:
		return fmt.Errorf("%s not taken; mend them in %s and import that", were(n.Bad), c.Rejects)
	}
	return nil
}

func were(n int) string {
	if n == 1 {
		return "1 line was"
	}
	return fmt.Sprintf("%d lines were", n)
}

// input is the file, and how much of it was read.
type input struct {
	io.Reader
	file *os.File // nil for standard input
	size int64    // 0: not known
	read int64
}

func openInput(a *app, path string) (*input, error) {
	if path == "-" {
		return &input{Reader: a.stdin}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	in := &input{Reader: f, file: f}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		return nil, errors.Join(fmt.Errorf("%s is a directory; name a file", path), f.Close())
	}
	if err == nil && info.Mode().IsRegular() {
		in.size = info.Size()
	}
	return in, nil
}

func (in *input) Read(p []byte) (int, error) {
	n, err := in.Reader.Read(p)
	in.read += int64(n)
	return n, err
}

func (in *input) Close() error {
	if in.file == nil {
		return nil
	}
	return in.file.Close()
}

// importSummary is what the audit log holds of an import.
func importSummary(path string, n userimport.Counts) string {
	return fmt.Sprintf("%s: %d added, %d updated, %d unchanged, %d different, %d bad",
		printable(filepath.Base(path)), n.Added, n.Updated, n.Unchanged, n.Different, n.Bad)
}

// summary is for the person.
func (c *userImportCmd) summary(n userimport.Counts, took time.Duration) string {
	text := fmt.Sprintf("%s read in %s.\n", plural(n.Lines, "line"), took.Round(100*time.Millisecond))
	if c.DryRun {
		text = fmt.Sprintf("%s read; nothing was written. It would be:\n", plural(n.Lines, "line"))
	}
	for _, row := range []struct {
		n         int
		what, say string
		always    bool
	}{
		{n.Added, "added", "", true},
		{n.Updated, "updated", "", c.Update},
		{n.Unchanged, "unchanged", "there already", true},
		{n.Different, "different", "there already with other roles, claims, state or password, and left so; --update changes that", false},
		{n.Bad, "bad", "not taken, and reported above", true},
	} {
		if row.n > 0 || row.always {
			text += fmt.Sprintf("%9d %s", row.n, row.what)
			if row.say != "" && row.n > 0 {
				text += " (" + row.say + ")"
			}
			text += "\n"
		}
	}
	if n.NoPassword > 0 {
		text += fmt.Sprintf("%d of those added have no password yet: send them reset links.\n", n.NoPassword)
	}
	if n.Promoted > 0 {
		text += fmt.Sprintf("%d became administrators and lost the password that they had, because others may have set it: send them reset links.\n", n.Promoted)
	}
	if n.Kept > 0 && c.Update {
		text += fmt.Sprintf("%d kept a password that differs from the file's, as they may have chosen or used it here since.\n", n.Kept)
	}
	return text
}
