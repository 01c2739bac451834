package userimport

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// jsonReader reads one JSON object a line, strictly: no member twice.
type jsonReader struct {
	lines         *lines
	ignoreUnknown bool
}

func (*jsonReader) header() []byte { return nil }

// next gives the next object; io.EOF after the last.
func (r *jsonReader) next() (Entry, error) {
	l, err := r.lines.next()
	for err == nil && !l.long && len(bytes.TrimSpace(l.raw)) == 0 {
		l, err = r.lines.next()
	}
	if err != nil {
		return Entry{}, err
	}
	if l.long {
		return tooLong(l), nil
	}
	d, err := r.draft(l.text())
	if err != nil {
		return Entry{Line: l.number, Raw: l.raw, Err: err}, nil //nolint:nilerr // the line is wrong, the reading is not
	}
	return d.entry(l.number, l.raw), nil
}

func (r *jsonReader) draft(text []byte) (*draft, error) {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, jsonFault(err)
	}
	d, seen := &draft{}, map[field]bool{}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		f, known := fieldOf(name)
		switch {
		case !known && !r.ignoreUnknown:
			return nil, fmt.Errorf("unknown member %q; known are %s. Rename it, or add --ignore-unknown", shorten(name), strings.Join(Fields(), ", "))
		case known && seen[f]:
			return nil, fmt.Errorf("it has the member %s twice", f)
		case known && members[name].Kind() != 'n':
			d.setJSON(f, members[name])
		}
		seen[f] = known
	}
	return d, nil
}

// jsonFault says where the text is not JSON. It quotes nothing: there are
// hashes in it.
func jsonFault(err error) error {
	e, ok := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case !ok:
		return errors.New("it is not a JSON object")
	case errors.Is(e, jsontext.ErrDuplicateName):
		return errors.New("it has a member twice")
	}
	return fmt.Errorf("it is not valid JSON at byte %d of the line", e.ByteOffset+1)
}

// setJSON takes a member.
func (d *draft) setJSON(f field, v jsontext.Value) {
	var err error
	switch f {
	case fieldRoles:
		err = readJSON(v, &d.roles, "an array of texts")
	case fieldClaims:
		err = readJSON(v, &d.claims, "an object")
	case fieldDisabled:
		err = readJSON(v, &d.disabled, "true or false")
	case fieldSecret, fieldKeycloak:
		d.setText(f, embedded(v))
	default:
		var text string
		if err = readJSON(v, &text, "a text"); err == nil {
			d.setText(f, text)
		}
	}
	if err != nil {
		d.fault("%s must be %w", f, err)
	}
}

func readJSON(v jsontext.Value, to any, want string) error {
	if json.Unmarshal(v, to) != nil {
		return errors.New(want)
	}
	return nil
}

// embedded gives the JSON document that is in a text, as in Keycloak's exports,
// or stands there itself.
func embedded(v jsontext.Value) string {
	var text string
	if json.Unmarshal(v, &text) == nil {
		return text
	}
	return string(v)
}
