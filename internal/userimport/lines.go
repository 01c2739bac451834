package userimport

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// MaxLine bounds a line, and a record of several lines, in bytes.
const MaxLine = 64 << 10

// line is a line of the file.
type line struct {
	number int    // from 1
	raw    []byte // with its line break, also where the file ends without one
	long   bool   // longer than MaxLine: raw is empty
}

// text is the line without its line break.
func (l line) text() []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(l.raw, []byte("\n")), []byte("\r"))
}

// lines reads lines, and takes back what was read in vain.
type lines struct {
	r     *bufio.Reader
	long  io.Writer // gets the lines that are too long
	read  int
	again []line // to be given again, the next one first
}

var errUTF16 = errors.New("the file is UTF-16; save it as UTF-8")

// newLines skips a byte order mark.
func newLines(r io.Reader, long io.Writer) (*lines, error) {
	l := &lines{r: bufio.NewReaderSize(r, MaxLine), long: long}
	start, _ := l.r.Peek(3) // shorter files have no mark; the next read has the error
	switch {
	case bytes.HasPrefix(start, []byte("\ufeff")):
		_, err := l.r.Discard(3)
		return l, err
	case bytes.HasPrefix(start, []byte{0xff, 0xfe}), bytes.HasPrefix(start, []byte{0xfe, 0xff}):
		return nil, errUTF16
	}
	return l, nil
}

// next gives the next line; io.EOF after the last.
func (l *lines) next() (line, error) {
	if len(l.again) > 0 {
		next := l.again[0]
		l.again = l.again[1:]
		return next, nil
	}
	piece, err := l.r.ReadSlice('\n')
	if len(piece) == 0 && err != nil {
		return line{}, err
	}
	l.read++
	next := line{number: l.read}
	if errors.Is(err, bufio.ErrBufferFull) {
		next.long = true
		return next, l.skip(piece)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return line{}, err
	}
	next.raw = withBreak(bytes.Clone(piece))
	return next, nil
}

// skip passes the rest of a line on.
func (l *lines) skip(piece []byte) error {
	for {
		if _, err := l.long.Write(piece); err != nil {
			return err
		}
		var err error
		piece, err = l.r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		_, err = l.long.Write(withBreak(piece))
		return err
	}
}

// back takes lines that were given last, in their order.
func (l *lines) back(given []line) { l.again = append(given[:len(given):len(given)], l.again...) }

// withBreak ends the last line of a file that does not.
func withBreak(raw []byte) []byte {
	if bytes.HasSuffix(raw, []byte("\n")) {
		return raw
	}
	return append(raw[:len(raw):len(raw)], '\n')
}
