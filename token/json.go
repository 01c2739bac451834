package token

import (
	"strings"
	"unicode/utf8"
)

// The scanner reads the JSON of headers and claims. It is stricter than
// RFC 8259 wherever two common readers could see two different documents,
// because an attacker's profit lies in the difference: one reader checks, the
// other acts. Refused: a member name that occurs twice or in another case
// (encoding/json takes both), lone surrogates and bad UTF-8 (readers replace
// them), numbers beyond a double or beyond its exact integers (RFC 7493),
// trailing data, deep nesting.
type scanner struct {
	s     string
	i     int
	depth int
}

const (
	maxDepth   = 8  // of nested objects and arrays
	maxMembers = 64 // of one object: bounds the comparison of names
	maxSafeInt = 1<<53 - 1
)

var (
	errJSON       = refuse("malformed JSON")
	errJSONString = refuse("malformed JSON string")
	errUTF8       = refuse("bad UTF-8 or a lone surrogate in a JSON string")
	errNumber     = refuse("malformed JSON number")
	errRange      = refuse("JSON number beyond what every reader can hold exactly")
	errDepth      = refuse("JSON nested too deeply")
	errMembers    = refuse("too many members in a JSON object")
	errDuplicate  = refuse("duplicate or case-variant member name")
	errTrailing   = refuse("data after the JSON value")
	errNotObject  = refuse("not a JSON object")
	errNotString  = refuse("something else where JSON needs a string")
)

// peek skips white space and returns the next byte, 0 at the end.
func (p *scanner) peek() byte {
	for ; p.i < len(p.s); p.i++ {
		switch c := p.s[p.i]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// end refuses anything but white space after the value.
func (p *scanner) end() error {
	if p.peek(); p.i != len(p.s) {
		return errTrailing
	}
	return nil
}

// An object walks over the members of one JSON object.
type object struct {
	p     *scanner
	seen  int
	names [maxMembers]string
}

// open enters the object.
func (o *object) open() error {
	if o.p.peek() != '{' {
		return errNotObject
	}
	return o.p.enter()
}

// next returns the next member's name, with the scanner at its value; more is
// false after the last one.
func (o *object) next() (name string, more bool, err error) {
	p := o.p
	switch c := p.peek(); {
	case c == '}':
		p.leave()
		return "", false, nil
	case o.seen == 0:
	case c == ',':
		p.i++
	default:
		return "", false, errJSON
	}
	if name, err = p.str(); err != nil {
		return "", false, err
	}
	if p.peek() != ':' {
		return "", false, errJSON
	}
	p.i++
	return name, true, o.remember(name)
}

func (o *object) remember(name string) error {
	if o.seen == maxMembers {
		return errMembers
	}
	for _, n := range o.names[:o.seen] {
		if strings.EqualFold(n, name) {
			return errDuplicate
		}
	}
	o.names[o.seen] = name
	o.seen++
	return nil
}

func (p *scanner) enter() error {
	p.i++
	if p.depth++; p.depth > maxDepth {
		return errDepth
	}
	return nil
}

func (p *scanner) leave() { p.i++; p.depth-- }

// str reads a string. Without escapes the result shares p.s.
func (p *scanner) str() (string, error) {
	if p.peek() != '"' {
		return "", errNotString
	}
	p.i++
	ascii := true
	for start := p.i; p.i < len(p.s); p.i++ {
		switch c := p.s[p.i]; {
		case c == '"':
			s := p.s[start:p.i]
			p.i++
			if !ascii && !utf8.ValidString(s) {
				return "", errUTF8
			}
			return s, nil
		case c == '\\':
			return p.unescape(start)
		case c < ' ':
			return "", errJSONString
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return "", errJSONString
}

// unescape reads the rest of a string whose first escape is at p.i.
func (p *scanner) unescape(start int) (string, error) {
	out := []byte(p.s[start:p.i])
	for p.i < len(p.s) {
		c := p.s[p.i]
		p.i++
		switch {
		case c == '"':
			if !utf8.Valid(out) {
				return "", errUTF8
			}
			return string(out), nil
		case c < ' ':
			return "", errJSONString
		case c != '\\':
			out = append(out, c)
		default:
			r, err := p.escape()
			if err != nil {
				return "", err
			}
			out = utf8.AppendRune(out, r)
		}
	}
	return "", errJSONString
}

// escape reads what follows a backslash.
func (p *scanner) escape() (rune, error) {
	if p.i == len(p.s) {
		return 0, errJSONString
	}
	c := p.s[p.i]
	p.i++
	switch c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		return p.codePoint()
	}
	return 0, errJSONString
}

// codePoint reads four hexadecimal digits, and the second half of a pair.
func (p *scanner) codePoint() (rune, error) {
	r, err := p.hex4()
	if err != nil || r < 0xd800 || r > 0xdfff {
		return r, err
	}
	if r > 0xdbff || !strings.HasPrefix(p.s[p.i:], `\u`) {
		return 0, errUTF8
	}
	p.i += 2
	low, err := p.hex4()
	if err != nil {
		return 0, err
	}
	if low < 0xdc00 || low > 0xdfff {
		return 0, errUTF8
	}
	return (r-0xd800)<<10 + (low - 0xdc00) + 0x10000, nil
}

func (p *scanner) hex4() (rune, error) {
	if len(p.s)-p.i < 4 {
		return 0, errJSONString
	}
	var r rune
	for _, c := range []byte(p.s[p.i : p.i+4]) {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, errJSONString
		}
	}
	p.i += 4
	return r, nil
}
