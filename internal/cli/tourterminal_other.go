//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package cli

func onTerminal(any) bool { return false }
