package cli

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// copyView shows on standard error how far a copy is.
type copyView struct {
	w     io.Writer
	now   func() time.Time
	tty   bool
	every time.Duration

	mu    sync.Mutex
	last  time.Time
	shown bool
}

func newCopyView(a *app) *copyView {
	v := &copyView{w: a.stderr, now: a.now, tty: isTerminal(a.stderr), every: progressElsewhere, last: a.now()}
	if v.tty {
		v.every = progressOnTerminal
	}
	return v
}

func (v *copyView) progress(what string, n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.now()
	if now.Sub(v.last) < v.every {
		return
	}
	v.last = now
	if v.tty {
		fmt.Fprintf(v.w, "\r%d %s\x1b[K", n, what)
		v.shown = true
		return
	}
	fmt.Fprintf(v.w, "%d %s\n", n, what)
}

// done clears the line.
func (v *copyView) done() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.shown {
		fmt.Fprint(v.w, "\r\x1b[K")
		v.shown = false
	}
}
