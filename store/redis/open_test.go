package redis_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl/internal/servertest"
	"github.com/pawlauth/pawl/store/redis"
)

// What is wrong with an address is said without what it holds.
func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t)
	server.Do("ACL", "SETUSER", "pawl", "on", ">right", "~*", "&*", "+@all")
	free := servertest.FreeAddr(t)
	for _, test := range []struct{ name, url, want string }{
		{"no URL", "hunter2", "must be a URL such as"},
		{"another scheme", "http://u:hunter2@" + server.Addr, "must be a URL such as"},
		{"a password that is not encoded", "redis://u:hunter2/%%@" + server.Addr, "percent-encoded"},
		{"an unknown parameter", "redis://u:hunter2@" + server.Addr + "?timeout=hunter2", "unknown parameter; known are addr"},
		{"a password with & in it", "redis://" + server.Addr + "?sentinel_password=x&hunter2", "unknown parameter; known are addr"},
		{"no number of a database", "redis://u:hunter2@" + server.Addr + "/hunter2", "number of a database"},
		{"braces", "redis://u:hunter2@" + server.Addr + "?prefix={x}", "without braces"},
		{"no number of replicas", "redis://u:hunter2@" + server.Addr + "?replicas=hunter2", "how many replicas"},
		{"TLS without TLS", "redis://u:hunter2@" + server.Addr + "?ca=x", "write rediss://"},
		{"no such file", "rediss://u:hunter2@" + server.Addr + "?ca=/nonexistent", "no such file"},
		{"no certificate", "rediss://u:hunter2@" + server.Addr + "?ca=/dev/null", "no certificate"},
		{"nobody there", "redis://u:hunter2@" + free, "refused"},
		{"a wrong password", "redis://pawl:hunter2@" + server.Addr, "check the user and the password"},
		{"no such database", "redis://pawl:right@" + server.Addr + "/99", "DB index is out of range"},
		{"no such primary", "redis://u:hunter2@" + server.Addr + "?sentinel=other", "redis: "},
		{"TLS where there is none", "rediss://u:hunter2@" + server.Addr, "speaks TLS"},
	} {
		s, err := redis.Open(t.Context(), test.url, redis.Options{})
		if err == nil {
			s.Close()
			t.Errorf("%s: opened", test.name)
		} else if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	ca := newAuthority(t, filepath.Join(dir, "ca.pem"))
	ca.issue(t, filepath.Join(dir, "server"))
	ca.issue(t, filepath.Join(dir, "client"))
	newAuthority(t, filepath.Join(dir, "other.pem"))
	addr := servertest.FreeAddr(t)
	_, port, _ := net.SplitHostPort(addr)
	servertest.StartRedis(t, "--tls-port", port, "--tls-ca-cert-file", filepath.Join(dir, "ca.pem"),
		"--tls-cert-file", filepath.Join(dir, "server.pem"), "--tls-key-file", filepath.Join(dir, "server.key"))
	address := func(parameters ...string) string {
		q := url.Values{}
		for i := 0; i < len(parameters); i += 2 {
			q.Set(parameters[i], filepath.Join(dir, parameters[i+1]))
		}
		return "rediss://" + addr + "?" + q.Encode()
	}
	s := openAt(t, address("ca", "ca.pem", "cert", "client.pem", "key", "client.key"))
	rec := create(t, s, "u")
	if got, _, err := s.Get(t.Context(), rec.SessionKey); err != nil || got != rec {
		t.Errorf("%+v, %v", got, err)
	}
	end(t, s, rec.SessionKey)
	for name, address := range map[string]string{
		"an unknown authority":  address("cert", "client.pem", "key", "client.key"),
		"another authority":     address("ca", "other.pem", "cert", "client.pem", "key", "client.key"),
		"no certificate of us":  address("ca", "ca.pem"),
		"another server's name": address("ca", "ca.pem", "cert", "client.pem", "key", "client.key") + "&server_name=elsewhere.example",
	} {
		if s, err := redis.Open(t.Context(), address, redis.Options{}); err == nil {
			s.Close()
			t.Errorf("%s: opened", name)
		}
	}
}

// Sentinels and the nodes of a Cluster name addresses, which are dialled by TLS.
func TestTLSOfSentinelAndCluster(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca := newAuthority(t, filepath.Join(dir, "ca.pem"))
	ca.issue(t, filepath.Join(dir, "server"))
	files := servertest.TLS{CA: filepath.Join(dir, "ca.pem"), Cert: filepath.Join(dir, "server.pem"), Key: filepath.Join(dir, "server.key")}
	t.Run("Cluster", func(t *testing.T) { suite(t, servertest.StartTLSCluster(t, files)+"?ca="+url.QueryEscape(files.CA)) })
	t.Run("Sentinel", func(t *testing.T) { suite(t, servertest.StartTLSSentinel(t, files)+"&ca="+url.QueryEscape(files.CA)) })
}

// authority issues certificates for 127.0.0.1.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, file string) authority {
	t.Helper()
	a := authority{cert: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(time.Hour),
	}}
	a.key = newKey(t)
	a.sign(t, a.cert, a.key, file)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a authority) sign(t *testing.T, cert *x509.Certificate, key *ecdsa.PrivateKey, file string) {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, cert, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, file, "CERTIFICATE", der)
}

// issue writes <name>.pem and <name>.key.
func (a authority) issue(t *testing.T, name string) {
	t.Helper()
	key := newKey(t)
	a.sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, key, name+".pem")
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, name+".key", "EC PRIVATE KEY", der)
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A server that evicts marks would revive what they ended.
func TestOpenLooksAtTheEviction(t *testing.T) {
	server := servertest.StartRedis(t, "--maxmemory", "1gb")
	for policy, want := range map[string]string{
		"noeviction": "", "volatile-lru": "people would be signed out", "allkeys-lru": "refused", "allkeys-random": "refused",
	} {
		server.Do("CONFIG", "SET", "maxmemory-policy", policy)
		var log bytes.Buffer
		s, err := redis.Open(t.Context(), server.URL, redis.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err == nil {
			s.Close()
		}
		if (err != nil) != (want == "refused") || err == nil && (want == "") != (log.Len() == 0) || err == nil && !strings.Contains(log.String(), want) {
			t.Errorf("%s: %v, %s", policy, err, log.String())
		}
	}
}

// Prefixes, and databases of one server, are stores of their own.
func TestStoresOnOneServer(t *testing.T) {
	server := servertest.StartRedis(t)
	a, b := openAt(t, server.URL+"/0?prefix=a:"), openAt(t, server.URL+"/0?prefix=b:")
	c := openAt(t, server.URL+"/1?prefix=a:")
	rec := create(t, a, "u")
	end(t, a, rec.SessionKey)
	for _, s := range []*redis.Store{b, c} {
		if _, _, err := s.Get(t.Context(), rec.SessionKey); err == nil {
			t.Error("another store's session was found")
		}
		if page, err := s.Revocations(t.Context(), "", 1); err != nil || len(page.Entries) != 0 {
			t.Errorf("another store's log: %+v, %v", page, err)
		}
	}
	for key := range strings.FieldsSeq(server.Do("KEYS", "*")) {
		if !strings.HasPrefix(key, "a:{") {
			t.Errorf("the key %q lies outside", key)
		}
	}
}

// What is appended by one handle nudges those who follow by another.
func TestNudges(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]string{
		"one server": servertest.StartRedis(t).URL,
		"Sentinel":   servertest.StartSentinel(t, 1).URL,
		"Cluster":    servertest.StartCluster(t).URL,
	} {
		a, b := openAt(t, address), openAt(t, address)
		servertest.Await(t, func() error { // until it has subscribed
			if _, _, err := a.EndUser(t.Context(), "u", "", "signed_out", noon); err != nil {
				return err
			}
			select {
			case <-b.Nudges():
				return nil
			case <-time.After(20 * time.Millisecond):
				return errNoNudge
			}
		})
		if t.Failed() {
			t.Error(name)
		}
	}
}

var errNoNudge = errors.New("no nudge yet")
