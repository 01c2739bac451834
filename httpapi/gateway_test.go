package httpapi_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/httpapi"
)

// nextSecret takes the place of gatewaySecret.
const nextSecret = "kT7mXw2RfQz9sLb4NdGy6VjC1hPu8aEo"

// SECURITY 31: what a script of the origin can send to /api/verify gets it
// nothing of the refresh cookie that came along, which is HttpOnly.
func TestOnlyAGatewayThatProvesItselfActsWithCookies(t *testing.T) {
	for _, mode := range []struct {
		name string
		opt  func(*httpapi.Options)
	}{
		{"with verify_reissue", func(o *httpapi.Options) { o.VerifyReissue, o.GatewaySecrets = true, []string{gatewaySecret} }},
		{"with a secret only", func(o *httpapi.Options) { o.GatewaySecrets = []string{gatewaySecret} }},
		{"with neither", func(*httpapi.Options) {}},
	} {
		t.Run(mode.name, func(t *testing.T) {
			s := start(t, withAPI(mode.opt))
			_, tokens := s.anna()
			s.Advance(time.Hour)
			fresh := s.SignIn("id-anna")
			jar := cookie(tokens.RefreshToken)
			both := "Cookie: " + api.CookieName + "=" + fresh.RefreshToken + "; " + api.AccessCookieName + "=" + fresh.AccessToken
			for _, c := range []struct {
				name    string
				headers []string
				status  int
				code    string
			}{
				{"the attack", []string{jar, own, asGet}, 401, "access_denied"},
				{"with an access cookie beside it", []string{both, own, asGet}, 401, "access_denied"},
				{"with an expired token beside it", []string{jar, own, asGet, bearer(tokens.AccessToken)}, 401, "token_expired"},
				{"with a good token beside it", []string{jar, own, asGet, bearer(fresh.AccessToken)}, 204, ""},
				{"as a proxy that is trusted would", []string{jar, own, asGet, "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: https", "Forwarded: for=127.0.0.1", "X-Real-IP: 127.0.0.1"}, 401, "access_denied"},
				{"with the method in other headers", []string{jar, own, "X-HTTP-Method-Override: GET", "X-Original-Method: GET"}, 401, "access_denied"},
				{"an empty proof", []string{jar, own, asGet, "Pawl-Gateway: "}, 401, "access_denied"},
				{"a guess", []string{jar, own, asGet, "Pawl-Gateway: 1"}, 403, "access_denied"},
				{"all but the last character", []string{jar, own, asGet, strings.TrimSuffix(proof, "e")}, 403, "access_denied"},
				{"another case", []string{jar, own, asGet, strings.ToLower(proof)}, 403, "access_denied"},
				{"a guess beside a good token", []string{jar, own, asGet, "Pawl-Gateway: 1", bearer(fresh.AccessToken)}, 403, "access_denied"},
				{"twice", []string{jar, own, asGet, "Pawl-Gateway: 1", "Pawl-Gateway: 2"}, 403, "access_denied"},
				{"beside the right one", []string{jar, own, asGet, proof, "Pawl-Gateway: 1"}, 403, "access_denied"},
				{"an underscore is no dash", []string{jar, own, asGet, "Pawl_Gateway: " + gatewaySecret}, 401, "access_denied"},
			} {
				a := s.verifyAs(c.headers...)
				if a.status != c.status || a.header.Get("Pawl-Code") != c.code {
					t.Errorf("%s: %d %q", c.name, a.status, a.header.Get("Pawl-Code"))
				}
				for _, name := range []string{"Set-Cookie", "Pawl-Refresh-Cookie", "Pawl-Access-Cookie", "Authorization"} {
					if v := a.header.Values(name); v != nil {
						t.Errorf("SECURITY 31: %s: %s: %s", c.name, name, v)
					}
				}
				if c.status == 403 && a.header.Get("Pawl-Subject") != "" {
					t.Errorf("%s: a refusal says who it is", c.name)
				}
			}
		})
	}
}

func TestASecretTakesThePlaceOfAnother(t *testing.T) {
	for _, c := range []struct {
		name    string
		secrets []string
		good    map[string]bool
	}{
		{"before", []string{gatewaySecret}, map[string]bool{gatewaySecret: true, nextSecret: false}},
		{"meanwhile", []string{nextSecret, gatewaySecret}, map[string]bool{gatewaySecret: true, nextSecret: true}},
		{"after", []string{nextSecret}, map[string]bool{gatewaySecret: false, nextSecret: true}},
	} {
		s := start(t, withAPI(func(o *httpapi.Options) { o.VerifyReissue, o.GatewaySecrets = true, c.secrets }))
		_, tokens := s.anna()
		for secret, good := range c.good {
			a := s.verifyAs(cookie(tokens.RefreshToken), asGet, "Pawl-Gateway: "+secret)
			if good != (a.status == http.StatusNoContent) {
				t.Errorf("%s: %d", c.name, a.status)
			}
		}
	}
}

// An operator who mistyped the secret finds it in the log, and no secret with it
// (SECURITY 56); a script that tries some fills no log.
func TestAWrongSecretIsLoggedWithoutIt(t *testing.T) {
	var said bytes.Buffer
	s := start(t, reissues, withAPI(func(o *httpapi.Options) { o.Log = slog.New(slog.NewTextHandler(&said, nil)) }))
	_, tokens := s.anna()
	count := func() int { return strings.Count(said.String(), "a gateway's secret is wrong") }
	for range 5 {
		s.verifyAs(cookie(tokens.RefreshToken), asGet, "Pawl-Gateway: "+nextSecret)
	}
	if count() != 1 {
		t.Errorf("said %d times:\n%s", count(), &said)
	}
	s.Advance(time.Minute)
	s.verifyAs("Pawl-Gateway: " + nextSecret)
	if count() != 2 {
		t.Errorf("said %d times after a minute", count())
	}
	for _, secret := range []string{nextSecret, gatewaySecret, tokens.RefreshToken} {
		if strings.Contains(said.String(), secret) {
			t.Errorf("SECURITY 56: the log holds a secret:\n%s", &said)
		}
	}
}

func TestSecretsThatAreNone(t *testing.T) {
	svc := start(t).Service
	for _, c := range []struct {
		name    string
		secrets []string
		want    string
	}{
		{"none", nil, "VerifyReissue needs GatewaySecrets"},
		{"empty", []string{""}, "GatewaySecrets[0] has 0 characters"},
		{"short", []string{gatewaySecret[1:]}, "has 31 characters"},
		{"typed", []string{strings.Repeat("secret", 6)}, "5 different ones"},
		{"the second", []string{gatewaySecret, "x"}, "GatewaySecrets[1] has 1 characters"},
		{"a line of words", []string{"put the secret of this gateway here, please"}, "cannot send unchanged"},
		{"a new line", []string{gatewaySecret + "\n"}, "cannot send unchanged"},
		{"a quote", []string{gatewaySecret + "\""}, "cannot send unchanged"},
	} {
		_, err := httpapi.New(svc, httpapi.Options{VerifyReissue: true, GatewaySecrets: c.secrets})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), gatewaySecret[1:]) {
			t.Errorf("SECURITY 56: %s: the error quotes the secret: %v", c.name, err)
		}
	}
	for _, secrets := range [][]string{{gatewaySecret}, {gatewaySecret, nextSecret}, {strings.Repeat("0123456789abcdef", 4)}} {
		if _, err := httpapi.New(svc, httpapi.Options{VerifyReissue: true, GatewaySecrets: secrets}); err != nil {
			t.Error(err)
		}
	}
	if _, err := httpapi.New(svc, httpapi.Options{}); err != nil {
		t.Error(err)
	}
}
