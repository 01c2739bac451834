package token

import (
	"bytes"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// fuzzKey is the same in every process: fuzzing runs in several.
func fuzzKey(t testing.TB) *Key {
	t.Helper()
	secret := bytes.Repeat([]byte{0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69}, 2)
	k, err := ParseKey(HS256, secret)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// documents are seeds for everything that reads JSON.
var documents = []string{
	``, `{}`, `[]`, `null`, `"x"`, `1`, `{"a":1,"a":2}`, `{"a":1,"A":2}`, `{"\u0061":1,"a":2}`, "{\"\u212a\":1,\"k\":2}",
	`{"a":[1,2.5,-0,1e3,1E-3,"\ud83d\ude00"]}`, `{"a":{"b":{"c":[null,true,false]}}}`, `"\ud800"`, "\"\xff\"", `{"a":1}x`,
	`9007199254740993`, `1e400`, `01`, `[1,]`, `{"a":1,}`, "\ufeff{}", `{"a" : "\u2028\/\b"}`, `[[[[[[[[[]]]]]]]]]`,
}

// A token that is accepted has one spelling: encoding again what it decodes to
// gives the same bytes, and so there is no second token with its signature.
func FuzzAcceptedTokensAreCanonical(f *testing.F) {
	k := fuzzKey(f)
	set := setOf(f, k)
	good := signAccess(f, k, access())
	for _, s := range []string{good, good + "=", good + "\n", " " + good, strings.Replace(good, ".", "..", 1), signRefresh(f, k, refresh())} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, compact string) {
		if _, err := verifier.Verify(set, compact, epoch); err != nil {
			return
		}
		if compact != good {
			t.Errorf("a second spelling of a signed token: %q", compact)
		}
		for _, segment := range strings.Split(compact, ".") {
			b, err := b64.DecodeString(segment)
			if err != nil || b64.EncodeToString(b) != segment {
				t.Errorf("%q: %v", segment, err)
			}
		}
	})
}

// The decoder below it, where every accepted input counts.
func FuzzBase64HasOneSpelling(f *testing.F) {
	for _, s := range []string{"", "A", "AA", "AB", "AAA", "AAB", "AAAA", "AA==", "A\nAA", "-_-_", "+/+/", "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ours, err := decodeSegment(nil, s)
		theirs, theirErr := b64.Strict().DecodeString(s)
		if want := theirErr == nil && !strings.ContainsAny(s, "\r\n"); want != (err == nil) {
			t.Errorf("%q: %v, encoding/base64 %v", s, err, theirErr)
		}
		if err == nil && (!bytes.Equal(ours, theirs) || b64.EncodeToString(ours) != s) {
			t.Errorf("%q became %x", s, ours)
		}
	})
}

func FuzzVerifyNeverPanicsAndBoundsMemory(f *testing.F) {
	k := fuzzKey(f)
	set := setOf(f, k)
	good := signAccess(f, k, access())
	f.Add(good)
	f.Add(signRefresh(f, k, refresh()))
	f.Add(strings.Repeat(".", 100))
	f.Add(strings.Repeat("e30.", 3))
	for _, d := range documents {
		f.Add(b64.EncodeToString([]byte(d)) + good[strings.IndexByte(good, '.'):])
	}
	f.Fuzz(func(t *testing.T, compact string) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, accessErr := verifier.Verify(set, compact, epoch)
		_, refreshErr := refresher.Verify(set, compact)
		_, inspectErr := Inspect(compact)
		runtime.ReadMemStats(&after)
		for _, err := range []error{accessErr, refreshErr, inspectErr} {
			if err != nil && errors.Is(err, ErrInvalid) == errors.Is(err, ErrExpired) {
				t.Errorf("neither invalid nor expired, or both: %v", err)
			}
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
			t.Errorf("%d bytes for a token of %d", used, len(compact))
		}
	})
}

// Whatever claims we accept, two other libraries accept with the same meaning.
func FuzzWhatWeAcceptOthersReadAlike(f *testing.F) {
	k := fuzzKey(f)
	set := setOf(f, k)
	head, claims := headerOf(k, "at+jwt"), accessPayload(f)
	f.Add(head, claims)
	f.Add(`{"typ":"at+jwt","alg":"HS256","kid":"\u`+"00"+`61"}`, claims)
	for _, m := range documents {
		f.Add(head, strings.TrimSuffix(claims, "}")+`,"x":`+m+`}`)
		f.Add(strings.TrimSuffix(head, "}")+`,"x":`+m+`}`, claims)
	}
	for _, m := range []string{`"nbf":1`, `"SUB":"x"`, `"sub":"x"`, `"roles":[]`, `"x":{"a":1,"A":2}`, `"x":9007199254740991`} {
		f.Add(head, strings.TrimSuffix(claims, "}")+`,`+m+`}`)
	}
	f.Add(head, strings.Replace(claims, `["https://api.example.com"]`, `"https://api.example.com"`, 1))
	f.Fuzz(func(t *testing.T, header, payload string) {
		compact := forge(t, k, header, payload)
		ours, err := verifier.Verify(set, compact, epoch)
		if err != nil {
			return
		}
		for name, read := range map[string]func(*Key, string, time.Time) (map[string]any, error){"golang-jwt": golangJWT, "go-jose": goJOSE} {
			theirs, err := read(k, compact, epoch)
			if err != nil {
				t.Fatalf("%s refuses %s %s: %v", name, header, payload, err)
			}
			if diff := sameClaims(ours, theirs); diff != "" {
				t.Errorf("%s reads %s otherwise: %s", name, payload, diff)
			}
		}
	})
}

func FuzzSignThenVerifyReturnsTheSameClaims(f *testing.F) {
	k := fuzzKey(f)
	set := setOf(f, k)
	f.Add("u-1", "web", "admin", "tenant", "t-1", 1.5, int64(1_800_000_000), uint64(7), []byte("0123456789abcdef"))
	f.Add("ü\"\\\n", "\x00", "\u2028", "i\u017fs", "<&>", math.Copysign(0, -1), int64(0), uint64(1<<53), []byte("x"))
	f.Add("\xff", "ROLES", "", "Roles", "\ud7ff", 1e300, int64(maxTime), uint64(0), []byte{})
	f.Fuzz(func(t *testing.T, sub, client, role, name, text string, number float64, seconds int64, generation uint64, secret []byte) {
		a := access()
		a.Subject, a.ClientID, a.Roles = sub, client, []string{role}
		a.Issued = time.Unix(seconds, 0).UTC()
		a.Extra = map[string]any{name: text, name + "2": []any{number, map[string]any{text: role}}}
		if compact, err := set.SignAccess(a); err == nil {
			got, err := verifier.Verify(set, compact, epoch)
			if err != nil {
				t.Fatalf("signed but refused: %v: %#v", err, a)
			}
			if diff := cmp.Diff(a, got); diff != "" {
				t.Error(diff)
			}
		} else if orderly(sub, client, role) && !isRegistered(name) && !isRegistered(name+"2") && orderly(name, text) &&
			max(number, -number) < maxSafeInt && 0 <= seconds && seconds <= maxTime && len(sub+client+role+name+text) < 500 {
			t.Errorf("not signed: %v: %#v", err, a)
		}

		r := refresh()
		r.Subject, r.Generation, r.Expires = sub, generation, time.Unix(seconds, 0).UTC()
		copy(r.Secret[:], secret)
		compact, err := set.SignRefresh(r)
		if err != nil {
			return
		}
		got, err := refresher.Verify(set, compact)
		if err != nil {
			t.Fatalf("signed but refused: %v", err)
		}
		if diff := cmp.Diff(r, got); diff != "" {
			t.Error(diff)
		}
		if again, _ := set.SignRefresh(got); again != compact {
			t.Errorf("not deterministic: %s, %s", compact, again)
		}
	})
}

// orderly strings are such as every claim may be.
func orderly(list ...string) bool {
	for _, s := range list {
		if s == "" || !utf8.ValidString(s) {
			return false
		}
	}
	return true
}

func FuzzStrictJSONRefusesWhatStandardReadersDisagreeOn(f *testing.F) {
	for _, d := range documents {
		f.Add(d)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		if len(doc) > maxAccess {
			return
		}
		agree(t, doc)
	})
}

func FuzzParseJWKSKeepsNothingPrivate(f *testing.F) {
	f.Add(setOf(f, keyOf(f, ES256), keyOf(f, Ed25519)).JWKS())
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AAAA"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"Ed25519","kid":"x","x":"AAAA","d":"AAAA"}]}`))
	for _, d := range documents {
		f.Add([]byte(`{"keys":[` + d + `]}`))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseJWKS(b)
		if err != nil {
			return
		}
		for _, k := range s.Keys() {
			if k.CanSign() || k.alg == HS256 {
				t.Errorf("%v can sign", k)
			}
		}
		again, err := ParseJWKS(s.JWKS())
		if err != nil || len(again.Keys()) != len(s.Keys()) {
			t.Errorf("%s: %v", s.JWKS(), err)
		}
	})
}
