package userimport

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// csvReader reads records by RFC 4180 with commas, the first of them names of
// columns. A record that is not one costs its first line only: reading goes on
// with the line behind that, since a stray quotation mark would otherwise take
// the next lines with it.
type csvReader struct {
	lines   *lines
	columns []field // "" for one that is ignored
	head    []byte
}

func newCSV(l *lines, ignoreUnknown bool) (*csvReader, error) {
	first, err := l.next()
	if errors.Is(err, io.EOF) || err == nil && len(bytes.TrimSpace(first.raw)) == 0 && !first.long {
		return nil, errors.New("the file does not begin with a line that names its columns, such as userId,passwordHash,roles")
	}
	if err != nil {
		return nil, err
	}
	names, err := split(first.text())
	if err != nil || first.long {
		return nil, errors.New("line 1, which names the columns, is not CSV")
	}
	r := &csvReader{lines: l, head: withBreak(first.raw)}
	return r, r.name(names, ignoreUnknown)
}

func (r *csvReader) name(names []string, ignoreUnknown bool) error {
	seen := map[field]bool{}
	for _, name := range names {
		f, known := fieldOf(name)
		switch {
		case !known && !ignoreUnknown:
			return fmt.Errorf("line 1 names an unknown column %q; known are %s. Rename it, or add --ignore-unknown to leave such columns out", shorten(name), strings.Join(Fields(), ", "))
		case known && seen[f]:
			return fmt.Errorf("line 1 names the column %s twice", f)
		}
		seen[f] = true
		r.columns = append(r.columns, f)
	}
	if !seen[fieldUserID] {
		return errors.New("line 1 does not name a column userId; the columns are separated by commas")
	}
	return nil
}

func (r *csvReader) header() []byte { return r.head }

// next gives the next record; io.EOF after the last.
func (r *csvReader) next() (Entry, error) {
	first, err := r.lines.next()
	for err == nil && !first.long && len(first.text()) == 0 {
		first, err = r.lines.next()
	}
	if err != nil {
		return Entry{}, err
	}
	if first.long {
		return tooLong(first), nil
	}
	record, err := r.collect(first)
	if err != nil {
		return Entry{}, err
	}
	d, err := r.draft(record)
	if err != nil {
		r.lines.back(record[1:])
		return Entry{Line: first.number, Raw: first.raw, Err: err}, nil //nolint:nilerr // the line is wrong, the reading is not
	}
	return d.entry(first.number, join(record)), nil
}

// collect adds lines for as long as a quotation mark is open. It gives the
// first line alone where none closes it within bounds.
func (r *csvReader) collect(first line) ([]line, error) {
	record := []line{first}
	size, open := len(first.raw), oddQuotes(first.raw)
	for open {
		l, err := r.lines.next()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if err == nil {
			record = append(record, l)
			size += len(l.raw)
		}
		if err != nil || l.long || size > MaxLine {
			r.lines.back(record[1:])
			return record[:1], nil //nolint:nilerr // the end of the file: the next call finds it again
		}
		open = !oddQuotes(l.raw)
	}
	return record, nil
}

func oddQuotes(b []byte) bool { return bytes.Count(b, []byte{'"'})%2 == 1 }

func join(record []line) []byte {
	var raw []byte
	for _, l := range record {
		raw = append(raw, l.raw...)
	}
	return raw
}

var errOpen = errors.New("a quotation mark is not closed")

// split cuts a record into its fields. Only a field that is in quotation marks
// as a whole may hold any, doubled.
func split(record []byte) (fields []string, err error) {
	s := string(record)
	for {
		var value string
		if quoted, found := strings.CutPrefix(s, `"`); found {
			if value, s, err = unquote(quoted); err != nil {
				return nil, err
			}
		} else {
			end := strings.IndexByte(s, ',')
			if end < 0 {
				end = len(s)
			}
			if value, s = s[:end], s[end:]; strings.Contains(value, `"`) {
				return nil, errors.New(`a quotation mark stands in a field that does not begin with one; put the field in quotation marks and double those in it`)
			}
		}
		fields = append(fields, value)
		if s == "" {
			return fields, nil
		}
		if s[0] != ',' {
			return nil, errors.New("something stands between a closing quotation mark and the next comma")
		}
		s = s[1:]
	}
}

// unquote gives the value in front of the closing quotation mark, and what is
// behind that.
func unquote(s string) (value, rest string, err error) {
	var b strings.Builder
	for {
		end := strings.IndexByte(s, '"')
		if end < 0 {
			return "", "", errOpen
		}
		b.WriteString(s[:end])
		if !strings.HasPrefix(s[end+1:], `"`) {
			return b.String(), s[end+1:], nil
		}
		b.WriteByte('"')
		s = s[end+2:]
	}
}

func (r *csvReader) draft(record []line) (*draft, error) {
	values, err := split(line{raw: join(record)}.text())
	if err != nil {
		return nil, err
	}
	if len(values) != len(r.columns) {
		return nil, fmt.Errorf("it has %d fields, and line 1 names %d; a field with a comma in it, as in Argon2 and scrypt hashes, must be in quotation marks", len(values), len(r.columns))
	}
	d := &draft{}
	for i, f := range r.columns {
		if f != "" {
			d.setText(f, values[i])
		}
	}
	return d, nil
}
