package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/config"
	"github.com/pawlauth/pawl/store/sqlite"
)

// store is everything that one database keeps.
type store interface {
	pawl.SessionStore
	pawl.UserStore
	pawl.KeyStore
	pawl.AuditStore
	pawl.ClientStore
	Stats() (waiting int, bytes int64)
	Close() error
}

var _ store = (*sqlite.Store)(nil)

// openExisting opens the database for a command beside the server. It never
// makes one: a mistyped path would otherwise look like a Pawl without people.
func (a *app) openExisting(ctx context.Context, flags kong.Plugins) (store, *config.Config, error) {
	cfg, err := a.load(flags)
	if err != nil {
		return nil, nil, err
	}
	if err := mustExist(cfg.DatabasePath()); err != nil {
		return nil, nil, err
	}
	s, err := sqlite.Open(ctx, cfg.DatabasePath(), sqlite.Options{Readers: 1})
	if err != nil {
		return nil, nil, err
	}
	return s, cfg, nil
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
	if !canBeMade(path) {
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

// openForServer opens the database, or makes it at the first start, together
// with the master key.
func openForServer(ctx context.Context, cfg *config.Config) (store, pawl.MasterKey, error) {
	if err := makeDataDir(cfg); err != nil {
		return nil, pawl.MasterKey{}, err
	}
	key, found, err := readMasterKey(cfg)
	if err != nil {
		return nil, key, err
	}
	s, err := sqlite.Open(ctx, cfg.DatabasePath(), sqlite.Options{})
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
	if cfg.MasterKey != "" && !within(cfg.DataDir, cfg.DatabasePath()) {
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
