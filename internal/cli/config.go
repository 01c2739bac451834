package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/alecthomas/kong"

	"github.com/pawlauth/pawl/internal/config"
)

type configCheckCmd struct{ kong.Plugins }

func (configCheckCmd) Help() string {
	return `Reads the file, the environment and the flags as "pawl serve" would, and names every fault at once, each with where it is and what to do. It opens no database and starts nothing. It takes the same flags as "pawl serve".

Examples:

    pawl config check --config pawl.yaml
    pawl config check --listen 0.0.0.0:8443 --issuer https://login.example.com`
}

func (c *configCheckCmd) Run(a *app) error {
	cfg, err := a.load(c.Plugins)
	if err != nil {
		return err
	}
	if err := errors.Join(cfg.CheckServing(), a.checkTLS(cfg)); err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.stdout, "The configuration is good.")
	return err
}

type configPrintCmd struct{ kong.Plugins }

func (configPrintCmd) Help() string {
	return `Prints a complete configuration file that means the same as the file, the environment and the flags together. A comment behind a value says where it came from; no comment means that it is the default. Secrets are not printed. It takes the same flags as "pawl serve".

Example:

    pawl config print --config pawl.yaml`
}

func (c *configPrintCmd) Run(a *app) error {
	cfg, err := a.load(c.Plugins)
	if err != nil {
		return err
	}
	return cfg.Print(a.stdout)
}

type configReferenceCmd struct{}

func (configReferenceCmd) Help() string {
	return `Prints every key with its meaning, default, unit, variable and flag. It is what docs/configuration.md is made of.`
}

func (configReferenceCmd) Run(a *app) error {
	_, err := io.WriteString(a.stdout, config.Reference())
	return err
}
