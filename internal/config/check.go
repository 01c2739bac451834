package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/password"
)

// derive fills in what follows from other keys.
func (c *Config) derive() {
	if c.Issuer == "" && Loopback(c.Listen) && !zeroPort(c.Listen) {
		c.Issuer = c.scheme() + "://" + c.Listen
	}
	if len(c.Audience) == 0 && c.Issuer != "" {
		c.Audience = []string{c.Issuer}
	}
	c.deriveResetURL()
	c.deriveStorage()
}

// deriveResetURL names our own page.
func (c *Config) deriveResetURL() {
	if c.PasswordResetURL == "" && c.Pages && c.Issuer != "" {
		c.PasswordResetURL = c.Issuer + "/reset"
	}
}

// check looks at what single values cannot show. It names every fault.
func (c *Config) check() error {
	var faults []error
	bad := func(key string, shown any, why string, args ...any) {
		where := key
		if o := c.origins[key]; o != "" {
			where = o + ": " + key
		}
		faults = append(faults, fmt.Errorf("%s: %q %s", where, fmt.Sprint(shown), fmt.Sprintf(why, args...)))
	}
	c.checkAddresses(bad)
	c.checkStorage(bad)
	c.checkResetURL(bad)
	c.checkLegacy(bad)
	c.checkGateway(bad)
	if (c.TLSCertFile == "") != (c.TLSKeyFile == "") {
		bad("tls_cert_file", c.TLSCertFile, "and tls_key_file %q go together; set both, or neither for plain HTTP", c.TLSKeyFile)
	}
	for _, list := range []struct {
		key     string
		origins []string
		check   func(origin string) error
	}{{"trusted_origins", c.TrustedOrigins, api.CheckOrigin}, {"return_to", c.ReturnTo, api.CheckWebOrigin}} {
		for _, o := range list.origins {
			if err := list.check(o); err != nil {
				bad(list.key, o, "%v", err)
			}
		}
	}
	if _, err := password.New(c.HashOptions()); err != nil {
		bad("password_hash_memory", sizeValue{&c.PasswordHashMemory}.text(), "with password_hash_time %d: %s", c.PasswordHashTime, strings.TrimPrefix(err.Error(), "password: "))
	}
	return errors.Join(faults...)
}

// HashOptions are the settings of the password hasher.
func (c *Config) HashOptions() password.Options {
	return password.Options{
		Params:      password.Params{Memory: uint32(c.PasswordHashMemory >> 10), Time: uint32(c.PasswordHashTime), Threads: 1},
		Concurrency: c.PasswordHashConcurrency,
	}
}

// complain adds a fault: the key, the value to show, what is wrong and what to do.
type complain func(key string, shown any, why string, args ...any)

func (c *Config) checkAddresses(bad complain) {
	if err := checkListen(c.Listen); err != nil {
		bad("listen", c.Listen, "%v", err)
		return
	}
	c.checkMetricsListen(bad)
	c.checkAdminListen(bad)
	switch {
	case c.Issuer == "" && Loopback(c.Listen):
	case c.Issuer == "":
		bad("issuer", c.Issuer, "must be set, as listen %q can be reached from other machines; write the public URL, such as https://login.example.com", c.Listen)
	default:
		c.checkIssuer(bad)
	}
	c.checkAudience(bad)
}

// checkAudience keeps what opens the administration from resource servers.
func (c *Config) checkAudience(bad complain) {
	admin := api.AdminAudience(c.Issuer)
	if c.Issuer == "" || !slices.Contains(c.Audience, admin) {
		return
	}
	named := slices.Clone(c.Audience)
	named[slices.Index(named, admin)] = c.Issuer + "/backoffice"
	bad("audience", admin, "is for the administration alone: any service that is sent an administrator's token could administer with it; give your service another name and have it check for that one, such as audience: [%s]", strings.Join(named, ", "))
}

func (c *Config) checkIssuer(bad complain) {
	u, err := url.Parse(c.Issuer)
	switch {
	case err != nil, u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "",
		u.User != nil, u.RawQuery != "", u.ForceQuery, strings.ContainsAny(c.Issuer, "#,"),
		strings.HasSuffix(c.Issuer, "/"), u.Host != strings.ToLower(u.Host), u.String() != c.Issuer:
		bad("issuer", c.Issuer, "must be a URL such as https://login.example.com, in lower case, without a slash at the end, query, fragment, user or comma")
	case u.Scheme == "http" && !api.ThisMachine(u.Hostname()) && !c.UnsafeHTTPCookies:
		bad("issuer", c.Issuer, "must begin with https://, or passwords and tokens cross the network in clear; on a test network without TLS, set unsafe_http_cookies: true")
	case u.Scheme == "https" && c.UnsafeHTTPCookies:
		bad("unsafe_http_cookies", c.UnsafeHTTPCookies, "is not needed, as the issuer is https; remove it")
	}
}

func checkListen(listen string) error {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return errors.New("must be an address and a port, such as 127.0.0.1:8080, [::1]:8080 or 0.0.0.0:8080")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return errors.New("must end in a port number from 0 to 65535")
	}
	if host == "" || host == "localhost" {
		return nil
	}
	if _, err := netip.ParseAddr(host); err != nil {
		return errors.New("must begin with an IP address of this machine, localhost, or nothing for every address")
	}
	return nil
}

// Loopback reports whether only this machine can reach a listener at the
// address and port.
func Loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	return err == nil && api.ThisMachine(host)
}

// checkMetricsListen keeps the metrics off the public listener (SECURITY 56).
func (c *Config) checkMetricsListen(bad complain) {
	if c.MetricsListen == "" {
		return
	}
	if err := checkListen(c.MetricsListen); err != nil {
		bad("metrics_listen", c.MetricsListen, "%v", err)
		return
	}
	if sameListener(c.Listen, c.MetricsListen) {
		bad("metrics_listen", c.MetricsListen, "is where listen %q serves everybody; metrics are for your monitoring only: choose another port, such as 127.0.0.1:9095", c.Listen)
	}
}

// checkAdminListen keeps the administration off the public listener, and
// administrators' tokens off the network in clear.
func (c *Config) checkAdminListen(bad complain) {
	if c.AdminListen == "" {
		return
	}
	if err := checkListen(c.AdminListen); err != nil {
		bad("admin_listen", c.AdminListen, "%v", err)
		return
	}
	switch {
	case sameListener(c.Listen, c.AdminListen):
		bad("admin_listen", c.AdminListen, "is where listen %q serves everybody; choose another port, such as 127.0.0.1:8081, or leave it empty", c.Listen)
	case c.MetricsListen != "" && sameListener(c.MetricsListen, c.AdminListen):
		bad("admin_listen", c.AdminListen, "is where metrics_listen is; choose another port")
	case !Loopback(c.AdminListen) && c.TLSCertFile == "" && len(c.TrustedProxies) == 0 && !c.UnsafeHTTPCookies:
		bad("admin_listen", c.AdminListen, "can be reached from other machines, where administrators' tokens would cross the network in clear; set tls_cert_file and tls_key_file, or trusted_proxies if a proxy of yours ends TLS, or listen on 127.0.0.1")
	}
}

// sameListener reports whether two addresses and ports cannot be listened on at
// once, or are reached by the same people.
func sameListener(a, b string) bool {
	host, port, _ := net.SplitHostPort(a)
	own, ownPort, _ := net.SplitHostPort(b)
	return port == ownPort && port != "0" && (host == own || everyHost(host) || everyHost(own) || api.ThisMachine(host) && api.ThisMachine(own))
}

// checkResetURL wants a page behind whose # a code can be put.
func (c *Config) checkResetURL(bad complain) {
	if c.PasswordResetURL == "" || c.PasswordResetURL == c.Issuer+"/reset" {
		return // none, or ours below the issuer, which is checked
	}
	u, err := url.Parse(c.PasswordResetURL)
	switch {
	case err != nil, u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "", u.User != nil, strings.Contains(c.PasswordResetURL, "#"), u.String() != c.PasswordResetURL:
		bad("password_reset_url", c.PasswordResetURL, "must be the URL of a page, such as https://app.example.com/new-password, without a # or a user")
	case u.Scheme == "http" && !api.ThisMachine(u.Hostname()) && !c.UnsafeHTTPCookies:
		bad("password_reset_url", c.PasswordResetURL, "must begin with https://, or new passwords cross the network in clear")
	}
}

// everyHost reports whether the host stands for every address of this machine.
func everyHost(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "" || err == nil && a.IsUnspecified()
}

func zeroPort(listen string) bool {
	_, port, err := net.SplitHostPort(listen)
	return err == nil && port == "0"
}
