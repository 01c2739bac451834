package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRefreshToken(t *testing.T) {
	k := keyOf(t, HS256)
	t.Run("claims, in order, and nothing else", func(t *testing.T) {
		info, err := Inspect(signRefresh(t, k, refresh()))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := string(info.Header), headerOf(k, "rt+jwt"); got != want {
			t.Errorf("header %s, want %s", got, want)
		}
		const want = `{"iss":"https://id.example.com","sub":"u-1","sec":"AQAAAAAAAAAAAAAAAAAAAA","gen":7,` +
			`"iat":1800000000,"exp":1800003600,"end":1800086400,"auth_time":1800000000}`
		if got := string(info.Claims); got != want {
			t.Errorf("claims\n%s, want\n%s", got, want)
		}
	})
	t.Run("what was signed comes back, however old", func(t *testing.T) {
		r := refresh()
		r.Expires, r.End = time.Unix(1, 0).UTC(), time.Unix(2, 0).UTC()
		got, err := refresher.Verify(setOf(t, k), signRefresh(t, k, r))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("the same claims give the same bytes", func(t *testing.T) {
		r := refresh()
		r.Issued = r.Issued.Add(300 * time.Millisecond).In(time.FixedZone("elsewhere", 3600))
		if signRefresh(t, k, refresh()) != signRefresh(t, k, r) {
			t.Error("bytes differ")
		}
	})
	t.Run("another issuer", func(t *testing.T) {
		_, err := (&RefreshVerifier{Issuer: "x"}).Verify(setOf(t, k), signRefresh(t, k, refresh()))
		if !errors.Is(err, errIssuer) {
			t.Error(err)
		}
	})
	t.Run("no issuer configured", func(t *testing.T) {
		_, err := new(RefreshVerifier).Verify(setOf(t, k), signRefresh(t, k, refresh()))
		if !errors.Is(err, errVerifier) {
			t.Error(err)
		}
	})
	for _, alg := range []string{RS256, ES256, Ed25519} {
		t.Run("SECURITY 15: signed with HS256 only, not "+alg, func(t *testing.T) {
			if _, err := setOf(t, keyOf(t, alg)).SignRefresh(refresh()); err == nil {
				t.Error("signed")
			}
		})
	}
	for name, spoil := range map[string]func(*Refresh){
		"no issuer":           func(r *Refresh) { r.Issuer = "" },
		"no subject":          func(r *Refresh) { r.Subject = "" },
		"no end":              func(r *Refresh) { r.End = time.Time{} },
		"a generation > 2^53": func(r *Refresh) { r.Generation = 1 << 53 },
		"too long":            func(r *Refresh) { r.Subject = strings.Repeat("u", maxRefresh) },
	} {
		t.Run("refused at signing: "+name, func(t *testing.T) {
			r := refresh()
			spoil(&r)
			if compact, err := setOf(t, k).SignRefresh(r); err == nil {
				t.Errorf("signed %s", compact)
			}
		})
	}
}

func TestSecrets(t *testing.T) {
	t.Run("SECURITY 45: 128 random bits", func(t *testing.T) {
		seen := map[string]bool{}
		for range 1000 {
			id, secret := NewID(), NewSecret()
			if len(id) != 22 || seen[id] || seen[string(secret[:])] {
				t.Fatal("an id repeats or is short")
			}
			seen[id], seen[string(secret[:])] = true, true
		}
	})
	t.Run("the session id is the first half of SHA-256(secret)", func(t *testing.T) {
		// printf '\0%.0s' {1..16} | sha256sum → 374708fff7719dd5979ec875d56cd228…
		if got := SessionID([16]byte{}); got != "N0cI__dxndWXnsh11WzSKA" {
			t.Error(got)
		}
	})
	t.Run("claims print without their secret", func(t *testing.T) {
		r := refresh()
		r.Secret = [16]byte([]byte("topsecrettopsecr"))
		j, err := json.Marshal(r)
		if err == nil {
			t.Error("marshalled to JSON")
		}
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "r", r)
		all := log.String() + string(j)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			all += fmt.Sprintf(verb, r) + fmt.Sprintf(verb, &r) + fmt.Sprintf(verb, []Refresh{r})
		}
		for _, leak := range []string{"topsecret", "746f70", "116 111", b64.EncodeToString(r.Secret[:])} {
			if strings.Contains(all, leak) {
				t.Errorf("%q shows in %s", leak, all)
			}
		}
	})
}
