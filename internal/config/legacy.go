package config

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"

	"github.com/pawlauth/pawl/internal/legacy"
)

// legacyPrefix begins the keys that say how the old system's sessions move in.
const legacyPrefix = "legacy_"

const (
	secretInBase64  = "base64"
	defaultRedisKey = "REFRESH_TOKEN:" + legacy.UserPart
)

func legacyFields(c *Config) []Field {
	return inGroup("Moving in",
		Field{
			Key: "legacy_secret", value: secretValue{&c.LegacySecret}, Secret: true, Zero: "Empty, and `legacy_jwks` too: nothing moves in.",
			Doc: "The secret with which the system that Pawl takes the place of signs its refresh tokens by HS256, HS384 or HS512; 32 bytes at least. Each such token then becomes a session of Pawl's once, instead of making its owner sign in again. Until `legacy_until`, whoever knows the secret can sign in as anybody.",
		},
		Field{
			Key: "legacy_secret_encoding", value: choiceValue{&c.LegacySecretEncoding, []string{"text", secretInBase64}}, Default: "text",
			Doc: "How `legacy_secret` is written: text is the secret itself, as with `secret.getBytes()`; base64 is decoded first, as with `Decoders.BASE64.decode(secret)` and with jjwt's `signWith(algorithm, String)`.",
		},
		Field{
			Key: "legacy_jwks", value: textValue{&c.LegacyJWKS}, Zero: "Empty: `legacy_secret` is used.",
			Doc: "In place of a secret, the old system's public keys, for RS256, ES256 and their kin or EdDSA: a JWKS file, or its https URL, which is fetched when it is needed, at most every 10 seconds.",
		},
		Field{
			Key: "legacy_until", value: dateValue{&c.LegacyUntil}, Zero: "It must be set where a secret or a JWKS is.",
			Doc: "The day (UTC) from which old tokens are refused: the last day on which the old system issues any, and the life of its refresh tokens.",
		},
		Field{
			Key: "legacy_issuer", value: textValue{&c.LegacyIssuer}, Zero: "Empty: not checked.",
			Doc: "The `iss` that old tokens must have.",
		},
		Field{
			Key: "legacy_audience", value: textValue{&c.LegacyAudience}, Zero: "Empty: not checked.",
			Doc: "What must be among the `aud` of old tokens.",
		},
		Field{
			Key: "legacy_user_claim", value: textValue{&c.LegacyUserClaim}, Default: "sub",
			Doc: "The claim of old tokens that names the user: an ID in Pawl's user table or, where nobody has it, a login. Text, or a whole number.",
		},
		Field{
			Key: "legacy_refresh_claim", value: textValue{&c.LegacyRefreshClaim}, Zero: "Empty: none is asked for.",
			Doc: "A claim that the old system's refresh tokens have and its access tokens have not, such as `type=refresh`. Without it, and without `legacy_redis`, an old access token counts as a refresh token.",
		},
		Field{
			Key: "legacy_cookie", value: textValue{&c.LegacyCookie}, Default: "refreshToken", Zero: "Empty: old tokens are taken from the body only.",
			Doc: "The cookie in which the old system keeps its refresh token. It is looked at where a browser has none of Pawl's, and cleared when its session has moved in.",
		},
		Field{
			Key: "legacy_cookie_path", value: textValue{&c.LegacyCookiePath}, Default: "/",
			Doc: "The `Path` with which the old system set its cookie, so that it can be cleared.",
		},
		Field{
			Key: "legacy_redis", value: secretValue{&c.LegacyRedis}, Secret: true, Zero: "Empty: the token alone counts.",
			Doc: "The URL of the Redis in which the old system keeps its valid refresh tokens: `redis://:password@127.0.0.1:6379/0`, `rediss://…` by TLS, `?addr=HOST:PORT` for further nodes of a Cluster, `?master_set=NAME` behind Sentinels. An old token then moves in only if it is the one that is kept there. Pawl reads it by GET and never writes.",
		},
		Field{
			Key: "legacy_redis_key", value: textValue{&c.LegacyRedisKey}, Default: defaultRedisKey,
			Doc: "The key in that Redis, with `{user}` for what the user's claim says. What it holds is the token as text or as a JSON string.",
		},
	)
}

// MovesIn reports whether sessions of an old system move in.
func (c *Config) MovesIn() bool { return c.LegacySecret != "" || c.LegacyJWKS != "" }

// LegacyKey is the old system's secret in bytes; none where it has a JWKS.
func (c *Config) LegacyKey() ([]byte, error) {
	text := c.LegacySecret.Reveal()
	if c.LegacySecretEncoding != secretInBase64 {
		return []byte(text), nil
	}
	text = strings.TrimRight(text, "=")
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if b, err := enc.DecodeString(text); err == nil {
			return b, nil
		}
	}
	return nil, errors.New("is not base64; with legacy_secret_encoding: text it is taken as it stands")
}

func (c *Config) checkLegacy(bad complain) {
	if !c.MovesIn() {
		for _, f := range legacyFields(c) {
			if f.value.text() != f.Default {
				bad(f.Key, "…", "has no effect without legacy_secret or legacy_jwks; set one of them, or remove it")
			}
		}
		return
	}
	if c.LegacySecret != "" && c.LegacyJWKS != "" {
		bad("legacy_jwks", c.LegacyJWKS, "and legacy_secret are both set; keep the one that the old system signs with")
	}
	if c.LegacySecret != "" {
		if key, err := c.LegacyKey(); err != nil {
			bad("legacy_secret", c.LegacySecret, "%v", err)
		} else if len(key) < legacy.MinSecret {
			bad("legacy_secret", c.LegacySecret, "has %d bytes, and %d are the least: a shorter one can be found by trial from any one token. Change the old system's secret, wait until nobody has a token of the old one, and then move in", len(key), legacy.MinSecret)
		}
	}
	if c.LegacyUntil.IsZero() {
		bad("legacy_until", "", "is missing: the day from which old tokens are refused, such as 2027-01-31")
	}
	c.checkLegacyPlaces(bad)
}

func (c *Config) checkLegacyPlaces(bad complain) {
	if err := legacy.CheckJWKS(c.LegacyJWKS); err != nil {
		shown := c.LegacyJWKS
		if strings.Contains(shown, "@") { // a password, perhaps
			shown = "…"
		}
		bad("legacy_jwks", shown, "%v", err)
	}
	if name, value, _ := strings.Cut(c.LegacyRefreshClaim, "="); c.LegacyRefreshClaim != "" && (name == "" || value == "") {
		bad("legacy_refresh_claim", c.LegacyRefreshClaim, "must be a claim and its value, such as type=refresh")
	}
	if cookie := (&http.Cookie{Name: c.LegacyCookie, Path: c.LegacyCookiePath}); c.LegacyCookie != "" && cookie.Valid() != nil {
		bad("legacy_cookie", c.LegacyCookie, "with legacy_cookie_path %q cannot be a cookie", c.LegacyCookiePath)
	}
	switch {
	case c.LegacyRedis == "" && c.LegacyRedisKey != defaultRedisKey:
		bad("legacy_redis_key", c.LegacyRedisKey, "has no effect without legacy_redis; set that, or remove it")
	case c.LegacyRedis == "":
		return
	}
	if err := legacy.CheckRedis(c.LegacyRedis.Reveal()); err != nil {
		bad("legacy_redis", c.LegacyRedis, "%v", err)
	}
	if err := legacy.CheckRedisKey(c.LegacyRedisKey); err != nil {
		bad("legacy_redis_key", c.LegacyRedisKey, "%v", err)
	}
}
