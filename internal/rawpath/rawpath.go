// Package rawpath keeps routes to one spelling.
//
// net/http matches decoded segments, and redirects to the clean path: what
// filters paths as they were sent, in front, sees others than the router does.
package rawpath

import (
	"net/url"
	"path"
	"strings"
)

// Clean reports whether the path of u, as it was sent, has no empty and no dot
// segments and does not end in a slash. An encoded slash or dot is part of a
// name.
func Clean(u *url.URL) bool {
	escaped := u.EscapedPath()
	return path.Clean(escaped) == escaped
}

// Spells reports whether the path of u, as it was sent, is the one spelling of
// pattern (of an [net/http.ServeMux], without method and host) for its
// parameters: fixed segments stand as they do in the pattern, and a parameter
// has no letter, digit, "-", "_" or "~" percent-encoded (RFC 3986 §2.3). A dot
// may be, since clients resolve "." and ".." otherwise.
func Spells(u *url.URL, pattern string) bool {
	escaped := u.EscapedPath()
	if !strings.Contains(escaped, "%") {
		return true // the router compared what was sent
	}
	for segment := range strings.SplitSeq(escaped, "/") {
		var want string
		want, pattern, _ = strings.Cut(pattern, "/")
		if fixed := !strings.HasPrefix(want, "{"); fixed && segment != want || !fixed && needlesslyEncoded(segment) {
			return false
		}
	}
	return pattern == ""
}

func needlesslyEncoded(segment string) bool {
	for {
		_, rest, ok := strings.Cut(segment, "%")
		if !ok || len(rest) < 2 {
			return false
		}
		b, err := url.PathUnescape("%" + rest[:2])
		if err != nil || isPlain(b[0]) {
			return true
		}
		segment = rest[2:]
	}
}

// isPlain reports whether c is an unreserved character other than the dot.
func isPlain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_~", c) >= 0
}
