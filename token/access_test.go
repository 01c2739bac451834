package token

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAccessToken(t *testing.T) {
	for _, alg := range algorithms {
		t.Run("SECURITY 1: an access token is an RFC 9068 JWT, "+alg, func(t *testing.T) {
			k := keyOf(t, alg)
			info, err := Inspect(signAccess(t, k, access()))
			if err != nil {
				t.Fatal(err)
			}
			if got, want := string(info.Header), headerOf(k, "at+jwt"); got != want {
				t.Errorf("header %s, want %s", got, want)
			}
			const want = `{"iss":"https://id.example.com","sub":"u-1","aud":["https://api.example.com"],` +
				`"exp":1800001800,"iat":1800000000,"jti":"id-1","client_id":"web","sid":"` +
				`@","auth_time":1800000000,"roles":["admin","user"]}`
			if got, want := string(info.Claims), strings.Replace(want, "@", SessionID([16]byte{1}), 1); got != want {
				t.Errorf("claims\n%s, want\n%s", got, want)
			}
		})
		t.Run("what was signed comes back, "+alg, func(t *testing.T) {
			a := access()
			a.NotBefore = epoch
			a.Extra = map[string]any{"tenant": "t\"1\n\u2028", "n": 3.5, "deep": map[string]any{"list": []any{nil, true}}}
			got, err := verifier.Verify(setOf(t, nil, keyOf(t, alg)), signAccess(t, keyOf(t, alg), a), epoch)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(a, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("times are floored to seconds", func(t *testing.T) {
		a := access()
		a.Issued, a.Expires, a.AuthTime = epoch.Add(999*time.Millisecond), epoch.Add(1999*time.Millisecond), epoch.Add(1)
		got, err := verifier.Verify(setOf(t, keyOf(t, HS256)), signAccess(t, keyOf(t, HS256), a), epoch)
		if err != nil || !got.Issued.Equal(epoch) || !got.Expires.Equal(epoch.Add(time.Second)) || !got.AuthTime.Equal(epoch) {
			t.Error(got, err)
		}
	})
}

func TestAccessTime(t *testing.T) {
	exp := epoch.Add(30 * time.Minute)
	for _, c := range []struct {
		name      string
		leeway    time.Duration
		notBefore time.Time
		now       time.Time
		want      error
	}{
		{"fresh", 0, time.Time{}, epoch, nil},
		{"issued by a clock ahead of ours", 0, time.Time{}, epoch.Add(-time.Hour), nil},
		{"last moment", 0, time.Time{}, exp.Add(-1), nil},
		{"SECURITY 11: now = exp", 0, time.Time{}, exp, ErrExpired},
		{"SECURITY 11: now = exp, leeway a minute", time.Minute, time.Time{}, exp, nil},
		{"SECURITY 11: now = exp + leeway", time.Minute, time.Time{}, exp.Add(time.Minute), ErrExpired},
		{"SECURITY 11: leeway counts as 60 s at most", time.Hour, time.Time{}, exp.Add(time.Minute), ErrExpired},
		{"SECURITY 11: a negative leeway is none", -time.Hour, time.Time{}, exp.Add(-1), nil},
		{"SECURITY 11: before nbf", 0, epoch, epoch.Add(-1), errNotYet},
		{"SECURITY 11: at nbf", 0, epoch, epoch, nil},
		{"SECURITY 11: before nbf within leeway", time.Minute, epoch, epoch.Add(-time.Minute), nil},
		{"SECURITY 11: before nbf beyond leeway", time.Minute, epoch, epoch.Add(-time.Minute - 1), errNotYet},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := access()
			a.NotBefore = c.notBefore
			v := &AccessVerifier{Issuer: issuer, Audience: []string{audience}, Leeway: c.leeway}
			_, err := v.Verify(setOf(t, keyOf(t, HS256)), signAccess(t, keyOf(t, HS256), a), c.now)
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if errors.Is(err, ErrExpired) && errors.Is(err, ErrInvalid) {
				t.Error("expiry matches ErrInvalid too")
			}
		})
	}
}

func TestAccessExpectations(t *testing.T) {
	for _, c := range []struct {
		name     string
		verifier AccessVerifier
		audience []string
		want     error
	}{
		{"one of several audiences on both sides", AccessVerifier{Issuer: issuer, Audience: []string{"x", audience}}, []string{"y", audience}, nil},
		{"SECURITY 10: another audience", AccessVerifier{Issuer: issuer, Audience: []string{"x"}}, []string{audience}, errAudience},
		{"SECURITY 10: audience differs in case", AccessVerifier{Issuer: issuer, Audience: []string{strings.ToUpper(audience)}}, []string{audience}, errAudience},
		{"SECURITY 10: audience is a prefix", AccessVerifier{Issuer: issuer, Audience: []string{audience + "/"}}, []string{audience}, errAudience},
		{"SECURITY 10: no audience configured", AccessVerifier{Issuer: issuer}, []string{audience}, errVerifier},
		{"SECURITY 10: only an empty audience configured", AccessVerifier{Issuer: issuer, Audience: []string{""}}, []string{audience}, errAudience},
		{"SECURITY 10: no issuer configured", AccessVerifier{Audience: []string{audience}}, []string{audience}, errVerifier},
		{"SECURITY 10: another issuer", AccessVerifier{Issuer: issuer + "/", Audience: []string{audience}}, []string{audience}, errIssuer},
		{"SECURITY 10: issuer differs in case", AccessVerifier{Issuer: "https://ID.example.com", Audience: []string{audience}}, []string{audience}, errIssuer},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := access()
			a.Audience = c.audience
			_, err := c.verifier.Verify(setOf(t, keyOf(t, HS256)), signAccess(t, keyOf(t, HS256), a), epoch)
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			// An expired token of another issuer or audience is not "expired".
			_, err = c.verifier.Verify(setOf(t, keyOf(t, HS256)), signAccess(t, keyOf(t, HS256), a), epoch.Add(time.Hour))
			if c.want != nil && errors.Is(err, ErrExpired) {
				t.Errorf("ErrExpired for a token that is wrong besides")
			}
		})
	}
}

func TestSignAccessRefuses(t *testing.T) {
	for name, spoil := range map[string]func(*Access){
		"no issuer":          func(a *Access) { a.Issuer = "" },
		"no subject":         func(a *Access) { a.Subject = "" },
		"no client":          func(a *Access) { a.ClientID = "" },
		"no session":         func(a *Access) { a.SessionID = "" },
		"no id":              func(a *Access) { a.ID = "" },
		"no audience":        func(a *Access) { a.Audience = nil },
		"an empty audience":  func(a *Access) { a.Audience = []string{"a", ""} },
		"an empty role":      func(a *Access) { a.Roles = []string{""} },
		"no expiry":          func(a *Access) { a.Expires = time.Time{} },
		"no issue time":      func(a *Access) { a.Issued = time.Time{} },
		"no auth_time":       func(a *Access) { a.AuthTime = time.Time{} },
		"a time before 1970": func(a *Access) { a.Issued = time.Unix(-1, 0) },
		"the year 10000":     func(a *Access) { a.Expires = time.Unix(maxTime+1, 0) },
		"bad UTF-8":          func(a *Access) { a.Subject = "\xff" },
		"too long":           func(a *Access) { a.Roles = []string{strings.Repeat("r", maxAccess)} },

		"SECURITY 8: a registered claim in Extra":          func(a *Access) { a.Extra = map[string]any{"roles": "admin"} },
		"SECURITY 8: a registered claim in another case":   func(a *Access) { a.Extra = map[string]any{"Roles": "admin"} },
		"SECURITY 8: … in Unicode's other case":            func(a *Access) { a.Extra = map[string]any{"i\u017f\u017f": "x"} },
		"SECURITY 8: Extra names that differ only in case": func(a *Access) { a.Extra = map[string]any{"a": 1, "A": 2} },
		"SECURITY 8: … at any depth":                       func(a *Access) { a.Extra = map[string]any{"x": []any{map[string]any{"a": 1, "A": 2}}} },
		"SECURITY 8: bad UTF-8 in Extra":                   func(a *Access) { a.Extra = map[string]any{"x": []any{"\xff"}} },
		"an integer beyond a double":                       func(a *Access) { a.Extra = map[string]any{"x": uint64(1<<53 + 1)} },
		"an integer beyond a double, as json.Number":       func(a *Access) { a.Extra = map[string]any{"x": json.Number("9007199254740993")} },
		"not a number": func(a *Access) { a.Extra = map[string]any{"x": math.NaN()} },
		"a channel":    func(a *Access) { a.Extra = map[string]any{"x": make(chan int)} },
		"SECURITY 9: too deep": func(a *Access) {
			var v any
			for range maxDepth {
				v = []any{v}
			}
			a.Extra = map[string]any{"x": v}
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := access()
			spoil(&a)
			if compact, err := setOf(t, keyOf(t, HS256)).SignAccess(a); err == nil {
				t.Errorf("signed: %s", compact)
			}
		})
	}
	t.Run("a set that only verifies", func(t *testing.T) {
		if _, err := setOf(t, nil, keyOf(t, HS256)).SignAccess(access()); err == nil {
			t.Error("signed")
		}
	})
}
