package api

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const maxAgent = 64 // bytes

// sign is what in a User-Agent gives a browser or a system away.
type sign struct{ mark, name string }

// In order: many browsers carry the marks of those they descend from.
var browsers = []sign{
	{"Edg", "Edge"},
	{"OPR/", "Opera"},
	{"SamsungBrowser/", "Samsung Internet"},
	{"Vivaldi/", "Vivaldi"},
	{"FxiOS/", "Firefox"},
	{"Firefox/", "Firefox"},
	{"CriOS/", "Chrome"},
	{"Chrome/", "Chrome"},
	{"Safari/", "Safari"},
}

var systems = []sign{
	{"iPhone", "iPhone"},
	{"iPad", "iPad"},
	{"Android", "Android"},
	{"CrOS", "ChromeOS"},
	{"Windows", "Windows"},
	{"Mac OS X", "macOS"},
	{"Linux", "Linux"},
}

// ShortAgent says in a few words, for people, what a User-Agent is: "Firefox on
// Linux", or the first product's name of what is no browser. It is at most 64
// bytes of printable text.
func ShortAgent(userAgent string) string {
	const most = 1024 // nothing beyond tells anything
	if len(userAgent) > most {
		userAgent = userAgent[:most]
	}
	browser, system := find(userAgent, browsers), find(userAgent, systems)
	switch {
	case browser != "" && system != "":
		return browser + " on " + system
	case browser != "":
		return browser
	}
	product, _, _ := strings.Cut(userAgent, "/")
	return cut(Printable(product), maxAgent)
}

func find(userAgent string, signs []sign) string {
	for _, s := range signs {
		if strings.Contains(userAgent, s.mark) {
			return s.name
		}
	}
	return ""
}

// Printable drops control and format characters, which could forge lines in a
// log or turn the text of a list around.
func Printable(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text))
}

// cut keeps at most n bytes of whole characters.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
