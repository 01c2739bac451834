package userimport

import (
	"fmt"
	"io"
)

// Options say how a file is read.
type Options struct {
	Format Format

	// IgnoreUnknown leaves columns and members out that are not known, instead
	// of refusing them: a misspelt "role" would otherwise cost people theirs.
	IgnoreUnknown bool

	// Long gets, unchanged, the lines that are too long to be kept. Nil: nobody.
	Long io.Writer
}

// Reader reads people from a file. It is for one goroutine.
type Reader struct {
	source interface {
		next() (Entry, error)
		header() []byte
	}
}

// NewReader reads as far as the people begin. Its error says what is wrong with
// the file as a whole.
func NewReader(r io.Reader, o Options) (*Reader, error) {
	if o.Long == nil {
		o.Long = io.Discard
	}
	l, err := newLines(r, o.Long)
	if err != nil {
		return nil, err
	}
	switch o.Format {
	case CSV:
		source, err := newCSV(l, o.IgnoreUnknown)
		if err != nil {
			return nil, err
		}
		return &Reader{source}, nil
	case JSONLines:
		return &Reader{&jsonReader{lines: l, ignoreUnknown: o.IgnoreUnknown}}, nil
	}
	return nil, fmt.Errorf("the format %q is not known", o.Format)
}

// Header gives what stands above the people in every file of this form: the
// line that names the columns of a CSV file.
func (r *Reader) Header() []byte { return r.source.header() }

// Next gives the next person; io.EOF after the last. Any other error means that
// the file could not be read further; what is wrong with a line is its Err.
func (r *Reader) Next() (Entry, error) { return r.source.next() }
