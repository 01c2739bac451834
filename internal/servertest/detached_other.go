//go:build unix && !linux

package servertest

import "syscall"

// detached puts a server into a group of its own, out of reach of the terminal's
// signals.
func detached(as *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: as, Setpgid: true}
}
