// Package config is the configuration of the pawl command: one struct,
// [Config], and beside it one table that gives each field its key, default,
// meaning and checks. The file's keys, the PAWL_… variables, the flags and
// docs/configuration.md all come from that table.
//
// Layers, the later over the earlier: default, file, environment, flag.
package config

import (
	"net"
	"net/netip"
	"time"
)

// Config is what the server and the commands are told. [Load] gives it
// complete and checked; the table in fields.go says what each field means.
type Config struct {
	Listen          string
	AdminListen     string // empty: the administration is where Listen is
	Issuer          string // empty only where the port is 0: see IssuerAt
	Audience        []string
	TLSCertFile     string
	TLSKeyFile      string
	TrustedProxies  []netip.Prefix
	TrustedOrigins  []string
	ShutdownTimeout time.Duration

	Pages    bool
	ReturnTo []string
	SiteName string // empty: the issuer's host

	DataDir        string
	Database       URL
	DatabaseListen URL // empty: as Database
	Sessions       URL // empty: in Database
	MasterKey      Secret
	MasterKeyFile  string

	AccessTTL         time.Duration
	RefreshTTL        time.Duration
	SessionTTL        time.Duration
	ReuseWindow       time.Duration
	UnsafeReuseWindow OptionalDuration
	SessionsPerUser   int
	SigningAlgorithm  string
	KeyRotation       time.Duration

	PasswordMinLength       int
	PasswordHashMemory      Size
	PasswordHashTime        int
	PasswordHashConcurrency int
	PasswordResetTTL        time.Duration
	PasswordResetURL        string // empty only as Issuer, or without pages

	SignInFailuresPerAccount int // 0: no limit
	SignInFailuresPerAddress int // 0: no limit
	SignInFailuresPeriod     time.Duration
	SignInsPerAccount        int // 0: no limit

	CookieSameSite    string
	UnsafeHTTPCookies bool
	VerifyReissue     bool
	GatewaySecret     Secret // one or more: see GatewaySecrets

	LogFormat string
	LogLevel  string

	AuditRetention time.Duration // 0: for ever
	MetricsListen  string        // empty: no metrics

	LegacySecret         Secret // of the old system; with LegacyJWKS empty too: nothing moves in
	LegacySecretEncoding string
	LegacyJWKS           string
	LegacyUntil          time.Time
	LegacyIssuer         string
	LegacyAudience       string
	LegacyUserClaim      string
	LegacyRefreshClaim   string
	LegacyCookie         string
	LegacyCookiePath     string
	LegacyRedis          Secret // a URL, perhaps with a password
	LegacyRedisKey       string

	origins map[string]string // key → where its value came from, where not the default
}

// Origin says where a key's value came from, such as "--listen" or
// "PAWL_LISTEN" or "pawl.yaml:3"; empty for a default.
func (c *Config) Origin(key string) string { return c.origins[key] }

// Window is the reuse window in force.
func (c *Config) Window() time.Duration {
	if c.UnsafeReuseWindow.Set {
		return c.UnsafeReuseWindow.D
	}
	return c.ReuseWindow
}

// IssuerAt gives a copy in which the issuer is set, and what follows from it, for a listener at
// addr. It matters only where the configured port is 0, so that the system
// chooses it.
func (c *Config) IssuerAt(addr net.Addr) *Config {
	cp := *c
	if cp.Issuer == "" {
		cp.Issuer = cp.scheme() + "://" + addr.String()
	}
	if len(cp.Audience) == 0 {
		cp.Audience = []string{cp.Issuer}
	}
	cp.deriveResetURL()
	return &cp
}

func (c *Config) scheme() string {
	if c.TLSCertFile != "" {
		return "https"
	}
	return "http"
}
