package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/pawlauth/pawl"
)

type keyMasterCmd struct {
	File string `arg:"" optional:"" help:"The file to write, mode 0600. It must not exist. Without it, the key is printed."`
}

func (keyMasterCmd) Help() string {
	return `Makes a master key: 32 random bytes, which encrypt the signing keys in the database. With SQLite the first start makes one by itself. Servers that share a PostgreSQL database all need the same: make it once, keep a copy away from the database and its backups, and give it to every server as master_key_file or PAWL_MASTER_KEY.

It changes nothing in a database. To put another master key in the place of one that is in use: pawl key reseal.

Examples:

    pawl key master /etc/pawl/master.key
    kubectl create secret generic pawl --from-literal=master-key="$(pawl key master)"`
}

func (c *keyMasterCmd) Run(a *app) error {
	if c.File == "" {
		_, err := fmt.Fprintln(a.stdout, pawl.NewMasterKey().Text())
		return err
	}
	if _, err := os.Lstat(c.File); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("%s exists already, and a master key is never written over anything; name another file", c.File), err)
	}
	if _, err := makeMasterKey(c.File); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.stdout, "Wrote %s. Keep a copy away from the database: without it the signing keys in there cannot be opened.\n", c.File)
	return err
}
