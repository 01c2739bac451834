package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/config"
)

// readMasterKey gives the configured master key; found is false where neither
// master_key is set nor the file exists.
func readMasterKey(cfg *config.Config) (key pawl.MasterKey, found bool, err error) {
	if cfg.MasterKey != "" {
		key, err = pawl.ParseMasterKey(cfg.MasterKey.Reveal())
		return key, err == nil, err
	}
	err = config.CheckPrivate(cfg.MasterKeyFile, 0o077)
	if errors.Is(err, fs.ErrNotExist) {
		return key, false, nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return key, false, fmt.Errorf("master key: %w; the directory and the file must belong to the user that pawl runs as", err)
	}
	if err != nil {
		return key, false, fmt.Errorf("master key: %w", err)
	}
	text, err := os.ReadFile(cfg.MasterKeyFile)
	if err != nil {
		return key, false, fmt.Errorf("master key: %w", err)
	}
	key, err = pawl.ParseMasterKey(string(text))
	if err != nil {
		return key, false, fmt.Errorf("%s does not hold a master key: 32 random bytes in base64url, 43 characters; put back the file that belongs to this database", cfg.MasterKeyFile)
	}
	return key, true, nil
}

// firstMasterKey makes the master key of a database that exists without one. It
// refuses if the database holds keys: a new master key cannot open them, and
// Pawl would have to sign everybody out.
func firstMasterKey(ctx context.Context, cfg *config.Config, s pawl.KeyStore) (pawl.MasterKey, error) {
	keys, err := s.Keys(ctx)
	if err != nil {
		return pawl.MasterKey{}, err
	}
	if len(keys) > 0 {
		// Another process may have made it since, and then its keys.
		if key, found, err := readMasterKey(cfg); found || err != nil {
			return key, err
		}
		return pawl.MasterKey{}, fmt.Errorf("the master key is missing: %s does not exist, but the database %s holds keys that it sealed. "+
			"Put the file back from your copy (mode 0600), or set PAWL_MASTER_KEY or master_key_file. Without it these keys cannot be opened", cfg.MasterKeyFile, cfg.DatabaseName())
	}
	return makeMasterKey(cfg.MasterKeyFile)
}

// makeMasterKey writes a new master key, mode 0600, and never over a file that
// exists: if another process was first, its key is used. The file appears
// whole or not at all.
func makeMasterKey(path string) (pawl.MasterKey, error) {
	key := pawl.NewMasterKey()
	temp := path + ".new-" + rand.Text()[:8]
	defer os.Remove(temp)
	if err := writeNew(temp, key.Text()+"\n"); err != nil {
		return key, fmt.Errorf("master key: %w; the user that pawl runs as must be able to write to %s", err, filepath.Dir(path))
	}
	switch err := os.Link(temp, path); {
	case errors.Is(err, fs.ErrExist):
		key, _, err := readMasterKey(&config.Config{MasterKeyFile: path})
		return key, err
	case err != nil:
		return key, fmt.Errorf("master key: %w", err)
	}
	return key, syncDir(filepath.Dir(path))
}

func writeNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// syncDir makes a new name in a directory survive a power cut.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
