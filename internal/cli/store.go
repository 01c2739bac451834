package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/config"
	"github.com/pawlauth/pawl/internal/stores"
	"github.com/pawlauth/pawl/store/sqlite"
)

// store is everything that a Pawl keeps.
type store = *stores.Set

// openExisting opens the stores for a command beside the servers. It never
// makes a Pawl: a mistyped path or name would otherwise look like one without
// people.
func (a *app) openExisting(ctx context.Context, flags kong.Plugins) (store, *config.Config, error) {
	cfg, err := a.load(flags)
	if err != nil {
		return nil, nil, err
	}
	s, err := a.openBeside(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	return s, cfg, nil
}

func (a *app) openBeside(ctx context.Context, cfg *config.Config) (store, error) {
	if !cfg.InPostgres() {
		if err := mustExist(cfg.DatabasePath()); err != nil {
			return nil, err
		}
		s, err := stores.OpenSQLite(ctx, cfg.DatabasePath(), sqlite.Options{Readers: 1, Now: a.now})
		if err == nil && !s.PutBack.IsZero() {
			fmt.Fprintf(a.stderr, "pawl: %s, of %s. %s\n", foundBackup, moment(s.PutBack), backInTime)
		}
		return s, err
	}
	quiet := *cfg
	quiet.DatabaseListen = "" // a command need not hear of ends
	s, err := stores.Open(ctx, &quiet)
	if err != nil {
		return nil, err
	}
	if err = mustBeBegun(ctx, cfg, s); err == nil {
		err = a.goBy(ctx, s.Clock)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// goBy has the command go by the clock that the servers share: what this
// machine's says may be seconds off.
func (a *app) goBy(ctx context.Context, clock pawl.TimeSource) error {
	own, now := a.now(), a.now
	shared, err := clock.Now(ctx)
	if err != nil {
		return fmt.Errorf("read the store's clock: %w", err)
	}
	a.now = func() time.Time { return shared.Add(now().Sub(own)) }
	return nil
}

// mustBeBegun refuses a PostgreSQL database in which no server has ever run.
func mustBeBegun(ctx context.Context, cfg *config.Config, s pawl.KeyStore) error {
	keys, err := s.Keys(ctx)
	if err == nil && len(keys) == 0 {
		err = fmt.Errorf("there is no Pawl in %s yet: name the servers' own database, or start a server once: it begins there", cfg.DatabaseName())
	}
	return err
}

func mustExist(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no database at %s; name the server's own with --config, --data-dir or --database, or start the server once: it makes the database", path)
	}
	return nil
}

// refuseLost refuses to begin anew where a database has been: a disk that is not
// mounted, or a deleted file, would otherwise sign everybody out without a
// word, and forget who they are. A master key that Pawl made lies in the data
// directory, and Pawl makes it after the database; one that the operator brings
// comes from elsewhere and says nothing.
func refuseLost(cfg *config.Config) error {
	path := cfg.DatabasePath()
	if cfg.InPostgres() || !canBeMade(path) {
		return nil // it is there, or its place is not: opening it says more
	}
	evidence := cfg.MasterKeyFile
	if _, err := os.Lstat(evidence); err != nil || cfg.MasterKey != "" || !within(cfg.DataDir, evidence) {
		if evidence = replacedBy(path); evidence == "" {
			return nil
		}
	}
	return fmt.Errorf("there is no database at %s, but there was one: %s is still there. Mount its disk, name the right path, or put a backup back with \"pawl restore\". "+
		"To begin anew with an empty one: pawl serve --new-database", path, evidence)
}

// replacedBy gives a database that a restoration has put aside from path.
func replacedBy(path string) string {
	dir, name := filepath.Split(path)
	files, _ := os.ReadDir(filepath.Clean(dir)) // canBeMade has looked at it
	for _, f := range files {
		if strings.HasPrefix(f.Name(), name+sqlite.KeptSuffix) {
			return filepath.Join(dir, f.Name())
		}
	}
	return ""
}

// What is said where a backup was copied to the database's place, which
// "pawl restore" would have put back.
const (
	foundBackup = "the database is a backup that was put in its place"
	backInTime  = "Everybody is signed out, since it does not know what was ended after it was made. " +
		"Who was disabled or deleted since, can sign in again, with the passwords of then; roles, clients and removed keys are what they were: look through \"pawl user list\" and \"pawl audit list\""
)

// openForServer opens the stores. At the first start it makes an SQLite database
// together with the master key. Servers that share a database must be given the
// same one: each would make its own, on a machine that may be gone tomorrow.
func openForServer(ctx context.Context, cfg *config.Config) (store, pawl.MasterKey, error) {
	if err := makeDataDir(cfg); err != nil {
		return nil, pawl.MasterKey{}, err
	}
	key, found, err := readMasterKey(cfg)
	if err == nil && !found && cfg.InPostgres() {
		err = fmt.Errorf("there is no master key: PAWL_MASTER_KEY is not set, and %s does not exist. Every server on %s needs the same one. "+
			"If there is none yet, make it with \"pawl key master FILE\", keep a copy, and give it to all of them", cfg.MasterKeyFile, cfg.DatabaseName())
	}
	if err != nil {
		return nil, key, err
	}
	s, err := stores.Open(ctx, cfg)
	if err != nil {
		return nil, key, err
	}
	if !found {
		// After the database, which has no keys yet: should this stop half-way, no
		// master key lies about that looks as though a database had been lost.
		key, err = firstMasterKey(ctx, cfg, s)
	}
	if err != nil {
		return nil, key, errors.Join(err, s.Close())
	}
	return s, key, nil
}

// canBeMade reports whether there is no file at path yet, but a place for it.
func canBeMade(path string) bool {
	_, err := os.Stat(path)
	dir, dirErr := os.Stat(filepath.Dir(path))
	return errors.Is(err, fs.ErrNotExist) && dirErr == nil && dir.IsDir()
}

// makeDataDir makes the data directory, but not its parents: a missing parent
// is more likely a disk that is not mounted, or a mistyped path.
func makeDataDir(cfg *config.Config) error {
	if cfg.InPostgres() || cfg.MasterKey != "" && !within(cfg.DataDir, cfg.DatabasePath()) {
		return nil // nothing of ours goes there
	}
	switch err := os.Mkdir(cfg.DataDir, 0o700); {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		return mustBeDir(cfg.DataDir)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("data_dir %s cannot be made, as its parent directory does not exist; make that first, or set another data_dir", cfg.DataDir)
	default:
		return fmt.Errorf("data_dir: %w; let the user that pawl runs as write there, or set another data_dir", err)
	}
}

func mustBeDir(path string) error {
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		return fmt.Errorf("data_dir %s is a file, not a directory: set data_dir to the directory that the database is in", path)
	}
	return nil // what cannot be looked at, opening the database says
}

func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}
