// Package cli is the pawl command: its grammar, its help texts and what each
// command does. It joins the configuration, the store, the service and the
// HTTP API; everything else is done elsewhere.
package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/config"
)

// Exit codes of the command.
const (
	exitOK      = 0
	exitFailure = 1 // it could not be done; standard error says why
	exitUsage   = 2 // the command line does not make sense
)

// usageError is a mistake in the command line that the grammar cannot see.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

const description = `Pawl signs people in and issues their session tokens: short-lived access tokens that your services check by themselves, and refresh tokens that are good once.

To look at it: "pawl demo", and "pawl serve --demo" to play yourself. To run it: "pawl serve".`

// grammar is what can be typed.
type grammar struct {
	Config string `short:"c" placeholder:"FILE" help:"Read the configuration from this YAML file. PAWL_CONFIG names one, too. Environment variables and flags win over it."`

	Serve serveCmd `cmd:"" help:"Run the server."`
	Demo  tourCmd  `cmd:"" help:"Take a tour of two minutes: every request and answer is real."`
	Conf  struct {
		Check     configCheckCmd     `cmd:"" help:"Check the configuration and say what is wrong with it."`
		Print     configPrintCmd     `cmd:"" help:"Print the configuration in force and where each value came from."`
		Reference configReferenceCmd `cmd:"" help:"Print what can be configured, as a Markdown page."`
	} `cmd:"" name:"config" help:"Check, print and explain the configuration."`
	User    userCmd `cmd:"" help:"Add people, change, list and delete them."`
	Session struct {
		List sessionListCmd `cmd:"" help:"List who is signed in, and where."`
		End  sessionEndCmd  `cmd:"" help:"Sign people out."`
	} `cmd:"" help:"List and end sessions."`
	Client struct {
		Add    clientAddCmd    `cmd:"" help:"Register a program and print its secret."`
		List   clientListCmd   `cmd:"" help:"List the registered programs."`
		Remove clientRemoveCmd `cmd:"" help:"Remove a program; its secret is refused from then on."`
	} `cmd:"" help:"Register programs that may call the API on their own account."`
	Audit struct {
		List auditListCmd `cmd:"" help:"List what happened: sign-ins, failures, ends, changes."`
	} `cmd:"" help:"Read the audit log."`
	Key     keyCmd     `cmd:"" help:"List the signing keys, rotate them, remove stolen ones."`
	Backup  backupCmd  `cmd:"" help:"Copy the database into a file, beside a running server."`
	Restore restoreCmd `cmd:"" help:"Put a backup back, which signs everybody out."`
	Store   struct {
		Migrate storeMigrateCmd `cmd:"" help:"Copy everything into other stores; nobody is signed out."`
	} `cmd:"" help:"Move to other stores."`
	Health healthCmd `cmd:"" help:"Ask the server on this machine how it is."`
	Token  struct {
		Inspect inspectCmd `cmd:"" help:"Show what is in a token."`
	} `cmd:"" help:"Look at tokens."`
	Bench   benchCmd   `cmd:"" help:"Measure a server under load, every answer checked."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

func newGrammar() *grammar {
	g := new(grammar)
	g.Serve.Plugins = newSettings(allKeys, false)
	g.Conf.Check.Plugins = newSettings(allKeys, true)
	g.Conf.Print.Plugins = newSettings(allKeys, true)
	g.Health.Plugins = newSettings(allKeys, true)
	for _, p := range []*kong.Plugins{
		&g.User.Add.Plugins, &g.User.Import.Plugins, &g.User.List.Plugins, &g.User.Passwd.Plugins, &g.User.Set.Plugins,
		&g.User.Disable.Plugins, &g.User.Enable.Plugins, &g.User.Delete.Plugins, &g.User.Reset.Plugins,
		&g.Client.Add.Plugins, &g.Client.List.Plugins, &g.Client.Remove.Plugins,
		&g.Session.List.Plugins, &g.Session.End.Plugins, &g.Audit.List.Plugins,
	} {
		*p = newSettings(storeKeys, false)
	}
	for _, p := range []*kong.Plugins{&g.Key.List.Plugins, &g.Key.Rotate.Plugins, &g.Key.Remove.Plugins, &g.Key.Reseal.Plugins} {
		*p = newSettings(keyKeys, false)
	}
	g.Store.Migrate.Plugins = newSettings(restoreKeys, false)
	g.Backup.Plugins, g.Restore.Plugins = newSettings(storeKeys, false), newSettings(restoreKeys, false)
	return g
}

// app is what a command may use of the world.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	environ        []string
	file           string           // --config
	now            func() time.Time // the one clock of the commands
	why            string           // --why
}

// whyFlag is part of commands that end, change or remove something.
type whyFlag struct {
	Why string `placeholder:"TEXT" help:"Why; it stands in the audit log."`
}

// load reads the configuration for a command with these flags.
func (a *app) load(flags kong.Plugins) (*config.Config, error) {
	return config.Load(config.Sources{File: a.file, Env: a.environ, Flags: given(flags)})
}

// exited carries the code with which kong wants to end the process.
type exited int

// Main runs the command line, without the program's name, and gives the
// process's exit code. It handles SIGINT and SIGTERM while a server runs.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case exited:
			code = int(r)
		default:
			panic(r)
		}
	}()
	g := newGrammar()
	parser, err := kong.New(g, kong.Name("pawl"), kong.Description(description), kong.Writers(stdout, stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, FlagsLast: true, WrapUpperBound: 80}),
		kong.WithHyphenPrefixedParameters(true), // every sixty-fourth session id begins with one
		kong.Exit(func(code int) { panic(exited(code)) }))
	if err != nil {
		panic(err) // the grammar itself is wrong
	}
	parser.Model.HelpFlag.Help = "Show this help."
	ctx, err := parser.Parse(keyIDsLast(asMeant(args, parser.Model.Node)))
	if err != nil {
		return complain(stderr, unparsed(err), helpFor(err))
	}
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, environ: os.Environ(), file: g.Config, now: time.Now}
	return complain(stderr, ctx.Run(a), ctx.Command())
}

// complain writes an error for a person and gives the exit code that it means.
func complain(w io.Writer, err error, command string) int {
	if err == nil {
		return exitOK
	}
	for line := range strings.SplitSeq(words(err), "\n") {
		fmt.Fprintf(w, "pawl: %s\n", strings.TrimPrefix(line, "pawl: ")) // errors of the library begin with it, too
	}
	if _, ok := errors.AsType[usageError](err); !ok {
		return exitFailure
	}
	name, _, _ := strings.Cut(command, " <")
	fmt.Fprintf(w, "Run \"%s --help\" to see how it is used.\n", strings.TrimSpace("pawl "+name))
	return exitUsage
}

// unparsed is a parse error in the words of a person.
func unparsed(err error) error {
	p, ok := errors.AsType[*kong.ParseError](err)
	if !ok || p.Context == nil {
		return usageError{err}
	}
	if at := p.Context.Selected(); at != nil && len(at.Children) == 0 {
		return usageError{err} // a command's own arguments
	}
	return usagef("%s", misspelt(err, p.Context.Command()))
}

// helpFor names the command that a parse error is about.
func helpFor(err error) string {
	if p, ok := errors.AsType[*kong.ParseError](err); ok && p.Context != nil {
		return p.Context.Command()
	}
	return ""
}

// words gives an error's text for a person. The service's own errors keep it
// apart from what is for the log.
func words(err error) string {
	e, ok := errors.AsType[*api.Error](err)
	if !ok {
		return err.Error()
	}
	if cause := e.Unwrap(); cause != nil {
		return e.Detail + " (" + cause.Error() + ")"
	}
	return e.Detail
}
