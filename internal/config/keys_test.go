package config

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// samples gives, for every key, a text that is not the default and what the
// struct then holds.
var samples = map[string]struct {
	text string
	want func(*Config) bool
}{
	"listen":           {"127.0.0.1:9000", func(c *Config) bool { return c.Listen == "127.0.0.1:9000" }},
	"issuer":           {"https://login.example.com", func(c *Config) bool { return c.Issuer == "https://login.example.com" }},
	"audience":         {"orders,billing", func(c *Config) bool { return reflect.DeepEqual(c.Audience, []string{"orders", "billing"}) }},
	"tls_cert_file":    {"cert.pem", func(c *Config) bool { return c.TLSCertFile == "cert.pem" }},
	"tls_key_file":     {"key.pem", func(c *Config) bool { return c.TLSKeyFile == "key.pem" }},
	"trusted_proxies":  {"10.0.0.7,192.168.0.0/16", func(c *Config) bool { return fmt.Sprint(c.TrustedProxies) == "[10.0.0.7/32 192.168.0.0/16]" }},
	"trusted_origins":  {"https://app.example.com", func(c *Config) bool { return reflect.DeepEqual(c.TrustedOrigins, []string{"https://app.example.com"}) }},
	"pages":            {"false", func(c *Config) bool { return !c.Pages }},
	"return_to":        {"https://shop.example.com", func(c *Config) bool { return reflect.DeepEqual(c.ReturnTo, []string{"https://shop.example.com"}) }},
	"site_name":        {"Example", func(c *Config) bool { return c.SiteName == "Example" }},
	"shutdown_timeout": {"3s", func(c *Config) bool { return c.ShutdownTimeout == 3*time.Second }},
	"data_dir": {"/var/lib/pawl", func(c *Config) bool {
		return c.DataDir == "/var/lib/pawl" && c.DatabasePath() == "/var/lib/pawl/pawl.db"
	}},
	"database":                     {"sqlite:///srv/p.db", func(c *Config) bool { return c.DatabasePath() == "/srv/p.db" }},
	"database_listen":              {"postgres://pawl@db-1/pawl", func(c *Config) bool { return c.DatabaseListen == "postgres://pawl@db-1/pawl" && c.InPostgres() }},
	"sessions":                     {"rediss://cache:6380/1", func(c *Config) bool { return c.Sessions == "rediss://cache:6380/1" && c.InPostgres() }},
	"master_key":                   {strings.Repeat("A", 42) + "E", func(c *Config) bool { return c.MasterKey.Reveal() == strings.Repeat("A", 42)+"E" }},
	"master_key_file":              {"/run/k", func(c *Config) bool { return c.MasterKeyFile == "/run/k" }},
	"access_ttl":                   {"5m", func(c *Config) bool { return c.AccessTTL == 5*time.Minute }},
	"refresh_ttl":                  {"7d", func(c *Config) bool { return c.RefreshTTL == 168*time.Hour }},
	"session_ttl":                  {"1d12h", func(c *Config) bool { return c.SessionTTL == 36*time.Hour }},
	"reuse_window":                 {"200ms", func(c *Config) bool { return c.Window() == 200*time.Millisecond }},
	"unsafe_reuse_window":          {"0", func(c *Config) bool { return c.Window() == 0 && c.ReuseWindow == time.Minute }},
	"sessions_per_user":            {"1", func(c *Config) bool { return c.SessionsPerUser == 1 }},
	"signing_algorithm":            {"HS256", func(c *Config) bool { return c.SigningAlgorithm == "HS256" }},
	"key_rotation":                 {"10d", func(c *Config) bool { return c.KeyRotation == 240*time.Hour }},
	"password_min_length":          {"15", func(c *Config) bool { return c.PasswordMinLength == 15 }},
	"password_hash_memory":         {"64MiB", func(c *Config) bool { return c.HashOptions().Params.Memory == 64*1024 }},
	"password_hash_time":           {"3", func(c *Config) bool { return c.HashOptions().Params.Time == 3 }},
	"password_hash_concurrency":    {"4", func(c *Config) bool { return c.HashOptions().Concurrency == 4 }},
	"cookie_same_site":             {"strict", func(c *Config) bool { return c.CookieSameSite == "strict" }},
	"unsafe_http_cookies":          {"true", func(c *Config) bool { return c.UnsafeHTTPCookies }},
	"verify_reissue":               {"true", func(c *Config) bool { return c.VerifyReissue }},
	"gateway_secret":               {gatewaySecret, func(c *Config) bool { return reflect.DeepEqual(c.GatewaySecrets(), []string{gatewaySecret}) }},
	"log_format":                   {"json", func(c *Config) bool { return c.LogFormat == "json" }},
	"sign_in_failures_per_account": {"3", func(c *Config) bool { return c.SignInFailuresPerAccount == 3 }},
	"sign_in_failures_per_address": {"30", func(c *Config) bool { return c.SignInFailuresPerAddress == 30 }},
	"sign_ins_per_account":         {"300", func(c *Config) bool { return c.SignInsPerAccount == 300 }},
	"sign_in_failures_period":      {"1h", func(c *Config) bool { return c.SignInFailuresPeriod == time.Hour }},
	"audit_retention":              {"0", func(c *Config) bool { return c.AuditRetention == 0 }},
	"admin_listen":                 {"127.0.0.1:8081", func(c *Config) bool { return c.AdminListen == "127.0.0.1:8081" }},
	"password_reset_ttl":           {"10m", func(c *Config) bool { return c.PasswordResetTTL == 10*time.Minute }},
	"password_reset_url":           {"https://app.example.com/new", func(c *Config) bool { return c.PasswordResetURL == "https://app.example.com/new" }},
	"metrics_listen":               {"127.0.0.1:9090", func(c *Config) bool { return c.MetricsListen == "127.0.0.1:9090" }},
	"legacy_secret":                {legacySecret + "x", func(c *Config) bool { return c.MovesIn() && c.LegacySecret.Reveal() == legacySecret+"x" }},
	"legacy_secret_encoding": {"base64", func(c *Config) bool {
		key, err := c.LegacyKey()
		return err == nil && len(key) > 0 && len(key) == 3*len(legacySecret)/4
	}},
	"legacy_jwks":          {"https://old.example.com/jwks", func(c *Config) bool { return c.MovesIn() && c.LegacyJWKS == "https://old.example.com/jwks" }},
	"legacy_until":         {"2027-01-31", func(c *Config) bool { return c.LegacyUntil.Equal(time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)) }},
	"legacy_issuer":        {"https://old.example.com", func(c *Config) bool { return c.LegacyIssuer == "https://old.example.com" }},
	"legacy_audience":      {"shop", func(c *Config) bool { return c.LegacyAudience == "shop" }},
	"legacy_user_claim":    {"userId", func(c *Config) bool { return c.LegacyUserClaim == "userId" }},
	"legacy_refresh_claim": {"type=refresh", func(c *Config) bool { return c.LegacyRefreshClaim == "type=refresh" }},
	"legacy_cookie":        {"rt", func(c *Config) bool { return c.LegacyCookie == "rt" }},
	"legacy_cookie_path":   {"/api", func(c *Config) bool { return c.LegacyCookiePath == "/api" }},
	"legacy_redis":         {"redis://:p4ss@127.0.0.1:6379/1", func(c *Config) bool { return c.LegacyRedis.Reveal() == "redis://:p4ss@127.0.0.1:6379/1" }},
	"legacy_redis_key":     {"rt:{user}", func(c *Config) bool { return c.LegacyRedisKey == "rt:{user}" }},
	"log_level":            {"debug", func(c *Config) bool { return c.LogLevel == "debug" }},
}

const gatewaySecret = "S3/9kq0Tn2dW+VbYx8LmZr5uHcJf1oAe"

const legacySecret = "an old secret of 56 bytes, which is 7 times 8, or 14 x 4"

// beside is what the environment says while a key is tried: keys that another
// is of no use without, and that cannot stand beside it in a file or a flag.
func beside(key string) (env []string) {
	if key == "database_listen" || key == "sessions" {
		return []string{"PAWL_DATABASE=postgres://pawl:p4ss@bouncer/pawl"}
	}
	if !strings.HasPrefix(key, legacyPrefix) {
		return nil
	}
	if key != "legacy_secret" && key != "legacy_jwks" {
		secret := legacySecret
		if key == "legacy_secret_encoding" {
			secret = strings.Repeat("c2VjcmV0", len(legacySecret)/8) // base64, and text of the same length
		}
		env = append(env, "PAWL_LEGACY_SECRET="+secret)
	}
	if key == "legacy_redis_key" {
		env = append(env, "PAWL_LEGACY_REDIS=redis://127.0.0.1")
	}
	if key != "legacy_until" {
		env = append(env, "PAWL_LEGACY_UNTIL=2030-01-01")
	}
	return env
}

// together names what a key cannot be set without.
var together = map[string][2]string{
	"tls_cert_file": {"tls_key_file", "key.pem"},
	"tls_key_file":  {"tls_cert_file", "cert.pem"},
}

func TestEveryKeyReachesTheStructFromEveryLayer(t *testing.T) {
	for _, f := range Fields() {
		sample, ok := samples[f.Key]
		if !ok {
			t.Errorf("%s: no sample; add one above", f.Key)
			continue
		}
		defaults := load(t, Sources{})
		if sample.want(defaults) {
			t.Errorf("%s: the sample is the default", f.Key)
		}
		for layer, src := range layersWith(t, f, sample.text) {
			cfg, err := Load(src)
			switch {
			case f.Secret && (layer == "file" || layer == "flag"):
				if err == nil || strings.Contains(err.Error(), sample.text) {
					t.Errorf("%s by %s: a secret must be refused, unquoted; got %v", f.Key, layer, err)
				}
			case err != nil:
				t.Errorf("%s by %s: %v", f.Key, layer, err)
			case !sample.want(cfg):
				t.Errorf("%s by %s has no effect", f.Key, layer)
			case cfg.Origin(f.Key) == "":
				t.Errorf("%s by %s has no origin", f.Key, layer)
			}
		}
	}
}

func layersWith(t *testing.T, f Field, text string) map[string]Sources {
	pairs := map[string]string{f.Key: text}
	if other, ok := together[f.Key]; ok {
		pairs[other[0]] = other[1]
	}
	var file strings.Builder
	env := beside(f.Key)
	for key, text := range pairs {
		fmt.Fprintf(&file, "%s: %q\n", key, text)
		env = append(env, envName(key)+"="+text)
	}
	layers := map[string]Sources{
		"file": {File: write(t, file.String(), 0o600), Env: beside(f.Key)},
		"env":  {Env: env},
		"flag": {Flags: pairs, Env: beside(f.Key)},
	}
	if f.Key != "master_key" { // PAWL_MASTER_KEY_FILE is master_key_file
		layers["env file"] = Sources{Env: append(env[:len(env):len(env)], envName(f.Key)+"_FILE="+write(t, text+"\n", 0o600))}
		for i, e := range env {
			if strings.HasPrefix(e, envName(f.Key)+"=") {
				layers["env file"].Env[i] = "UNRELATED=1"
			}
		}
	}
	return layers
}

func TestNoFieldOfTheStructIsForgotten(t *testing.T) {
	typ := reflect.TypeFor[Config]()
	exported := 0
	for i := range typ.NumField() {
		if typ.Field(i).IsExported() {
			exported++
		}
	}
	if n := len(Fields()); n != exported {
		t.Errorf("%d keys for %d fields of Config", n, exported)
	}
}

func TestEveryFieldIsExplained(t *testing.T) {
	for _, f := range Fields() {
		if !strings.HasSuffix(f.Doc, ".") {
			t.Errorf("%s: Doc is no full sentence", f.Key)
		}
		if f.Default == "" && f.Derived == "" && f.Zero == "" && f.Key != "tls_key_file" {
			t.Errorf("%s: neither default nor what empty means", f.Key)
		}
		if f.Default == "0" && f.Zero == "" {
			t.Errorf("%s: 0 is the default, and nothing says what it means", f.Key)
		}
	}
}

func TestDefaults(t *testing.T) {
	c := load(t, Sources{})
	for name, ok := range map[string]bool{
		"listen":          c.Listen == "127.0.0.1:8080",
		"issuer":          c.Issuer == "http://127.0.0.1:8080",
		"audience":        reflect.DeepEqual(c.Audience, []string{c.Issuer}),
		"database":        c.Database == "sqlite://pawl-data/pawl.db",
		"master_key_file": c.MasterKeyFile == "pawl-data/master.key",
		"lifetimes":       c.AccessTTL == 30*time.Minute && c.RefreshTTL == 336*time.Hour && c.SessionTTL == 2160*time.Hour,
		"window":          c.Window() == time.Minute,
		"algorithm":       c.SigningAlgorithm == "ES256",
		"nothing unsafe":  !c.UnsafeHTTPCookies && !c.UnsafeReuseWindow.Set,
		"proxies":         len(c.TrustedProxies) == 0,
	} {
		if !ok {
			t.Errorf("default of %s is not as promised: %+v", name, c)
		}
	}
}

func TestFlagsWinOverEnvironmentOverFile(t *testing.T) {
	file := write(t, "access_ttl: 1m\nrefresh_ttl: 1m\nsession_ttl: 1m\n", 0o600)
	c := load(t, Sources{
		File:  file,
		Env:   []string{"PAWL_REFRESH_TTL=2m", "PAWL_SESSION_TTL=2m"},
		Flags: map[string]string{"session_ttl": "3m"},
	})
	got := fmt.Sprint(c.AccessTTL, c.RefreshTTL, c.SessionTTL)
	if want := "1m0s 2m0s 3m0s"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for key, want := range map[string]string{"access_ttl": file + ":1", "refresh_ttl": "PAWL_REFRESH_TTL", "session_ttl": "--session-ttl", "listen": ""} {
		if got := c.Origin(key); got != want {
			t.Errorf("origin of %s is %q, want %q", key, got, want)
		}
	}
}

func TestAnyOrderOfTheLifetimesIsLegal(t *testing.T) {
	lives := []string{"1s", "30m", "100d"}
	for _, access := range lives {
		for _, refresh := range lives {
			for _, session := range lives {
				load(t, Sources{Flags: map[string]string{"access_ttl": access, "refresh_ttl": refresh, "session_ttl": session}})
			}
		}
	}
}

func TestAnEmptyLaterLayerTakesAValueBack(t *testing.T) {
	c := load(t, Sources{File: write(t, "audience: [orders]\n", 0o600), Env: []string{"PAWL_AUDIENCE="}})
	if !reflect.DeepEqual(c.Audience, []string{c.Issuer}) {
		t.Errorf("audience is %v", c.Audience)
	}
}

func TestTheConfigurationFileCanBeNamedByTheEnvironment(t *testing.T) {
	a, b := write(t, "access_ttl: 1m\n", 0o600), write(t, "access_ttl: 2m\n", 0o600)
	if c := load(t, Sources{Env: []string{"PAWL_CONFIG=" + a}}); c.AccessTTL != time.Minute {
		t.Errorf("PAWL_CONFIG has no effect: %v", c.AccessTTL)
	}
	if c := load(t, Sources{File: b, Env: []string{"PAWL_CONFIG=" + a}}); c.AccessTTL != 2*time.Minute {
		t.Errorf("--config does not win over PAWL_CONFIG: %v", c.AccessTTL)
	}
}

func TestKubernetesServiceVariablesAreNotOurs(t *testing.T) {
	load(t, Sources{Env: []string{
		"PAWL_SERVICE_HOST=10.0.0.1", "PAWL_SERVICE_PORT=8080", "PAWL_SERVICE_PORT_HTTP=8080", "PAWL_PORT=tcp://10.0.0.1:8080",
		"PAWL_PORT_8080_TCP=tcp://10.0.0.1:8080", "PAWL_PORT_8080_TCP_ADDR=10.0.0.1",
	}})
}

func TestIssuerOfAPortThatTheSystemChooses(t *testing.T) {
	c := load(t, Sources{Flags: map[string]string{"listen": "127.0.0.1:0"}})
	if c.Issuer != "" || len(c.Audience) != 0 {
		t.Fatalf("issuer %q before the port is known", c.Issuer)
	}
	c = c.IssuerAt(tcpAddr{netip.MustParseAddrPort("127.0.0.1:4711")})
	if c.Issuer != "http://127.0.0.1:4711" || c.Audience[0] != c.Issuer {
		t.Errorf("issuer %q, audience %v", c.Issuer, c.Audience)
	}
}

type tcpAddr struct{ netip.AddrPort }

func (tcpAddr) Network() string { return "tcp" }

func load(t *testing.T, src Sources) *Config {
	t.Helper()
	c, err := Load(src)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func write(t testing.TB, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pawl.yaml")
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask says
		t.Fatal(err)
	}
	return path
}
