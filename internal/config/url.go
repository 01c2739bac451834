package config

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// URL is where a store is. It may hold a password, which is left out wherever
// the value is printed.
type URL string

const hidden = "[secret]"

// Reveal gives the URL with its password.
func (u URL) Reveal() string { return string(u) }

// Scheme is what stands in front of "://", in lower case; empty for none.
func (u URL) Scheme() string {
	scheme, _, ok := strings.Cut(string(u), "://")
	if !ok {
		return ""
	}
	return strings.ToLower(scheme)
}

// HasPassword reports whether it holds one, or something that may be one.
func (u URL) HasPassword() bool { return u.String() != string(u) }

// GoString keeps %#v from printing a password.
func (u URL) GoString() string { return u.String() }

// MarshalText keeps encoders from printing a password.
func (u URL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// authority is what stands between "://" and the path.
func (u URL) authority() string {
	_, rest, _ := strings.Cut(string(u), "://")
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		return rest
	}
	return rest[:end]
}

// String gives the URL without its password. It does not parse: what no parser
// takes is printed as well, in a complaint.
func (u URL) String() string {
	scheme, rest, ok := strings.Cut(string(u), "://")
	if !ok || u.Scheme() == "sqlite" {
		return string(u)
	}
	authority := u.authority()
	path, query, asks := strings.Cut(rest[len(authority):], "?")
	if strings.Contains(path, "@") { // a password with a slash in it
		return scheme + "://…"
	}
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		if user, password, ok := strings.Cut(authority[:at], ":"); ok && password != "" {
			authority = user + ":" + hidden + authority[at:]
		}
	}
	shown := scheme + "://" + authority + path
	if asks {
		shown += "?" + withoutPasswords(query)
	}
	return shown
}

// withoutPasswords hides the values of parameters that may be passwords.
func withoutPasswords(query string) string {
	items := strings.Split(query, "&")
	for i, item := range items {
		name, value, _ := strings.Cut(item, "=")
		name = strings.ToLower(name)
		if value != "" && (strings.Contains(name, "pass") && name != "passfile" || strings.Contains(name, "secret") || strings.Contains(name, "token")) || strings.Contains(value, "@") {
			items[i] = name + "=" + hidden
		}
	}
	return strings.Join(items, "&")
}

type urlValue struct{ p *URL }

func (v urlValue) parse(s string) error {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return errors.New("holds characters that do not print; write plain text")
	}
	*v.p = URL(s)
	return nil
}
func (v urlValue) text() string { return v.p.String() }
func (urlValue) kind() string   { return "URL" }
