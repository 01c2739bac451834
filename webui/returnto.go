package webui

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/pawlauth/pawl/api"
)

// home is where people go who came from nowhere in particular.
const home = "/account"

// maxReturnTo bounds an address to return to, in bytes.
const maxReturnTo = 2048

// returnTo are the other origins to which people may be sent after signing in.
type returnTo map[string]bool

func newReturnTo(origins []string) (returnTo, error) {
	allowed := returnTo{}
	for _, o := range origins {
		if err := api.CheckWebOrigin(o); err != nil {
			return nil, fmt.Errorf("webui: origin to return to %q: %w", o, err)
		}
		allowed[o] = true
	}
	return allowed, nil
}

// safe gives target if people may be sent there, and home otherwise. Whoever
// could choose the target would borrow our name for a page that asks for the
// password again (open redirect, CWE-601). Two slashes name a host, and browsers
// read a backslash as a slash; control characters, which they skip, are refused by
// url.Parse.
func (a returnTo) safe(target string) string {
	u, err := url.Parse(target)
	if err != nil || len(target) > maxReturnTo || strings.ContainsFunc(target, refused) {
		return home
	}
	origin := u.Scheme + "://" + u.Host
	own := strings.HasPrefix(target, "/") && !strings.HasPrefix(target, "//")
	if own || a[origin] && strings.HasPrefix(target, origin) {
		return target
	}
	return home
}

func refused(r rune) bool { return r == '\\' || r == utf8.RuneError }
