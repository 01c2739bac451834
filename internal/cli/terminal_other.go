//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package cli

import (
	"errors"
	"os"
)

func hideInput(*os.File) (restore func(), err error) {
	return nil, errors.New("not known how on this system")
}
