package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/pawlauth/pawl/internal/userimport"
)

// How often progress is shown: on a terminal in one line, elsewhere as lines of
// a log.
const (
	progressOnTerminal = 100 * time.Millisecond
	progressElsewhere  = 5 * time.Second
)

// importView shows an import on standard error.
type importView struct {
	w     io.Writer
	in    *input
	now   func() time.Time
	tty   bool
	shown bool // a progress line stands on the terminal
	every time.Duration
	last  time.Time
}

func newImportView(a *app, in *input) *importView {
	v := &importView{w: a.stderr, in: in, now: a.now, tty: isTerminal(a.stderr), every: progressElsewhere, last: a.now()}
	if v.tty {
		v.every = progressOnTerminal
	}
	return v
}

func (v *importView) progress(n userimport.Counts) {
	now := v.now()
	if now.Sub(v.last) < v.every {
		return
	}
	v.last = now
	text := fmt.Sprintf("%s read%s, %d added, %d bad", plural(n.Lines, "line"), v.percent(), n.Added, n.Bad)
	if v.tty {
		fmt.Fprintf(v.w, "\r%s\x1b[K", text)
		v.shown = true
		return
	}
	fmt.Fprintln(v.w, text)
}

func (v *importView) percent() string {
	if v.in.size == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d %%)", min(100, 100*v.in.read/v.in.size))
}

// bad reports a line that was not taken.
func (v *importView) bad(e userimport.Entry) {
	v.done()
	for _, err := range reasons(e.Err) {
		fmt.Fprintf(v.w, "line %d: %s\n", e.Line, printable(err.Error()))
	}
}

// reasons takes joined errors apart.
func reasons(err error) []error {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		return all.Unwrap()
	}
	return []error{err}
}

// done clears the line of progress.
func (v *importView) done() {
	if v.shown {
		fmt.Fprint(v.w, "\r\x1b[K")
		v.shown = false
	}
}

// rejects is the file of the lines that were not taken; nobody's where path was
// empty.
type rejects struct {
	file   *os.File
	header []byte
	begun  bool
}

// openRejects makes the file anew: what an earlier run left in it is not what
// this one refuses.
func openRejects(path string, in *input) (*rejects, error) {
	if path == "" {
		return &rejects{}, nil
	}
	if same(path, in) {
		return nil, usagef("--rejects names the file that is read; choose another")
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		if err := f.Chmod(0o600); err != nil { // it was there, and hashes go into it
			return nil, fmt.Errorf("--rejects %s cannot be made readable for you alone: %w", path, err)
		}
	}
	return &rejects{file: f}, nil
}

func same(path string, in *input) bool {
	if in.file == nil {
		return false
	}
	a, err := os.Stat(path)
	if err != nil {
		return false
	}
	b, err := in.file.Stat()
	return err == nil && os.SameFile(a, b)
}

// Write adds what was refused, below the line that names the columns.
func (r *rejects) Write(raw []byte) (int, error) {
	if r.file == nil || len(raw) == 0 {
		return len(raw), nil
	}
	if !r.begun {
		r.begun = true
		if _, err := r.file.Write(r.header); err != nil {
			return 0, err
		}
	}
	return r.file.Write(raw)
}

func (r *rejects) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}
