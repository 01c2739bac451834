package token

import "strings"

// value reads any value into the types encoding/json uses for any:
// nil, bool, float64, string, []any, map[string]any.
func (p *scanner) value() (any, error) {
	switch c := p.peek(); {
	case c == '"':
		return p.str()
	case c == '{':
		return p.object()
	case c == '[':
		return p.array()
	case c == '-' || '0' <= c && c <= '9':
		return p.float()
	case p.word("true"):
		return true, nil
	case p.word("false"):
		return false, nil
	case p.word("null"):
		return nil, nil
	}
	return nil, errJSON
}

func (p *scanner) word(w string) bool {
	if !strings.HasPrefix(p.s[p.i:], w) {
		return false
	}
	p.i += len(w)
	return true
}

func (p *scanner) object() (map[string]any, error) {
	o := object{p: p}
	if err := o.open(); err != nil {
		return nil, err
	}
	m := map[string]any{}
	for {
		name, more, err := o.next()
		if err != nil || !more {
			return m, err
		}
		if m[name], err = p.value(); err != nil {
			return nil, err
		}
	}
}

func (p *scanner) array() ([]any, error) {
	list := []any{}
	err := p.elements(func() error {
		v, err := p.value()
		list = append(list, v)
		return err
	})
	return list, err
}

// elements calls read at each element of an array.
func (p *scanner) elements(read func() error) error {
	if p.peek() != '[' {
		return errJSON
	}
	if err := p.enter(); err != nil {
		return err
	}
	if p.peek() == ']' {
		p.leave()
		return nil
	}
	for {
		if err := read(); err != nil {
			return err
		}
		switch p.peek() {
		case ',':
			p.i++
		case ']':
			p.leave()
			return nil
		default:
			return errJSON
		}
	}
}

// strs reads an array of strings.
func (p *scanner) strs() ([]string, error) {
	list := make([]string, 0, 4)
	err := p.elements(func() error {
		s, err := p.str()
		list = append(list, s)
		return err
	})
	return list, err
}

// checkJSON refuses a document that the scanner would refuse.
func checkJSON(s string) error {
	p := scanner{s: s}
	if _, err := p.value(); err != nil {
		return err
	}
	return p.end()
}
