package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/pawlauth/pawl"
)

type keyRotateCmd struct {
	Use string `enum:"access,refresh,both" default:"access" placeholder:"USE" help:"Which keys: access, refresh or both. Default: access."`
	whyFlag
	kong.Plugins
}

func (keyRotateCmd) Help() string {
	return `Adds a key, next to a running server or without one. It is published at once and begins to sign ten minutes later, when everybody who checks tokens knows it; the key before it goes on checking what it signed until the last of that has expired. No token is refused for it. Where a key waits for its turn already, nothing is added.

Keys rotate by themselves (key_rotation). If a key was stolen, this is not enough: see pawl key remove.

Examples:

    pawl key rotate
    pawl key rotate --use both --why 'yearly drill'`
}

func (c *keyRotateCmd) Run(a *app) error {
	ctx := context.Background()
	s, cfg, master, err := a.openKeys(ctx, c.Plugins)
	if err != nil {
		return err
	}
	defer s.Close()
	uses := []string{c.Use}
	if c.Use == "both" {
		uses = []string{pawl.UseAccess, pawl.UseRefresh}
	}
	for _, use := range uses {
		k, added, err := a.keyAdmin(cfg, s, master).Rotate(ctx, use)
		if err != nil {
			return fmt.Errorf("%s keys: %s", use, strings.TrimPrefix(words(err), "pawl: "))
		}
		if !added {
			fmt.Fprintf(a.stdout, "Nothing was added: the %s key %s waits already, and signs from %s on.\n", use, k.ID, moment(k.SignsFrom))
			continue
		}
		a.noteKeys(ctx, s, pawl.KeyChange{Added: []pawl.KeyInfo{k}}, c.Why)
		fmt.Fprintf(a.stdout, "Added the %s key %s (%s). It is published within a second and signs from %s on.\n", use, k.ID, k.Algorithm, moment(k.SignsFrom))
	}
	return nil
}
