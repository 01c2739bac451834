//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package client

import "os"

func tryLock(*os.File) (bool, error) { return true, nil }
func private(string) error           { return nil }
func syncDir(string) error           { return nil }
