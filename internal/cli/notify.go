package cli

import (
	"context"
	"net"
	"os"
)

// States of a service, as systemd's sd_notify(3) has them.
const (
	stateReady    = "READY=1"
	stateStopping = "STOPPING=1"
)

// notify tells whoever started the process what it is at: systemd waits for it
// in a unit with Type=notify. Nothing is told where nobody listens.
func notify(state string) {
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" {
		return
	}
	c, err := new(net.Dialer).DialContext(context.Background(), "unixgram", socket)
	if err != nil {
		return // systemd gives up after TimeoutStartSec, and says so
	}
	defer c.Close()
	_, _ = c.Write([]byte(state))
}
