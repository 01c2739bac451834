package api

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// An app shell has a scheme of its own: capacitor://localhost.
var (
	originForm = regexp.MustCompile(`^([a-z][a-z0-9+.-]*)://(\[[^\]]*\]|[^/?#@\\\[\]:]+)(?::([0-9]+))?$`)
	hostForm   = regexp.MustCompile(`^[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?$`)
	numberForm = regexp.MustCompile(`^([0-9]+|0x[0-9a-f]*)$`)
)

// CheckOrigin reports what is wrong with an origin that is to be compared with the
// Origin headers of browsers: it must be spelt as they spell it, or it equals none
// of them (RFC 6454 section 6.1; the host as in the URL Standard). The error says
// how to write it.
func CheckOrigin(origin string) error {
	m := originForm.FindStringSubmatch(origin)
	if m == nil || strings.Contains(origin, "*") {
		return errors.New("must be an exact origin such as https://app.example.com, in lower case, without a path, a slash at the end or wildcards")
	}
	if err := checkPort(m[1], m[3]); err != nil {
		return err
	}
	host := m[2]
	if strings.HasPrefix(host, "[") {
		return checkIPv6(host)
	}
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	_, notIPv4 := netip.ParseAddr(host)
	switch {
	case strings.ContainsFunc(host, func(r rune) bool { return r >= 0x80 }):
		return errors.New("must have its host in ASCII, as browsers send it: xn--…, which is what a browser's developer tools show for location.origin")
	case !hostForm.MatchString(host):
		return errors.New("must be an exact origin such as https://app.example.com, in lower case, without a path, a slash at the end or wildcards")
	case numberForm.MatchString(labels[len(labels)-1]) && notIPv4 != nil:
		return errors.New("must have its IPv4 address as browsers send it, such as 192.0.2.7")
	}
	return nil
}

func checkPort(scheme, port string) error {
	n, err := strconv.ParseUint(port, 10, 16)
	switch {
	case port == "":
		return nil
	case err != nil || strconv.FormatUint(n, 10) != port:
		return errors.New("must end in a port number from 0 to 65535, without zeros in front")
	case scheme == "https" && port == "443", scheme == "http" && port == "80":
		return errors.New("must leave out the scheme's own port, as browsers do")
	}
	return nil
}

func checkIPv6(host string) error {
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil || !a.Is6() || a.Zone() != "" {
		return errors.New("must have an IPv6 address within its brackets, such as [2001:db8::7]")
	}
	want := a.String()
	if a.Is4In6() { // which browsers do not write with dots
		b := a.As16()
		want = fmt.Sprintf("::ffff:%x:%x", uint16(b[12])<<8|uint16(b[13]), uint16(b[14])<<8|uint16(b[15]))
	}
	if want = "[" + want + "]"; host != want {
		return fmt.Errorf("must have its IPv6 address as browsers send it: %s", want)
	}
	return nil
}

// CheckWebOrigin is CheckOrigin for an origin that a browser can be sent to: of
// the schemes https and http.
func CheckWebOrigin(origin string) error {
	if err := CheckOrigin(origin); err != nil {
		return err
	}
	if u, err := url.Parse(origin); err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("must begin with https:// or http://")
	}
	return nil
}
