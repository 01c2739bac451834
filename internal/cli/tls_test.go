//go:build unix

package cli_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pawlauth/pawl/internal/cli"
	"github.com/pawlauth/pawl/internal/config"
)

// writeCertificate makes a certificate for 127.0.0.1 and its key, stamped with
// a time that tells renewals apart whatever the file system's resolution is.
func writeCertificate(t *testing.T, dir, name string, stamp time.Time) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AddCert(cert)
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, stamp, stamp); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile, pool
}

func TestTLSFilesMakeAnHTTPSServer(t *testing.T) {
	certFile, keyFile, pool := writeCertificate(t, t.TempDir(), "one", time.Now())
	p := serving(t, "--tls-cert-file", certFile, "--tls-key-file", keyFile)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "localhost"}}}
	resp, err := client.Get(strings.Replace(p.url, "http:", "https:", 1) + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Strict-Transport-Security") != "max-age=31536000" {
		t.Errorf("status %d, header %v", resp.StatusCode, resp.Header)
	}
	if want := "issuer=https://127.0.0.1:"; !strings.Contains(p.stderr.String(), want) {
		t.Errorf("the issuer is not %s…:\n%s", want, p.stderr)
	}
	p.signal(t, syscall.SIGTERM)
	if code := p.end(t); code != 0 {
		t.Errorf("exit code %d:\n%s", code, p.stderr)
	}
}

func TestARenewedCertificateIsTakenUp(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	certFile, keyFile, _ := writeCertificate(t, dir, "one", now.Add(-3*time.Hour))
	cfg, err := config.Load(config.Sources{Flags: map[string]string{"tls_cert_file": certFile, "tls_key_file": keyFile}})
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	settings, err := cli.NewTLS(cfg, slog.New(slog.NewTextHandler(&logged, nil)), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	name := func() string {
		t.Helper()
		c, err := settings.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Leaf.Subject.CommonName
	}
	if got := name(); got != "one" {
		t.Fatalf("serves %q", got)
	}
	writeCertificate(t, dir, "two", now.Add(-2*time.Hour))
	if got := name(); got != "one" {
		t.Errorf("serves %q: the files are looked at for every connection", got)
	}
	now = now.Add(time.Second)
	if got := name(); got != "two" {
		t.Errorf("serves %q after the renewal", got)
	}
	if err := os.WriteFile(certFile, []byte("half a fi"), 0o600); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Second)
	if got := name(); got != "two" {
		t.Errorf("serves %q after a renewal that went wrong", got)
	}
	if want := "the new TLS certificate cannot be used; the old one stays"; !strings.Contains(logged.String(), want) {
		t.Errorf("the log lacks %q:\n%s", want, &logged)
	}
}

// SECURITY 20.
func TestATLSKeyThatOthersCanReadIsRefused(t *testing.T) {
	certFile, keyFile, _ := writeCertificate(t, t.TempDir(), "one", time.Now())
	cfg, err := config.Load(config.Sources{Flags: map[string]string{"tls_cert_file": certFile, "tls_key_file": keyFile}})
	if err != nil {
		t.Fatal(err)
	}
	for mode, ok := range map[os.FileMode]bool{0o600: true, 0o640: true, 0o644: false, 0o660: false} {
		if err := os.Chmod(keyFile, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := cli.NewTLS(cfg, slog.Default(), time.Now); (err == nil) != ok {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
}
