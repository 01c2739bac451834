//go:build !linux

package load

import (
	"net"
	"syscall"
	"time"
)

func detached() *syscall.SysProcAttr { return nil }

func (*ownServer) usage() (cpu time.Duration, peak float64, ok bool) { return 0, 0, false }

func (*ownServer) forgetPeak() {}

func home(int) net.Addr { return nil }
