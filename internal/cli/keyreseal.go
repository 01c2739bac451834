package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/alecthomas/kong"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/config"
)

type keyResealCmd struct {
	NewMasterKeyFile string `required:"" placeholder:"FILE" help:"The new master key. If there is no such file, it is made, mode 0600; one that exists is used as it is."`
	whyFlag
	kong.Plugins
}

func (keyResealCmd) Help() string {
	return `Encrypts the signing keys in the database under a new master key, all of them in one step: should this be interrupted, either the old master key or the new one opens them, and the command can be run again. Signing keys and tokens stay as they are, and nobody notices.

Servers that run meanwhile go on with the keys that they hold, but cannot make new ones, and say so in their log: give them the new master key and restart them.

If the old master key was stolen together with a copy of the database, the keys in it are stolen too: remove them afterwards, with pawl key remove.

Example:

    pawl key reseal --new-master-key-file /etc/pawl/master.key.2`
}

func (c *keyResealCmd) Run(a *app) error {
	ctx := context.Background()
	s, cfg, old, err := a.openKeys(ctx, c.Plugins)
	if err != nil {
		return err
	}
	defer s.Close()
	admin := a.keyAdmin(cfg, s, old)
	next, err := c.newMasterKey(ctx, admin)
	if err != nil {
		return err
	}
	n, err := admin.Reseal(ctx, next)
	if err != nil {
		return err
	}
	said := fmt.Sprintf("%s opens the keys already: nothing was changed.", c.NewMasterKeyFile)
	if n > 0 {
		a.note(ctx, s, pawl.Event{Kind: pawl.EventKeysResealed, Why: c.Why})
		said = fmt.Sprintf("Sealed %s anew. From now on %s opens them, and the old master key does not.", plural(n, "key"), c.NewMasterKeyFile)
	}
	_, err = fmt.Fprintf(a.stdout, `%s

What to do now:
  1. %s
  2. Restart every server. Until then they go on with the keys that they hold,
     make no new ones, and say so in their log.
  3. Keep a copy of the new master key, away from the database's backups. Keep
     the old one as long as there are backups from before: only it opens those.
`, said, c.tellServers(cfg))
	return err
}

// newMasterKey reads the new master key, or makes it. It makes none where the
// old one is not right.
func (c *keyResealCmd) newMasterKey(ctx context.Context, admin pawl.KeyAdmin) (key pawl.MasterKey, err error) {
	path := c.NewMasterKeyFile
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if _, err := admin.Reseal(ctx, admin.MasterKey); err != nil { // under the same: a check only
			return key, err
		}
		return makeMasterKey(path)
	}
	key, found, err := readMasterKey(&config.Config{MasterKeyFile: path})
	switch {
	case err != nil:
		return key, err
	case !found:
		return key, fmt.Errorf("%s points to a file that does not exist; name another", path)
	case key == admin.MasterKey:
		return key, usagef("%s holds the master key that is configured; name a file that does not exist, and a new one is made", path)
	}
	return key, nil
}

// tellServers says how servers get the new master key.
func (c *keyResealCmd) tellServers(cfg *config.Config) string {
	if cfg.MasterKey != "" {
		return fmt.Sprintf("Give every server the content of %s as PAWL_MASTER_KEY (the\n     one set now is the old one), or unset that and set master_key_file.", c.NewMasterKeyFile)
	}
	return fmt.Sprintf("Set master_key_file to %s for every server\n     (now: %s).", c.NewMasterKeyFile, cfg.MasterKeyFile)
}
