package config

import (
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/token"
)

// A Field describes one key.
type Field struct {
	Key     string // in the file; the variable and the flag follow from it
	Group   string // heading in the reference and in help texts
	Default string // text; empty where Derived says how it is found
	Derived string // how the default is found, for people
	Zero    string // what zero or empty means, where that is not obvious
	Doc     string // what it does, in full sentences
	Secret  bool   // from the environment or a file of its own only

	value value
}

// Env is the environment variable.
func (f Field) Env() string { return envName(f.Key) }

// Flag is the flag's name without dashes; empty for secrets, since everybody on
// the machine can read a process's arguments.
func (f Field) Flag() string {
	if f.Secret {
		return ""
	}
	return flagName(f.Key)
}

// Bool reports whether the field is true or false, so that its flag needs no
// value.
func (f Field) Bool() bool { _, ok := f.value.(boolValue); return ok }

// List reports whether the field holds several values.
func (f Field) List() bool {
	switch f.value.(type) {
	case listValue, prefixesValue:
		return true
	}
	return false
}

// mayHoldSecret reports whether no complaint may quote the text.
func (f Field) mayHoldSecret() bool { _, ok := f.value.(urlValue); return ok || f.Secret }

// Kind says what the value looks like, for people.
func (f Field) Kind() string { return f.value.kind() }

// Fields describes every key, in the order of the reference.
func Fields() []Field { return fields(new(Config)) }

const (
	day = 24 * time.Hour
	// longest keeps sums of a moment and two lifetimes far from overflow.
	longest = 100 * 365 * day
)

// fields is the one table: what it does not name cannot be configured.
func fields(c *Config) []Field {
	var all []Field
	for _, group := range []func(*Config) []Field{
		serverFields, pageFields, storageFields, sessionFields, passwordFields, failureFields, cookieFields, logFields, watchFields, legacyFields,
	} {
		all = append(all, group(c)...)
	}
	return all
}

func serverFields(c *Config) []Field {
	return inGroup("Server",
		Field{
			Key: "listen", value: textValue{&c.Listen}, Default: "127.0.0.1:8080", Zero: "Port 0 lets the system choose a free port.",
			Doc: "The address and port to listen on, such as 127.0.0.1:8080, or 0.0.0.0:8443 for every address of this machine.",
		},
		Field{
			Key: "admin_listen", value: textValue{&c.AdminListen}, Zero: "Empty: `/admin/api` is served where `listen` is.",
			Doc: "The address and port at which `/admin/api` is served, and nowhere else then, such as 127.0.0.1:8081. It speaks TLS where `listen` does.",
		},
		Field{
			Key: "issuer", value: textValue{&c.Issuer}, Derived: "`http://` (with TLS files `https://`) and the address of `listen`, if that is a loopback address; otherwise it must be set",
			Doc: "The public URL of this service, exactly as its users reach it, without a slash at the end. It is the `iss` of every token: changing it signs everybody out.",
		},
		Field{
			Key: "audience", value: listValue{&c.Audience}, Derived: "the issuer",
			Doc: "Who accepts the access tokens (`aud`): the identifiers of your APIs. Each API checks that its own is among them. The issuer with `/admin` behind it cannot be one: it is for the administration alone.",
		},
		Field{
			Key: "tls_cert_file", value: textValue{&c.TLSCertFile}, Zero: "Empty: plain HTTP, for loopback or behind a proxy that ends TLS.",
			Doc: "The certificate chain in PEM. A changed file is taken up by itself, without a restart.",
		},
		Field{
			Key: "tls_key_file", value: textValue{&c.TLSKeyFile},
			Doc: "The private key of the certificate, in PEM. The file must not be readable by others (mode 0600, or 0640 for a group).",
		},
		Field{
			Key: "trusted_proxies", value: prefixesValue{&c.TrustedProxies}, Zero: "Empty: nobody's X-Forwarded-For is believed.",
			Doc: "The proxies whose `X-Forwarded-For` is believed, as addresses or networks. Name your own only: whoever is in it can pretend to be any address.",
		},
		Field{
			Key: "trusted_origins", value: listValue{&c.TrustedOrigins}, Zero: "Empty: only pages of the issuer's own origin.",
			Doc: "Other origins whose pages may call this API with cookies, each written exactly: `https://app.example.com`. There are no wildcards.",
		},
		Field{
			Key: "shutdown_timeout", value: durationValue{&c.ShutdownTimeout, 0, time.Hour}, Default: "10s", Zero: "0: requests under way are cut off at once.",
			Doc: "How long a stopping server waits for requests under way.",
		},
	)
}

func pageFields(c *Config) []Field {
	return inGroup("Pages",
		Field{
			Key: "pages", value: boolValue{&c.Pages}, Default: "true",
			Doc: "Serves the pages beside the API: to sign in, to set up, to set a password, the account, and the administration, which is left out where `admin_listen` is set.",
		},
		Field{
			Key: "return_to", value: listValue{&c.ReturnTo}, Zero: "Empty: pages of the issuer's own origin only.",
			Doc: "Other origins to whose pages people may be sent once they have signed in (`/sign-in?return_to=…`), each written exactly: `https://app.example.com`. There are no wildcards.",
		},
		Field{
			Key: "site_name", value: textValue{&c.SiteName}, Derived: "the issuer's host",
			Doc: "What people know the service by: it stands at the top of each page.",
		},
	)
}

func sessionFields(c *Config) []Field {
	return inGroup("Tokens and sessions",
		Field{
			Key: "access_ttl", value: durationValue{&c.AccessTTL, time.Second, longest}, Default: "30m",
			Doc: "How long an access token lives. APIs check it without asking this service, apart from what was ended.",
		},
		Field{
			Key: "refresh_ttl", value: durationValue{&c.RefreshTTL, time.Second, longest}, Default: "336h",
			Doc: "How long a session lives without being used (14 days). Each reissue starts it anew. It may be shorter than `access_ttl`.",
		},
		Field{
			Key: "session_ttl", value: durationValue{&c.SessionTTL, time.Second, longest}, Default: "2160h",
			Doc: "How long a session lives at most, however much it is used (90 days). Then the person signs in again.",
		},
		Field{
			Key: "reuse_window", value: durationValue{&c.ReuseWindow, time.Millisecond, pawl.MaxReuseWindow}, Default: "60s",
			Doc: "How long the previous refresh token is still answered, so that parallel tabs and lost replies sign nobody out. A stolen token that comes back later ends the session.",
		},
		Field{
			Key: "unsafe_reuse_window", value: optionalDurationValue{&c.UnsafeReuseWindow, pawl.MaxReuseWindow}, Default: "none", Zero: "0: every reissue rotates, and two tabs that refresh at once sign the person out.",
			Doc: "For benchmarks only: takes the place of `reuse_window` and may be 0.",
		},
		Field{
			Key: "sessions_per_user", value: intValue{&c.SessionsPerUser, "number of sessions", 0, 1_000_000}, Default: "100", Zero: "0: any number, so that one person can fill the store.",
			Doc: "How many sessions one person can have at a time. One more sign-in ends the oldest; with 1, a sign-in ends the one before. Who has more already, since the limit is new, loses 250 at most by a sign-in.",
		},
		Field{
			Key: "signing_algorithm", value: choiceValue{&c.SigningAlgorithm, []string{token.ES256, token.RS256, token.Ed25519, token.HS256}}, Default: token.ES256,
			Doc: "How access tokens are signed. HS256 publishes no key, so that no other service can check the tokens: only for a service that checks its own. A change takes effect some minutes after the start: the new key is published before it signs.",
		},
		Field{
			Key: "key_rotation", value: durationValue{&c.KeyRotation, time.Hour, longest}, Default: "720h",
			Doc: "How often new signing keys take over (30 days), though at most 32 times in the life of a token. Old ones are kept until the last token they signed is dead.",
		},
	)
}

func passwordFields(c *Config) []Field {
	return inGroup("Passwords",
		Field{
			Key: "password_min_length", value: intValue{&c.PasswordMinLength, "characters", 8, 64}, Default: "12",
			Doc: "The least length of a new password. Length and a list of common passwords are all that is asked: no rules about kinds of characters.",
		},
		Field{
			Key: "password_hash_memory", value: sizeValue{&c.PasswordHashMemory}, Default: "19MiB",
			Doc: "The memory of one Argon2id computation, 19MiB at least. People's hashes are brought up to it at their next sign-in.",
		},
		Field{
			Key: "password_hash_time", value: intValue{&c.PasswordHashTime, "passes", 2, 64}, Default: "2",
			Doc: "The passes of one Argon2id computation. A sign-in takes a core for about 23 ms with the defaults.",
		},
		Field{
			Key: "password_hash_concurrency", value: intValue{&c.PasswordHashConcurrency, "computations", 0, 1024}, Default: "0", Zero: "0: one for each processor.",
			Doc: "How many passwords are checked at once. Times `password_hash_memory`, this is the memory that sign-ins can take; more of them wait, and then get 503.",
		},
		Field{
			Key: "password_reset_ttl", value: durationValue{&c.PasswordResetTTL, time.Minute, 30 * day}, Default: "1h",
			Doc: "How long a one-time code that sets a password is good.",
		},
		Field{
			Key: "password_reset_url", value: textValue{&c.PasswordResetURL}, Derived: "`/reset` below the issuer, where `pages` are served; otherwise the code alone is given out",
			Doc: "The page on which people set a password: a reset link is this URL, `#code=` and the code, which that page sends to `POST /api/password/reset`. The part behind `#` reaches no server's log.",
		},
	)
}

func failureFields(c *Config) []Field {
	return inGroup("Limits on sign-ins",
		Field{
			Key: "sign_in_failures_per_account", value: intValue{&c.SignInFailuresPerAccount, "failures", 0, 1_000_000}, Default: "10", Zero: "0: no limit.",
			Doc: "How many sign-ins to one account may fail from one address (IPv4, or IPv6 /64) in `sign_in_failures_period`; more get 429 until the period's share for one has passed. From all addresses together it is ten times as many: where that is used up, a right password is taken from addresses at which the account was used in the last 30 days, so that a stranger cannot keep its owner out, and everything else gets 429.",
		},
		Field{
			Key: "sign_in_failures_per_address", value: intValue{&c.SignInFailuresPerAddress, "failures", 0, 1_000_000}, Default: "100", Zero: "0: no limit.",
			Doc: "How many sign-ins may fail from one address (IPv4, or IPv6 /64) in `sign_in_failures_period`, over all accounts; from the network around it (IPv4 /24, IPv6 /48) four times as many. Where that is used up, only right passwords of accounts that are used at the address are taken, and after ten times as many failures nothing from there is looked at. Behind a proxy, name it in `trusted_proxies`, or every client appears to have the proxy's address.",
		},
		Field{
			Key: "sign_ins_per_account", value: intValue{&c.SignInsPerAccount, "sign-ins", 0, 1_000_000}, Default: "100", Zero: "0: no limit.",
			Doc: "How many sign-ins to one account by password may succeed in `sign_in_failures_period`, from all addresses together; more get 429. Each is a session and a hash. Sessions that registered clients start, and reissues, do not count. Raise it for an account that many people or programs share.",
		},
		Field{
			Key: "sign_in_failures_period", value: durationValue{&c.SignInFailuresPeriod, time.Second, day}, Default: "15m",
			Doc: "The time in which a used-up limit has refilled. The counts are kept in the memory of the server and are gone when it restarts, or in PostgreSQL or Redis where the sessions are there.",
		},
	)
}

func cookieFields(c *Config) []Field {
	return inGroup("Cookies",
		Field{
			Key: "cookie_same_site", value: choiceValue{&c.CookieSameSite, []string{"lax", "strict"}}, Default: "lax",
			Doc: "SameSite of the refresh cookie. With strict, whoever follows a link from another site arrives signed out.",
		},
		Field{
			Key: "unsafe_http_cookies", value: boolValue{&c.UnsafeHTTPCookies}, Default: "false",
			Doc: "For test networks without TLS only: sends the refresh cookie over plain HTTP, without the `__Host-` prefix. Whoever can read the network then has the session.",
		},
		Field{
			Key: "verify_reissue", value: boolValue{&c.VerifyReissue}, Default: "false",
			Doc: "Lets `/api/verify` reissue in the middle of a request, and keep a browser's access token in an HttpOnly cookie. Only where the gateway passes `Set-Cookie` and `Authorization` of its answers on to the client, as in `examples/gateway`: one that does not loses every rotation, and signs people out. It needs `gateway_secret`.",
		},
		Field{
			Key: "gateway_secret", value: secretValue{&c.GatewaySecret}, Secret: true, Zero: "Empty: `/api/verify` looks at `Authorization` only.",
			Doc: "What a gateway sends to `/api/verify` in `Pawl-Gateway`, so that cookies are looked at for it and for no script in a page: 32 characters at least, as `openssl rand -base64 32` prints them. To change it, set both, the new and the old, with a space or a new line between; give the gateway the new one; then take the old one away. A wrong one is refused with 403.",
		},
	)
}

func logFields(c *Config) []Field {
	return inGroup("Logs",
		Field{
			Key: "log_format", value: choiceValue{&c.LogFormat, []string{"text", "json"}}, Default: "text",
			Doc: "The form of the log lines, which go to standard error.",
		},
		Field{
			Key: "log_level", value: choiceValue{&c.LogLevel, []string{"debug", "info", "warn", "error"}}, Default: "info",
			Doc: "The least important lines that are written. Each reissue is a line of level debug.",
		},
	)
}

func watchFields(c *Config) []Field {
	return inGroup("Audit and metrics",
		Field{
			Key: "audit_retention", value: durationValue{&c.AuditRetention, 0, longest}, Default: "2160h", Zero: "0: for ever.",
			Doc: "How long the entries of the audit log are kept (90 days): who signed in and failed to, what was ended and changed. They hold addresses, so that your rules about personal data may ask for less.",
		},
		Field{
			Key: "metrics_listen", value: textValue{&c.MetricsListen}, Zero: "Empty: no metrics.",
			Doc: "The address and port at which `GET /metrics` answers Prometheus, such as 127.0.0.1:9095. Whoever reaches it can read it without signing in: choose one that only your monitoring reaches. It cannot be that of `listen`.",
		},
	)
}

func inGroup(name string, list ...Field) []Field {
	for i := range list {
		list[i].Group = name
	}
	return list
}
