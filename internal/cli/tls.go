package cli

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/pawlauth/pawl/internal/config"
)

// certificateCheck is how often, at most, the certificate's files are looked at.
const certificateCheck = time.Second

// certificate serves a certificate from files and takes up new ones by itself,
// so that a renewal needs no restart. It is safe for concurrent use.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger
	now               func() time.Time

	mu      sync.Mutex
	current *tls.Certificate
	stamp   [2]time.Time // of the files that current came from, or that failed
	looked  time.Time
}

// newTLS gives the server's TLS settings, nil for plain HTTP.
func (a *app) newTLS(cfg *config.Config, log *slog.Logger) (*tls.Config, error) {
	if cfg.TLSCertFile == "" {
		return nil, nil
	}
	c := &certificate{certFile: cfg.TLSCertFile, keyFile: cfg.TLSKeyFile, log: log, now: a.now}
	if err := c.load(); err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}, nil
}

// checkTLS reports what is wrong with the configured files, if any are.
func (a *app) checkTLS(cfg *config.Config) error {
	_, err := a.newTLS(cfg, slog.Default())
	return err
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.looked) >= certificateCheck {
		c.looked = now
		if c.stamp != c.stamps() {
			c.reload()
		}
	}
	return c.current, nil
}

// reload keeps the old certificate if the new files are not good: a renewal
// that went wrong must not stop the service.
func (c *certificate) reload() {
	if err := c.load(); err != nil {
		c.log.Error("the new TLS certificate cannot be used; the old one stays", "error", err)
		return
	}
	c.log.Info("took up the new TLS certificate", "file", c.certFile)
}

func (c *certificate) load() error {
	c.stamp = c.stamps()
	// The group may read it: a certificate tool often runs as another user.
	if err := config.CheckPrivate(c.keyFile, 0o027); err != nil {
		return fmt.Errorf("tls_key_file: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("tls_cert_file %s and tls_key_file %s: %w", c.certFile, c.keyFile, err)
	}
	c.current = &pair
	return nil
}

func (c *certificate) stamps() (t [2]time.Time) {
	for i, path := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(path); err == nil {
			t[i] = info.ModTime()
		}
	}
	return t
}
