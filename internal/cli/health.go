package cli

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/alecthomas/kong"

	"github.com/pawlauth/pawl/internal/config"
)

// healthTimeout is how long a server may take to say how it is.
const healthTimeout = 5 * time.Second

type healthCmd struct {
	Ready bool `help:"Ask whether the store answers too (/readyz), rather than whether the process runs (/healthz)."`
	kong.Plugins
}

func (healthCmd) Help() string {
	return `Asks the server on this machine how it is, for container engines whose images hold no shell and no curl. It reads the same configuration as "pawl serve", to know where that listens. The exit status is 0 if all is well, 1 if not.

Examples:

    pawl health
    pawl health --ready --listen 127.0.0.1:8443`
}

func (c *healthCmd) Run(a *app) error {
	cfg, err := a.load(c.Plugins)
	if err != nil {
		return err
	}
	path := "/healthz"
	if c.Ready {
		path = "/readyz"
	}
	url, err := ownURL(cfg)
	if err != nil {
		return err
	}
	if err := ask(url + path); err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.stdout, "ok")
	return err
}

// ownURL is where a server with this configuration is reached from its machine.
func ownURL(cfg *config.Config) (string, error) {
	host, port, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return "", err
	}
	if port == "0" {
		return "", usagef("the port is 0, so the system chose one: say which it is, with --listen")
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "localhost"
	}
	scheme := "http"
	if cfg.TLSCertFile != "" {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, port), nil
}

func ask(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), healthTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{
		// The certificate is for the public name. Nothing secret is sent, and
		// whoever could answer here in Pawl's place owns the machine.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // see above
	}}
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("the server does not answer: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(res.Body, 1000))
		return fmt.Errorf("%s answered %s\n%s", url, res.Status, body)
	}
	return nil
}
