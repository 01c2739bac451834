package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

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
	path := cfg.DatabasePath()
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("there is no database at %s; name the server's own with --config, --data-dir or --database, or start the server once: it makes the database", path)
	}
	s, err := sqlite.Open(ctx, path, sqlite.Options{Readers: 1})
	if err != nil {
		return nil, nil, err
	}
	return s, cfg, nil
}

// openForServer opens the database, or makes it at the first start, together
// with the master key.
func openForServer(ctx context.Context, cfg *config.Config) (store, pawl.MasterKey, error) {
	if err := makeDataDir(cfg); err != nil {
		return nil, pawl.MasterKey{}, err
	}
	fresh := canBeMade(cfg.DatabasePath())
	key, found, err := readMasterKey(cfg)
	if err != nil {
		return nil, key, err
	}
	if fresh && !found {
		// Before the database: should this stop half-way, there is no database
		// with keys that a lost master key sealed.
		if key, err = makeMasterKey(cfg.MasterKeyFile); err != nil {
			return nil, key, err
		}
		found = true
	}
	s, err := sqlite.Open(ctx, cfg.DatabasePath(), sqlite.Options{})
	if err != nil {
		return nil, key, err
	}
	if !found {
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
	case err == nil, errors.Is(err, fs.ErrExist):
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("data_dir %s cannot be made, as its parent directory does not exist; make that first, or set another data_dir", cfg.DataDir)
	default:
		return fmt.Errorf("data_dir: %w; let the user that pawl runs as write there, or set another data_dir", err)
	}
}

func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}
