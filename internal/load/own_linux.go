package load

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// detached puts the server out of reach of the terminal's signals; it ends with
// us even if we are killed.
func detached() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// usage is the processor time that the server has used, and the most memory
// that it has held, in MiB (proc(5)).
func (s *ownServer) usage() (cpu time.Duration, peak float64, ok bool) {
	proc := fmt.Sprintf("/proc/%d/", s.cmd.Process.Pid)
	stat, err := os.ReadFile(proc + "stat")
	if err != nil {
		return 0, 0, false
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	f := strings.Fields(after)
	if len(f) < 13 {
		return 0, 0, false
	}
	for _, ticks := range f[11:13] { // utime, stime, in hundredths of a second
		n, _ := strconv.Atoi(ticks)
		cpu += time.Duration(n) * time.Second / 100
	}
	status, _ := os.ReadFile(proc + "status")
	for line := range strings.Lines(string(status)) {
		if kb, found := strings.CutPrefix(line, "VmHWM:"); found {
			n, _ := strconv.Atoi(strings.Fields(kb)[0])
			peak = float64(n) / 1024
		}
	}
	return cpu, peak, true
}

// forgetPeak begins to watch for the most memory anew.
func (s *ownServer) forgetPeak() {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.cmd.Process.Pid), []byte("5"), 0) // where that is not allowed, the start counts too
}

// home gives each client of a server on this machine an address, in a network
// of its own: what the server allows for one address would otherwise be used up
// by clients that are strangers to each other.
func home(i int) net.Addr {
	return &net.TCPAddr{IP: net.IPv4(127, byte(1+i>>8), byte(i), 1)}
}
