package redis_test

import (
	"context"
	"net"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/pawlauth/pawl/internal/servertest"
	"github.com/pawlauth/pawl/store/redis"
)

// TestDial: every connection is made by Options.Dial; the address in the URL, and
// the name in the server's certificate, stay what they are.
func TestDial(t *testing.T) {
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	newAuthority(t, ca).issue(t, filepath.Join(dir, "server"))
	addr := servertest.FreeAddr(t)
	_, port, _ := net.SplitHostPort(addr)
	plain := servertest.StartRedis(t, "--tls-port", port, "--tls-ca-cert-file", ca, "--tls-auth-clients", "no",
		"--tls-cert-file", filepath.Join(dir, "server.pem"), "--tls-key-file", filepath.Join(dir, "server.key"))
	nowhere := net.JoinHostPort("127.0.0.1", "1")
	for there, at := range map[string]string{plain.Addr: "redis://" + nowhere, addr: "rediss://" + nowhere + "?ca=" + url.QueryEscape(ca)} {
		var dialled atomic.Int64
		s, err := redis.Open(t.Context(), at, redis.Options{Dial: func(ctx context.Context, to string) (net.Conn, error) {
			if dialled.Add(1); to != nowhere {
				t.Errorf("dialled %s, want %s", to, nowhere)
			}
			return (&net.Dialer{}).DialContext(ctx, "tcp", there)
		}})
		if err != nil {
			t.Fatalf("%s: %v", at, err)
		}
		t.Cleanup(func() { s.Close() })
		rec := create(t, s, "dialled-"+there)
		end(t, s, rec.SessionKey)
		if dialled.Load() == 0 {
			t.Errorf("%s: nothing was dialled", at)
		}
	}
}
