package config

import (
	"fmt"
	"strings"
	"testing"
)

// Each row is a mistake, and what its message must hold: where, what, and what
// to do.
func TestMistakesInTheFile(t *testing.T) {
	for _, tc := range []struct{ name, yaml, want string }{
		{"unknown key, with the nearest", "listen: 127.0.0.1:1\nacces_ttl: 5m\n", `:2: unknown key "acces_ttl"; did you mean access_ttl?`},
		{"unknown key, none near", "colour: red\n", `:1: unknown key "colour"; ` + "`pawl config reference` lists what there is"},
		{"other case", "Listen: 127.0.0.1:1\n", `unknown key "Listen"; did you mean listen?`},
		{"duplicate key", "access_ttl: 5m\n\naccess_ttl: 6m\n", ":3: access_ttl is set twice, first in line 1; keep one"},
		{"secret in the file", "master_key: abc\n", "master_key is a secret and does not belong in this file; set the variable PAWL_MASTER_KEY"},
		{"no value", "access_ttl:\n", "access_ttl has no value; write one, or delete the line"},
		{"nested", "access_ttl:\n  value: 5m\n", "access_ttl must be a duration, 1s to 876000h, without nesting"},
		{"list where one value belongs", "access_ttl: [5m]\n", "access_ttl takes one value, not a list"},
		{"list of lists", "audience: [[a]]\n", "audience must be a list of plain values"},
		{"comma in an item", "audience: ['a,b']\n", "each without a comma"},
		{"alias", "audience: &a [x]\ntrusted_origins: *a\n", "without nesting, anchors and aliases"},
		{"merge key", "<<: {access_ttl: 5m}\n", `unknown key "<<"`},
		{"two documents", "access_ttl: 5m\n---\naccess_ttl: 6m\n", "more than one YAML document"},
		{"no mapping", "- a\n- b\n", `:1: must be lines of the form "key: value"`},
		{"not YAML", "access_ttl: [\n", "did not find"},
		{"not text", "listen: \"\\x00\"\n", "characters that do not print"},
		{"all at once", "acces_ttl: 1\nlisten:\n", "listen has no value"},
	} {
		_, err := Load(Sources{File: write(t, tc.yaml, 0o600)})
		expect(t, tc.name, err, tc.want)
	}
}

func TestMistakesInTheEnvironment(t *testing.T) {
	secret := strings.Repeat("s3cr3t", 5)
	for _, tc := range []struct {
		name string
		env  []string
		want string
	}{
		{"unknown variable", []string{"PAWL_ACESS_TTL=5m"}, "unknown variable PAWL_ACESS_TTL; did you mean PAWL_ACCESS_TTL?"},
		{"unknown variable with _FILE", []string{"PAWL_LISTN_FILE=x"}, "unknown variable PAWL_LISTN_FILE"},
		{"both forms", []string{"PAWL_LISTEN=127.0.0.1:1", "PAWL_LISTEN_FILE=" + write(t, "127.0.0.1:2", 0o600)}, "PAWL_LISTEN and PAWL_LISTEN_FILE are both set; keep one"},
		{"file missing", []string{"PAWL_ISSUER_FILE=/nonexistent/x"}, "PAWL_ISSUER_FILE: open /nonexistent/x: no such file"},
		{"configuration file missing", []string{"PAWL_CONFIG=/nonexistent/x"}, "configuration file: open /nonexistent/x: no such file"},
		{"bad value", []string{"PAWL_ACCESS_TTL=30"}, `PAWL_ACCESS_TTL: access_ttl: "30" must be a duration with its unit, such as 60s, 30m, 336h or 14d`},
		{"bad secret", []string{"PAWL_MASTER_KEY=" + secret}, `PAWL_MASTER_KEY: master_key: "[secret]" is not a master key`},
		{"old secret too short", []string{"PAWL_LEGACY_SECRET=" + secret}, `legacy_secret: "[secret]" has 30 bytes, and 32 are the least`},
		{"old secret not base64", []string{"PAWL_LEGACY_SECRET=" + secret + "!", "PAWL_LEGACY_SECRET_ENCODING=base64"}, `"[secret]" is not base64`},
		{"old secret and keys", []string{"PAWL_LEGACY_SECRET=" + secret + "xx", "PAWL_LEGACY_JWKS=keys.json"}, "and legacy_secret are both set"},
		{"old Redis", []string{"PAWL_LEGACY_JWKS=keys.json", "PAWL_LEGACY_REDIS=http://:" + secret + "@h"}, `legacy_redis: "[secret]" must be a URL such as redis://`},
		{"old Redis key", []string{"PAWL_LEGACY_JWKS=keys.json", "PAWL_LEGACY_REDIS=redis://h", "PAWL_LEGACY_REDIS_KEY=rt"}, "must name the user once, as {user}"},
		{"a gateway's secret too short", []string{"PAWL_GATEWAY_SECRET=" + secret}, `PAWL_GATEWAY_SECRET: gateway_secret: "[secret]" has 30 characters`},
		{"two of them, one bad", []string{"PAWL_GATEWAY_SECRET=" + gatewaySecret + " " + secret}, `"[secret]" has 30 characters`},
		{"the same twice", []string{"PAWL_GATEWAY_SECRET=" + gatewaySecret + "\n" + gatewaySecret}, "the same secret twice"},
		{"not UTF-8", []string{"PAWL_ISSUER=\xff"}, "characters that do not print"},
	} {
		_, err := Load(Sources{Env: tc.env})
		expect(t, tc.name, err, tc.want)
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: SECURITY 56: the message quotes the secret: %v", tc.name, err)
		}
	}
}

func TestMistakesInValues(t *testing.T) {
	for _, tc := range []struct{ flags, want string }{
		{"listen=8080", `--listen: listen: "8080" must be an address and a port`},
		{"listen=example.com:80", "must begin with an IP address of this machine"},
		{"listen=127.0.0.1:http", "must end in a port number"},
		{"listen=127.0.0.1:65536", "must end in a port number from 0 to 65535"},
		{"listen=0.0.0.0:8080", `issuer: "" must be set, as listen "0.0.0.0:8080" can be reached from other machines`},
		{"metrics_listen=9090", `--metrics-listen: metrics_listen: "9090" must be an address and a port`},
		{"metrics_listen=127.0.0.1:8080", `is where listen "127.0.0.1:8080" serves everybody; metrics are for your monitoring only: choose another port`},
		{"metrics_listen=localhost:8080", `serves everybody`},
		{"metrics_listen=:8080", `serves everybody`},
		{"metrics_listen=0.0.0.0:8080", `serves everybody`},
		{"admin_listen=8081", `--admin-listen: admin_listen: "8081" must be an address and a port`},
		{"admin_listen=127.0.0.1:8080", `is where listen "127.0.0.1:8080" serves everybody; choose another port`},
		{"admin_listen=localhost:8080", "serves everybody"},
		{"admin_listen=127.0.0.1:9090 metrics_listen=127.0.0.1:9090", "is where metrics_listen is"},
		{"admin_listen=0.0.0.0:8081", "can be reached from other machines, where administrators' tokens would cross the network in clear"},
		{"admin_listen=192.0.2.1:8081 issuer=https://login.example.com", "set tls_cert_file and tls_key_file, or trusted_proxies"},
		{"password_reset_ttl=1s", "must be from 1m"},
		{"password_reset_url=app.example.com/new", "must be the URL of a page"},
		{"password_reset_url=https://app.example.com/new#x", "without a # or a user"},
		{"password_reset_url=https://a@app.example.com/new", "without a # or a user"},
		{"password_reset_url=http://app.example.com/new", "must begin with https://, or new passwords cross the network in clear"},
		{"audit_retention=-1h", "must be a duration"},
		{"listen=:8080", "issuer: \"\" must be set"},
		{"issuer=https://login.example.com/", "without a slash at the end"},
		{"issuer=https://login.example.com?x", "must be a URL such as https://login.example.com"},
		{"issuer=https://a@login.example.com", "must be a URL such as"},
		{"issuer=https://login.example.com/a,b", "user or comma"},
		{"issuer=https://Login.example.com", "in lower case"},
		{"issuer=login.example.com", "must be a URL such as"},
		{"issuer=http://login.example.com", "must begin with https://, or passwords and tokens cross the network in clear"},
		{"issuer=https://login.example.com unsafe_http_cookies=true", "is not needed, as the issuer is https; remove it"},
		{"audience=a,a", "names the same thing twice"},
		{"audience=http://127.0.0.1:8080/admin", `audience: "http://127.0.0.1:8080/admin" is for the administration alone`},
		{"audience=orders,http://127.0.0.1:8080/admin", "such as audience: [orders, http://127.0.0.1:8080/backoffice]"},
		{"tls_cert_file=c.pem", `tls_cert_file: "c.pem" and tls_key_file "" go together; set both, or neither`},
		{"tls_key_file=c.pem", "go together"},
		{"trusted_proxies=10.0.0.1/8", "has bits set beyond the prefix; write 10.0.0.0/8"},
		{"trusted_proxies=proxy", "must be an address or a network, such as 192.0.2.7 or 192.0.2.0/24"},
		{"trusted_proxies=::ffff:10.0.0.0/104", "must be written as IPv4: 10.0.0.0/8"},
		{"trusted_proxies=::ffff:0:0/96", "must be written as IPv4: 0.0.0.0/0"},
		{"trusted_origins=https://bücher.example", "must have its host in ASCII, as browsers send it: xn--"},
		{"trusted_origins=https://[2001:DB8::7]", "as browsers send it: [2001:db8::7]"},
		{"return_to=https://bücher.example", "must have its host in ASCII"},
		{"return_to=capacitor://localhost", "must begin with https:// or http://"},
		{"trusted_origins=https://*.example.com", "must be an exact origin such as https://app.example.com"},
		{"trusted_origins=https://a.example.com/", "without a path, a slash at the end"},
		{"trusted_origins=https://a.example.com:443", "must leave out the scheme's own port"},
		{"trusted_origins=null", "must be an exact origin"},
		{"data_dir=", "data_dir: \"\" must be the path of a directory"},
		{"database=postgres://u:pw@db/pawl", `--database: database: "postgres://u:[secret]@db/pawl" holds a password, which does not belong here; set PAWL_DATABASE, or put the URL into a file of mode 0600 and name that in PAWL_DATABASE_FILE`},
		{"database=postgres://u@db/pawl?sslpassword=pw", "holds a password"},
		{"database=postgres:///pawl", `"postgres:///pawl" names no server`},
		{"database=redis://x", `is Redis, which holds sessions only: set sessions to it`},
		{"database=mysql://x", "must be sqlite:// and the path of a file"},
		{"sessions=redis://x", "is for several servers, which cannot share the users in an SQLite file; set database to postgres://"},
		{"sessions=http://x database=postgres://u@db/pawl", "must begin with redis:// or rediss://"},
		{"sessions=redis://:pw@x database=postgres://u@db/pawl", `"redis://:[secret]@x" holds a password`},
		{"database_listen=postgres://u@db/pawl", "has no effect with an SQLite database"},
		{"database_listen=sqlite://x database=postgres://u@db/pawl", "must begin with postgres:// or postgresql://"},
		{"database=pawl.db", "must be sqlite:// and the path of a file"},
		{"database=sqlite://", "must be sqlite:// and the path of a file"},
		{"database=sqlite://x?mode=memory", "must be a plain path"},
		{"access_ttl=0", "access_ttl: \"0\" must be from 1s to 876000h"},
		{"access_ttl=-5m", "must be a duration with its unit"},
		{"access_ttl=2562047h47m", "must be from 1s"},
		{"access_ttl=106751d24h", "must be a duration"},
		{"access_ttl=99999999999d", "must be a duration"},
		{"reuse_window=0s", "must be from 1ms to 1m"},
		{"reuse_window=61s", "must be from 1ms to 1m"},
		{"unsafe_reuse_window=61s", "must be from 0s to 1m"},
		{"sessions_per_user=-1", "must be a whole number from 0 to 1000000"},
		{"signing_algorithm=none", "is not known; use one of ES256, RS256, Ed25519, HS256"},
		{"signing_algorithm=es256", "is not known"},
		{"key_rotation=1m", "must be from 1h"},
		{"password_min_length=7", "must be a whole number from 8 to 64"},
		{"password_hash_memory=19", "must be a whole number with the unit KiB, MiB or GiB"},
		{"password_hash_memory=8MiB", "use at least m=19456 KiB"},
		{"password_hash_memory=4GiB", "exceeds"},
		{"cookie_same_site=none", "is not known; use one of lax, strict"},
		{"unsafe_http_cookies=yes", "must be true or false"},
		{"log_format=xml", "use one of text, json"},
		{"log_level=trace", "use one of debug, info, warn, error"},
		{"legacy_user_claim=userId", `legacy_user_claim: "…" has no effect without legacy_secret or legacy_jwks`},
		{"legacy_until=2027-02-30", "must be a date such as 2027-01-31"},
		{"legacy_jwks=keys.json", `legacy_until: "" is missing: the day from which old tokens are refused`},
		{"legacy_jwks=http://old.example.com/jwks", "must come by https://, or whoever is on the way chooses the keys"},
		{"legacy_jwks=https://u:pw@old.example.com/jwks", "must be the path of a file or a URL"},
		{"legacy_jwks=keys.json legacy_redis_key=rt:{user}", "has no effect without legacy_redis"},
		{"legacy_jwks=keys.json legacy_refresh_claim=type", "must be a claim and its value, such as type=refresh"},
		{"legacy_jwks=keys.json legacy_cookie=a;b", `legacy_cookie: "a;b" with legacy_cookie_path "/" cannot be a cookie`},
		{"colour=red", "--colour: there is no such flag"},
	} {
		_, err := Load(Sources{Flags: flags(tc.flags)})
		expect(t, tc.flags, err, tc.want)
		if err != nil && strings.Contains(err.Error(), "u:pw@") {
			t.Errorf("%s: SECURITY 56: the message quotes a password: %v", tc.flags, err)
		}
	}
}

func TestAllMistakesAreNamedAtOnce(t *testing.T) {
	_, err := Load(Sources{
		File: write(t, "acces_ttl: 5m\nlog_levl: info\n", 0o600),
		Env:  []string{"PAWL_LISTN=x"},
	})
	for _, want := range []string{"acces_ttl", "log_levl", "PAWL_LISTN"} {
		expect(t, "unknown names", err, want)
	}
	_, err = Load(Sources{Flags: flags("access_ttl=x log_level=y")})
	for _, want := range []string{"access_ttl", "log_level"} {
		expect(t, "bad values", err, want)
	}
	_, err = Load(Sources{Flags: flags("listen=0.0.0.0:1 database=redis://x")})
	for _, want := range []string{"issuer", "database"} {
		expect(t, "bad combinations", err, want)
	}
}

func flags(s string) map[string]string {
	m := map[string]string{}
	for f := range strings.FieldsSeq(s) {
		key, text, _ := strings.Cut(f, "=")
		m[key] = text
	}
	return m
}

func expect(t *testing.T, name string, err error, want string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: accepted", name)
	} else if !strings.Contains(err.Error(), want) {
		t.Errorf("%s: got\n  %v\nwant\n  %s", name, err, want)
	}
}

func TestHugeFileIsRefused(t *testing.T) {
	_, err := Load(Sources{File: write(t, strings.Repeat("#", maxFile+1), 0o600)})
	expect(t, "huge file", err, "larger than 1 MiB")
}

func TestSecretsDoNotPrint(t *testing.T) {
	c := load(t, Sources{Env: []string{"PAWL_MASTER_KEY=" + samples["master_key"].text}})
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if s := fmt.Sprintf(format, c.MasterKey); strings.Contains(s, "AAAA") {
			t.Errorf("SECURITY 56: %s prints %s", format, s)
		}
		if s := fmt.Sprintf(format, c); strings.Contains(s, "AAAA") {
			t.Errorf("SECURITY 56: %s of Config prints the secret", format)
		}
	}
}

// The same address is fine where TLS, of its own or a proxy's, protects it.
func TestAdminListenBehindTLS(t *testing.T) {
	for _, with := range []string{
		"tls_cert_file=c.pem tls_key_file=k.pem", "trusted_proxies=10.0.0.7", "issuer=http://pawl.test unsafe_http_cookies=true",
	} {
		load(t, Sources{Flags: flags("admin_listen=0.0.0.0:8081 password_reset_url=https://app.example.com/new?x=y " + with)})
	}
	load(t, Sources{Flags: flags("admin_listen=[::1]:8081 password_reset_url=http://localhost:3000/new")})
}

// A configuration of before there was a gateway_secret is told what to put into it,
// by the server alone: an operator who ends sessions needs no secret of the gateway's.
func TestServingAsksForTheGatewaysSecret(t *testing.T) {
	file := write(t, "verify_reissue: true\n", 0o600)
	old, err := Load(Sources{File: file})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{":1: verify_reissue: true needs a secret", "PAWL_GATEWAY_SECRET_FILE=/etc/pawl/gateway.secret", `proxy_set_header Pawl-Gateway "…";`, "location = /api/verify { return 404; }"} {
		expect(t, "without a secret", old.CheckServing(), want)
	}
	for name, src := range map[string]Sources{
		"with a secret": {File: file, Env: []string{"PAWL_GATEWAY_SECRET=" + gatewaySecret}},
		"with two":      {File: file, Env: []string{"PAWL_GATEWAY_SECRET_FILE=" + write(t, gatewaySecret+"\nkT7mXw2RfQz9sLb4NdGy6VjC1hPu8aEo\n", 0o600)}},
		"off":           {},
	} {
		c, err := Load(src)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := c.CheckServing(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
