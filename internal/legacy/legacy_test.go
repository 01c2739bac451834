package legacy_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/legacy"
	"github.com/pawlauth/pawl/internal/legacy/legacytest"
)

// What an old system of article B's kind makes, signed by Python's
// hmac module: jjwt's header, sub, iat, exp, nothing else.
const (
	fixture       = "eyJhbGciOiJIUzUxMiJ9.eyJzdWIiOiJ1c2VyMDEiLCJpYXQiOjE3NjcyMjU2MDAsImV4cCI6MTc2ODQzNTIwMH0.46Me9pfM4wDsfUxI36LR0tihdMZdsg4f_vGG9RgoExeF62N9vi3jjyu_kcDMYpG7GmFuAyKtgIuE4Pg6XXtyzg"
	fixtureSecret = "pawl-fixture-secret-of-an-old-system-0123456789-0123456789-abcdef"
)

var (
	issued  = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	expires = issued.Add(14 * 24 * time.Hour)
	secret  = []byte(fixtureSecret)
	payload = legacytest.Claims("user01", issued, expires)
)

func verifier(t testing.TB, o legacy.Options) *legacy.Verifier {
	t.Helper()
	if o.Secret == nil && o.JWKS == "" {
		o.Secret = secret
	}
	if o.Now == nil {
		o.Now = func() time.Time { return issued.Add(time.Hour) }
	}
	v, err := legacy.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

func TestATokenAsArticleBMakesIt(t *testing.T) {
	got, err := verifier(t, legacy.Options{}).Verify(t.Context(), fixture)
	if err != nil {
		t.Fatal(err)
	}
	if got.User != "user01" || !got.Issued.Equal(issued) || !got.Expires.Equal(expires) || !got.AuthTime.IsZero() {
		t.Errorf("%+v", got)
	}
	if fixture != legacytest.Sign(legacytest.HeaderHS512, payload, secret) {
		t.Error("package legacytest does not make the same token")
	}
	if got.Secret == [16]byte{} {
		t.Error("no secret")
	}
}

func TestWhatIsAnOldToken(t *testing.T) {
	hs256 := func(claims string) string { return legacytest.Sign(legacytest.HeaderHS256, claims, secret) }
	for _, c := range []struct {
		name   string
		o      legacy.Options
		claims string
		user   string // "": refused
	}{
		{"as it is", legacy.Options{}, payload, "user01"},
		{"expired: that is not judged here", legacy.Options{}, `{"sub":"u","iat":1,"exp":2}`, "u"},
		{"without iat", legacy.Options{}, `{"sub":"u","exp":2}`, "u"},
		{"without exp", legacy.Options{}, `{"sub":"u","iat":1}`, ""},
		{"exp that is no time", legacy.Options{}, `{"sub":"u","exp":"2026"}`, ""},
		{"exp after the year 9999", legacy.Options{}, `{"sub":"u","exp":1e15}`, ""},
		{"not valid yet", legacy.Options{}, `{"sub":"u","exp":1999999999,"nbf":1999999998}`, ""},
		{"without a user", legacy.Options{}, `{"exp":2}`, ""},
		{"an empty user", legacy.Options{}, `{"sub":"","exp":2}`, ""},
		{"a user of another kind", legacy.Options{}, `{"sub":["u"],"exp":2}`, ""},
		{"a user too long", legacy.Options{}, `{"sub":"` + strings.Repeat("u", 257) + `","exp":2}`, ""},
		{"another claim for the user", legacy.Options{UserClaim: "userId"}, `{"sub":"x","userId":"u","exp":2}`, "u"},
		{"users that are numbers", legacy.Options{UserClaim: "userId"}, `{"userId":42,"exp":2}`, "42"},
		{"a fraction of a user", legacy.Options{UserClaim: "userId"}, `{"userId":4.2,"exp":2}`, ""},
		{"the right issuer", legacy.Options{Issuer: "old"}, `{"sub":"u","exp":2,"iss":"old"}`, "u"},
		{"another issuer", legacy.Options{Issuer: "old"}, `{"sub":"u","exp":2,"iss":"older"}`, ""},
		{"no issuer", legacy.Options{Issuer: "old"}, `{"sub":"u","exp":2}`, ""},
		{"the right audience", legacy.Options{Audience: "shop"}, `{"sub":"u","exp":2,"aud":"shop"}`, "u"},
		{"among others", legacy.Options{Audience: "shop"}, `{"sub":"u","exp":2,"aud":["a","shop"]}`, "u"},
		{"another audience", legacy.Options{Audience: "shop"}, `{"sub":"u","exp":2,"aud":["a"]}`, ""},
		{"the claim of refresh tokens", legacy.Options{RefreshClaim: "type=refresh"}, `{"sub":"u","exp":2,"type":"refresh"}`, "u"},
		{"an access token", legacy.Options{RefreshClaim: "type=refresh"}, `{"sub":"u","exp":2,"type":"access"}`, ""},
		{"SECURITY 8: a duplicate member", legacy.Options{}, `{"sub":"u","exp":2,"sub":"v"}`, ""},
		{"SECURITY 8: a case-variant member", legacy.Options{}, `{"sub":"u","exp":2,"Sub":"v"}`, ""},
		{"SECURITY 8: trailing data", legacy.Options{}, `{"sub":"u","exp":2} {}`, ""},
		{"SECURITY 9: too large", legacy.Options{}, `{"sub":"u","exp":2,"x":"` + strings.Repeat("x", 8<<10) + `"}`, ""},
		{"SECURITY 11: moving in is over", legacy.Options{Until: issued.Add(time.Hour)}, payload, ""},
		{"a moment before", legacy.Options{Until: issued.Add(time.Hour + time.Second)}, payload, "user01"},
	} {
		got, err := verifier(t, c.o).Verify(t.Context(), hs256(c.claims))
		if got.User != c.user || (c.user == "") != errors.Is(err, pawl.ErrNotLegacy) {
			t.Errorf("%s: %q, %v", c.name, got.User, err)
		}
		if err != nil && (strings.Contains(err.Error(), fixtureSecret) || strings.Contains(err.Error(), "user01")) {
			t.Errorf("SECURITY 56: %s: %v", c.name, err)
		}
	}
}

func TestForgeriesAreRefused(t *testing.T) {
	v := verifier(t, legacy.Options{})
	good := legacytest.Sign(legacytest.HeaderHS256, payload, secret)
	parts := strings.Split(good, ".")
	sign := func(header string) string { return legacytest.Sign(header, payload, secret) }
	for name, compact := range map[string]string{
		"SECURITY 3: none":                   legacytest.Encode(`{"alg":"none"}`) + "." + parts[1] + ".",
		"SECURITY 3: none, signed":           sign(`{"alg":"none"}`),
		"SECURITY 3: another case":           sign(`{"alg":"hs256"}`),
		"SECURITY 3: no algorithm":           sign(`{"typ":"JWT"}`),
		"SECURITY 3: not the one that it is": sign(`{"alg":"HS384"}`),
		"SECURITY 3: RS256":                  sign(`{"alg":"RS256"}`),
		"SECURITY 2: typ of our access":      sign(`{"alg":"HS256","typ":"at+jwt"}`),
		"SECURITY 2: typ of our refresh":     sign(`{"alg":"HS256","typ":"RT+JWT"}`),
		"SECURITY 2: typ in full":            sign(`{"alg":"HS256","typ":"application/at+jwt"}`),
		"SECURITY 5: a key in the header":    sign(`{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}`),
		"SECURITY 5: its address":            sign(`{"alg":"HS256","jku":"https://evil.example"}`),
		"SECURITY 6: crit":                   sign(`{"alg":"HS256","crit":["exp"],"exp":1}`),
		"SECURITY 6: zip":                    sign(`{"alg":"HS256","zip":"DEF"}`),
		"SECURITY 8: two algorithms":         sign(`{"alg":"HS256","alg":"none"}`),
		"another secret":                     legacytest.Sign(legacytest.HeaderHS256, payload, []byte(strings.Repeat("x", 64))),
		"other claims":                       parts[0] + "." + legacytest.Encode(`{"sub":"admin","exp":1999999999}`) + "." + parts[2],
		"no signature":                       parts[0] + "." + parts[1] + ".",
		"half a signature":                   good[:len(good)-22],
		"SECURITY 7: padding":                good + "=",
		"SECURITY 7: a line break":           good[:len(good)-1] + "\n" + good[len(good)-1:],
		"SECURITY 7: another spelling":       respelt(good),
		"SECURITY 7: four segments":          good + ".x",
		"SECURITY 9: dots":                   strings.Repeat(".", 8000),
		"nothing":                            "",
	} {
		if got, err := v.Verify(t.Context(), compact); !errors.Is(err, pawl.ErrNotLegacy) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// respelt changes the bits of the last character that no byte has.
func respelt(compact string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, compact[len(compact)-1])
	return compact[:len(compact)-1] + alphabet[last^1:last^1+1]
}

func TestEachTokenHasASecretOfItsOwn(t *testing.T) {
	v := verifier(t, legacy.Options{})
	seen := map[[16]byte]string{}
	for _, compact := range []string{
		fixture,
		legacytest.Sign(legacytest.HeaderHS256, payload, secret),
		legacytest.Sign(legacytest.HeaderHS512, legacytest.Claims("user01", issued.Add(time.Second), expires), secret),
		legacytest.Sign(legacytest.HeaderHS512, legacytest.Claims("user02", issued, expires), secret),
	} {
		for range 2 {
			got, err := v.Verify(t.Context(), compact)
			if err != nil {
				t.Fatal(err)
			}
			if other, ok := seen[got.Secret]; ok && other != compact {
				t.Errorf("%s and %s are one session", other, compact)
			}
			seen[got.Secret] = compact
		}
	}
	if len(seen) != 4 {
		t.Errorf("%d secrets of 4 tokens", len(seen))
	}
}

func TestOptionsThatCannotBeUsed(t *testing.T) {
	for _, c := range []struct {
		o    legacy.Options
		want string
	}{
		{legacy.Options{}, "either a secret or a JWKS"},
		{legacy.Options{Secret: secret, JWKS: "x"}, "either a secret or a JWKS"},
		{legacy.Options{Secret: []byte("secret")}, "the secret has 6 bytes; 32 are the least"},
		{legacy.Options{JWKS: "/nonexistent/jwks.json"}, "no such file"},
		{legacy.Options{JWKS: "http://old.example/jwks.json"}, "must come by https://"},
		{legacy.Options{JWKS: "ftp://old.example/jwks.json"}, "must come by https://"},
		{legacy.Options{Secret: secret, RefreshClaim: "type"}, "name=value"},
		{legacy.Options{Secret: secret, Redis: "http://:pw@h", RedisKey: "{user}"}, "must be a URL such as redis://"},
		{legacy.Options{Secret: secret, Redis: "redis://h", RedisKey: "REFRESH_TOKEN:"}, "must name the user once"},
	} {
		_, err := legacy.New(c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "pw") {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
	}
}
