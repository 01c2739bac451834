package token

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

var errWriteUTF8 = errors.New("token: a claim is not valid UTF-8")

// A writer composes one flat claims object, members in the order of the calls,
// without reflection. The first error sticks.
type writer struct {
	b   []byte
	err error
}

func (w *writer) name(name string) {
	if len(w.b) == 0 {
		w.b = append(w.b, '{')
	} else {
		w.b = append(w.b, ',')
	}
	w.string(name)
	w.b = append(w.b, ':')
}

func (w *writer) text(name, value string) {
	w.name(name)
	w.string(value)
}

func (w *writer) texts(name string, values []string) {
	w.name(name)
	w.strings(values)
}

func (w *writer) uint(name string, n uint64) {
	w.name(name)
	if n > maxSafeInt {
		w.fail(errors.New("token: " + name + " is larger than 2^53-1"))
	}
	w.b = strconv.AppendUint(w.b, n, 10)
}

// time writes whole seconds, floored: a token never outlives its record.
func (w *writer) time(name string, t time.Time) {
	w.name(name)
	s := t.Unix()
	if s < 0 || s > maxTime {
		w.fail(errors.New("token: " + name + " is not a time between 1970 and 9999"))
	}
	w.b = strconv.AppendInt(w.b, s, 10)
}

func (w *writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *writer) end() ([]byte, error) { return append(w.b, '}'), w.err }

func (w *writer) strings(values []string) {
	w.b = append(w.b, '[')
	for i, v := range values {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.string(v)
	}
	w.b = append(w.b, ']')
}

func (w *writer) string(s string) {
	const hex = "0123456789abcdef"
	if !utf8.ValidString(s) {
		w.fail(errWriteUTF8)
	}
	w.b = append(w.b, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		w.b = append(w.b, s[start:i]...)
		if c < ' ' {
			w.b = append(w.b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		} else {
			w.b = append(w.b, '\\', c)
		}
		start = i + 1
	}
	w.b = append(append(w.b, s[start:]...), '"')
}

// any writes a claim of the user table, members sorted by name.
func (w *writer) any(v any) {
	switch v := v.(type) {
	case string:
		w.string(v)
	case []string:
		w.strings(v)
	case []any:
		w.b = append(w.b, '[')
		for i, e := range v {
			if i > 0 {
				w.b = append(w.b, ',')
			}
			w.any(e)
		}
		w.b = append(w.b, ']')
	case map[string]any:
		w.b = append(w.b, '{')
		for i, name := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				w.b = append(w.b, ',')
			}
			w.string(name)
			w.b = append(w.b, ':')
			w.any(v[name])
		}
		w.b = append(w.b, '}')
	default: // nil, bool, numbers, and types that marshal themselves
		b, err := json.Marshal(v)
		if err != nil {
			w.fail(err)
		}
		w.b = append(w.b, b...)
	}
}
