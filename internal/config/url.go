package config

import (
	"errors"
	"net/url"
	"regexp"
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

// unreadable is what is shown in the place of what may hold a password in a part
// that cannot be told from the others.
const unreadable = "…"

var (
	plainName = regexp.MustCompile(`^[\w./\\-]*$`)                   // a path or a word
	aScheme   = regexp.MustCompile(`^[A-Za-z][\w+.-]*$`)             // RFC 3986 §3.1
	aHost     = regexp.MustCompile(`^[\w.-]*(:\d*)?$`)               // and its port
	aLiteral  = regexp.MustCompile(`^\[[\w:.%]*\](:\d*)?$`)          // an IPv6 address
	aKeyword  = regexp.MustCompile(`(?i)(^|[\s&;'"])\w*pass\w*\s*=`) // as libpq has them; within a path it is a name
	hushed    = regexp.MustCompile(`pass|pwd|secret|token|credential`)
)

// String gives the URL without its password. What no parser takes is printed as
// well, in a complaint: what stands where no password belongs is shown, and
// nothing else.
func (u URL) String() string {
	text := string(u)
	scheme, rest, ok := strings.Cut(text, "://")
	switch {
	case !ok && plainName.MatchString(text):
		return text
	case !ok || !aScheme.MatchString(scheme):
		return unreadable
	case u.Scheme() == "sqlite":
		if strings.ContainsAny(rest, "?#") || between(rest, ":", "@") || aKeyword.MatchString(rest) {
			return scheme + "://" + unreadable
		}
		return text
	}
	authority := u.authority()
	shown, ok := u.shownAuthority(authority)
	rest = rest[len(authority):]
	if !ok || strings.Contains(rest, "@") { // a password with one of / ? # in it
		return scheme + "://" + unreadable
	}
	path, query, asks := strings.Cut(rest, "?")
	shown = scheme + "://" + shown + shownPath(path)
	if asks {
		shown += "?" + withoutPasswords(query)
	}
	return shown
}

// shownAuthority hides the password in user:password@host:port,host:port; false
// if it cannot be told.
func (u URL) shownAuthority(authority string) (string, bool) {
	user, hosts := "", authority
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		name, password, _ := strings.Cut(authority[:at], ":")
		switch plain, err := url.PathUnescape(name); {
		case err != nil || strings.ContainsAny(plain, ":@/ \t='\""):
			return "", false
		case password != "":
			name += ":" + hidden
		case strings.HasPrefix(u.Scheme(), "redis") && name != "": // redis://password@host is what many write
			name = hidden
		}
		user, hosts = name+"@", authority[at+1:]
	}
	for host := range strings.SplitSeq(hosts, ",") {
		if !aHost.MatchString(host) && !aLiteral.MatchString(host) {
			return "", false
		}
	}
	return user + hosts, true
}

// shownPath hides what is in a path only by mistake.
func shownPath(path string) string {
	if strings.ContainsAny(path, "#=;& \t'\"") {
		return unreadable
	}
	return path
}

// between reports whether s holds a, and b behind it.
func between(s, a, b string) bool {
	_, rest, ok := strings.Cut(s, a)
	return ok && strings.Contains(rest, b)
}

// withoutPasswords hides the values of parameters that may be passwords.
func withoutPasswords(query string) string {
	if strings.ContainsAny(query, "#;@ \t") {
		return unreadable
	}
	items := strings.Split(query, "&")
	for i, item := range items {
		plain, err := url.QueryUnescape(item)
		plain = strings.ToLower(plain)
		name, value, _ := strings.Cut(plain, "=")
		switch {
		case err != nil, strings.ContainsAny(value, "@ '") && hushed.MatchString(value), value == "" && hushed.MatchString(name) && !strings.HasSuffix(plain, "="):
			items[i] = unreadable
		case value != "" && name != "passfile" && hushed.MatchString(name), strings.Contains(value, "@"):
			items[i] = name + "=" + hidden
		}
	}
	return strings.Join(items, "&")
}

// isKeywords reports whether it looks like libpq's other form, "host=… user=…".
func (u URL) isKeywords() bool { return u.Scheme() == "" && strings.Contains(string(u), "=") }

// readable reports whether the parts of the URL can be told from each other.
func (u URL) readable() bool { return !strings.Contains(u.String(), unreadable) }

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
