//go:build unix

package cli_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// systemd hears when the server is ready, and when it begins to stop.
func TestServerNotifiesItsSupervisor(t *testing.T) {
	dir, err := os.MkdirTemp("", "n") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	socket, err := new(net.ListenConfig).ListenPacket(context.Background(), "unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	hear := func(want string) {
		t.Helper()
		b := make([]byte, 100)
		if err := socket.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if n, _, err := socket.ReadFrom(b); err != nil || string(b[:n]) != want {
			t.Fatalf("heard %q, %v, not %s", b[:n], err, want)
		}
	}
	p := startWith(t, []string{"NOTIFY_SOCKET=" + path}, "serve", "--listen", "127.0.0.1:0", "--data-dir", filepath.Join(t.TempDir(), "data"))
	hear("READY=1")
	p.signal(t, syscall.SIGTERM)
	hear("STOPPING=1")
}
