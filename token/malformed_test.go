package token

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMalformed is the table of tokens that are refused. All are signed
// properly by an accepted key wherever their shape allows it, so that it is
// the named rule that refuses them and not the signature.
func TestMalformed(t *testing.T) {
	k := keyOf(t, ES256)
	set := setOf(t, k)
	good := signAccess(t, k, access())
	claims := accessPayload(t)
	head := headerOf(k, "at+jwt")
	parts := strings.Split(good, ".")

	withHeader := func(h string) string { return forge(t, k, h, claims) }
	withMember := func(m string) string { return withHeader(strings.Replace(head, `}`, `,`+m+`}`, 1)) }
	withAlg := func(alg string) string { return withHeader(strings.Replace(head, "ES256", alg, 1)) }
	withClaims := func(c string) string { return forge(t, k, head, c) }
	withClaim := func(m string) string { return withClaims(strings.TrimSuffix(claims, "}") + "," + m + "}") }
	replaced := func(old, new string) string {
		if !strings.Contains(claims, old) {
			t.Fatalf("no %q in %s", old, claims)
		}
		return withClaims(strings.Replace(claims, old, new, 1))
	}

	type row struct {
		name, compact string
		want          error
	}
	rows := []row{
		{"the good one", good, nil},
		{"the good one, with white space and another order in the header", withHeader(`{ "typ":"at+jwt", "kid":"` + k.id + `","alg" : "ES256" }`), nil},

		// Form
		{"SECURITY 7: empty", "", errSize},
		{"SECURITY 7: one segment", parts[0], errSegments},
		{"SECURITY 7: two segments", parts[0] + "." + parts[1], errSegments},
		{"SECURITY 7: four segments", good + ".x", errSegments},
		{"SECURITY 7: trailing dot", good + ".", errSegments},
		{"SECURITY 7: five segments (JWE)", good + ".x.y", errSegments},
		{"SECURITY 7: empty header", "." + parts[1] + "." + parts[2], errHeaderSize},
		{"SECURITY 7: empty payload", forge(t, k, head, ""), errNotObject},
		{"SECURITY 7: empty signature", parts[0] + "." + parts[1] + ".", errSignatureSize},
		{"SECURITY 7: JSON serialization", `{"protected":"` + parts[0] + `","payload":"` + parts[1] + `","signature":"` + parts[2] + `"}`, errSegments},
		{"SECURITY 7: leading space", " " + good, errBase64},
		{"SECURITY 7: trailing space", good + " ", errSignatureSize},
		{"SECURITY 7: Bearer in front", "Bearer " + good, errBase64},
		{"SECURITY 7: padding on the header", parts[0] + "=." + parts[1] + "." + parts[2], errBase64},
		{"SECURITY 7: padding on the payload", parts[0] + "." + parts[1] + "=." + parts[2], errBase64},
		{"SECURITY 7: padding on the signature", good + "==", errSignatureSize},
		{"SECURITY 7: unused bits of the signature", good[:len(good)-1] + string(nextLetter(good[len(good)-1])), errBase64},
		{"SECURITY 7: line break in the payload", parts[0] + "." + parts[1][:8] + "\n" + parts[1][8:] + "." + parts[2], errBase64},
		{"SECURITY 7: CR LF in the header", parts[0][:8] + "\r\n" + parts[0][8:] + "." + parts[1] + "." + parts[2], errBase64},
		{"SECURITY 7: standard alphabet in the signature", parts[0] + "." + parts[1] + "." + strings.Repeat("+/", 43), errBase64},
		{"SECURITY 7: NUL", parts[0] + "." + parts[1] + "\x00." + parts[2], errBase64},
		{"SECURITY 7: not ASCII", parts[0] + "." + parts[1] + "é." + parts[2], errBase64},
		{"SECURITY 9: too large by a byte", strings.Repeat("x", maxAccess+1), errSize},
		{"SECURITY 9: a million dots", strings.Repeat(".", 1_000_000), errSize},
		{"SECURITY 9: as many dots as fit", strings.Repeat(".", maxAccess), errSegments},
		{"SECURITY 9: a large header", withMember(`"x":"` + strings.Repeat("x", maxHeader) + `"`), errHeaderSize},
		{"SECURITY 9: a deep header", strings.Repeat("W1tb", 100) + ".e30.AAAA", errNotObject},
		{"SECURITY 9: deep claims", withClaim(`"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100)), errDepth},
		{"SECURITY 9: a hundred claims more", withClaim(manyMembers(100)[1:]), errMembers},

		// Header
		{"header is not an object", withHeader(`["ES256"]`), errNotObject},
		{"header is null", withHeader(`null`), errNotObject},
		{"header is not JSON", withHeader(`alg`), errNotObject},
		{"SECURITY 8: trailing data in the header", withHeader(head + "{}"), errTrailing},
		{"SECURITY 8: NUL after the header", withHeader(head + "\x00"), errTrailing},
		{"SECURITY 8: byte order mark", withHeader("\ufeff" + head), errNotObject},
		{"SECURITY 8: alg twice", withMember(`"alg":"ES256"`), errDuplicate},
		{"SECURITY 8: alg twice, once in capitals", withMember(`"ALG":"none"`), errDuplicate},
		{"SECURITY 8: alg twice, once escaped", withMember(`"\u0061lg":"ES256"`), errDuplicate},
		{"SECURITY 8: kid twice, with a Kelvin sign", withMember(`"` + "\u212a" + `id":"x"`), errDuplicate},
		{"SECURITY 8: ALG instead of alg", withHeader(strings.Replace(head, "alg", "ALG", 1)), errMember},
		{"SECURITY 8: bad UTF-8 in the header", withMember("\"x\xff\":1"), errUTF8},
		{"alg is a number", withHeader(strings.Replace(head, `"ES256"`, `1`, 1)), errNotString},
		{"no alg", withHeader(`{"kid":"` + k.id + `","typ":"at+jwt"}`), errAlgorithm},

		{"SECURITY 3: ES256 in lower case", withAlg("es256"), errAlgorithm},
		{"SECURITY 3: ES256 with a space", withAlg("ES256 "), errAlgorithm},
		{"SECURITY 3: an algorithm of the same family", withAlg("ES384"), errAlgorithm},
		{"SECURITY 3: PS256", withAlg("PS256"), errAlgorithm},
		{"SECURITY 3: EdDSA", withAlg("EdDSA"), errAlgorithm},
		{"SECURITY 4: another allowed algorithm", withAlg("RS256"), errAlgorithm},
		{"SECURITY 4: HS256 on a public key's kid", withAlg("HS256"), errAlgorithm},

		{"SECURITY 2: a refresh token's typ", withHeader(headerOf(k, "rt+jwt")), errTyp},
		{"SECURITY 2: typ JWT", withHeader(headerOf(k, "JWT")), errTyp},
		{"SECURITY 2: typ in capitals", withHeader(headerOf(k, "AT+JWT")), errTyp},
		{"SECURITY 2: typ with application/", withHeader(headerOf(k, "application/at+jwt")), errTyp},
		{"SECURITY 2: empty typ", withHeader(headerOf(k, "")), errTyp},
		{"SECURITY 2: no typ", withHeader(`{"alg":"ES256","kid":"` + k.id + `"}`), errTyp},
		{"SECURITY 2: an ID token's, a logout token's, a DPoP proof's", withHeader(headerOf(k, "dpop+jwt")), errTyp},

		{"SECURITY 12: no kid", withHeader(`{"alg":"ES256","typ":"at+jwt"}`), errKeyID},
		{"SECURITY 12: empty kid", withHeader(strings.Replace(head, k.id, "", 1)), errKeyID},
		{"SECURITY 12: long kid", withHeader(strings.Replace(head, k.id, strings.Repeat("k", maxKeyID+1), 1)), errKeyID},
		{"SECURITY 12: unknown kid", withHeader(strings.Replace(head, k.id, "other", 1)), ErrUnknownKey},
		{"SECURITY 12: a path as kid", withHeader(strings.Replace(head, k.id, "../../../dev/null", 1)), ErrUnknownKey},
		{"SECURITY 12: SQL as kid", withHeader(strings.Replace(head, k.id, "' or 1=1 --", 1)), ErrUnknownKey},
		{"SECURITY 12: an address as kid", withHeader(strings.Replace(head, k.id, "https://evil.example/k", 1)), ErrUnknownKey},
		{"SECURITY 12: the kid in another case", withHeader(strings.Replace(head, k.id, strings.ToUpper(k.id), 1)), ErrUnknownKey},

		// Claims
		{"claims are an array", withClaims(`[` + claims + `]`), errNotObject},
		{"claims are not JSON", withClaims(`x`), errNotObject},
		{"SECURITY 6: a token in a token", withClaims(good), errNotObject},
		{"SECURITY 8: claims are followed by data", withClaims(claims + `x`), errTrailing},
		{"SECURITY 8: claims twice", withClaims(claims + claims), errTrailing},
		{"SECURITY 8: sub twice", withClaim(`"sub":"admin"`), errDuplicate},
		{"SECURITY 8: sub twice, once in capitals", withClaim(`"SUB":"admin"`), errDuplicate},
		{"SECURITY 8: sub twice, once escaped", withClaim(`"\u0073ub":"admin"`), errDuplicate},
		{"SECURITY 8: iss with a long s", withClaim(`"i` + "\u017f\u017f" + `":"x"`), errDuplicate},
		{"SECURITY 8: Roles instead of roles", replaced(`"roles"`, `"Roles"`), errClaimName},
		{"SECURITY 8: Nbf where there is no nbf", withClaim(`"Nbf":1`), errClaimName},
		{"SECURITY 8: an extra claim twice", withClaim(`"x":1,"x":1`), errDuplicate},
		{"SECURITY 8: an extra claim in two cases, deep", withClaim(`"x":{"y":[{"a":1,"A":1}]}`), errDuplicate},
		{"SECURITY 8: bad UTF-8 in a value", withClaim("\"x\":\"\xff\""), errUTF8},
		{"SECURITY 8: overlong UTF-8", withClaim("\"x\":\"\xc0\xaf\""), errUTF8},
		{"SECURITY 8: UTF-8 encoded surrogate", withClaim("\"x\":\"\xed\xa0\x80\""), errUTF8},
		{"SECURITY 8: lone high surrogate", withClaim(`"x":"\ud800"`), errUTF8},
		{"SECURITY 8: lone low surrogate", withClaim(`"x":"\udc00"`), errUTF8},
		{"SECURITY 8: high surrogate before a letter", withClaim(`"x":"\ud800\u0041"`), errUTF8},
		{"a surrogate pair", withClaim(`"x":"\ud83d\ude00"`), nil},
		{"a control character in a string", withClaim("\"x\":\"\n\""), errJSONString},
		{"an unknown escape", withClaim(`"x":"\x41"`), errJSONString},
		{"an unfinished string", withClaims(`{"iss":"https`), errJSONString},
		{"a trailing comma", withClaim(``), errNotString},
		{"a comment", withClaims(claims[:1] + "/**/" + claims[1:]), errNotString},
		{"single quotes", withClaim(`'x':1`), errNotString},
		{"NaN", withClaim(`"x":NaN`), errJSON},
		{"a leading zero", withClaim(`"x":01`), errJSON},
		{"a leading plus", withClaim(`"x":+1`), errJSON},
		{"a bare point", withClaim(`"x":1.`), errNumber},
		{"hexadecimal", withClaim(`"x":0x1`), errJSON},
		{"a number beyond a double", withClaim(`"x":1e400`), errRange},
		{"an integer beyond a double's", withClaim(`"x":9007199254740993`), errRange},

		{"SECURITY 11: exp as a string", replaced(`"exp":1800001800`, `"exp":"1800001800"`), errNumber},
		{"SECURITY 11: exp with a fraction", replaced(`"exp":1800001800`, `"exp":1800001800.5`), errNumber},
		{"SECURITY 11: exp with an exponent", replaced(`"exp":1800001800`, `"exp":1e18`), errNumber},
		{"SECURITY 11: exp below zero", replaced(`"exp":1800001800`, `"exp":-1`), errNumber},
		{"SECURITY 11: exp null", replaced(`"exp":1800001800`, `"exp":null`), errNumber},
		{"SECURITY 11: exp in the year 300000", replaced(`"exp":1800001800`, `"exp":9007199254740991`), errTime},
		{"SECURITY 11: exp that overflows", replaced(`"exp":1800001800`, `"exp":18446744073709551616`), errRange},
		{"SECURITY 11: nbf as a string", withClaim(`"nbf":"1"`), errNumber},
		{"nbf in the future", withClaim(`"nbf":1800000001`), errNotYet},

		{"SECURITY 10: aud empty", replaced(`["https://api.example.com"]`, `[]`), errClaimMissing},
		{"SECURITY 10: aud of an empty string", replaced(`["https://api.example.com"]`, `[""]`), errClaimMissing},
		{"SECURITY 10: aud is null", replaced(`["https://api.example.com"]`, `null`), errJSON},
		{"SECURITY 10: aud is an object", replaced(`["https://api.example.com"]`, `{}`), errJSON},
		{"SECURITY 10: aud holds a number", replaced(`["https://api.example.com"]`, `["https://api.example.com",1]`), errNotString},
		{"aud is one string", replaced(`["https://api.example.com"]`, `"https://api.example.com"`), nil},
		{"sub is empty", replaced(`"u-1"`, `""`), errClaimMissing},
		{"sub is a number", replaced(`"u-1"`, `1`), errNotString},
		{"roles is a string", replaced(`["admin","user"]`, `"admin"`), errJSON},
		{"roles holds an empty one", replaced(`["admin","user"]`, `[""]`), errClaimMissing},
		{"no roles", replaced(`,"roles":["admin","user"]`, ``), nil},

		// Signature
		{"no signature of ours", parts[0] + "." + parts[1] + "." + strings.Repeat("A", 86), errSignature},
		{"another payload", parts[0] + "." + b64.EncodeToString([]byte(strings.Replace(claims, "u-1", "u-2", 1))) + "." + parts[2], errSignature},
		{"a DER signature", forge(t, k, head, claims)[:len(good)-86] + "MEUCIQD0", errSignatureSize},
	}
	for _, none := range []string{"none", "None", "NONE", "nOnE", "none ", " none", "n\\u006fne", "", "null"} {
		h := strings.Replace(head, "ES256", none, 1)
		rows = append(rows,
			row{"SECURITY 3: alg " + none + ", signed", withHeader(h), errAlgorithm},
			row{"SECURITY 3: alg " + none + ", unsigned", b64.EncodeToString([]byte(h)) + "." + parts[1] + ".", errAlgorithm})
	}
	for number, members := range map[string][]string{
		"SECURITY 5": {
			`"jwk":{"kty":"oct","k":"AAAA"}`, `"jwk":null`, `"jku":"https://evil.example/jwks"`,
			`"x5u":"https://evil.example/c"`, `"x5c":["MIIB"]`, `"x5t":"AAAA"`, `"x5t#S256":"AAAA"`,
		},
		"SECURITY 6": {
			`"crit":["exp"]`, `"crit":[]`, `"crit":["b64"],"b64":false`, `"b64":false`, `"b64":true`,
			`"zip":"DEF"`, `"enc":"A128GCM"`, `"cty":"JWT"`, `"epk":{}`, `"iss":"x"`, `"":""`,
		},
	} {
		for _, m := range members {
			rows = append(rows, row{number + ": header member " + m, withMember(m), errMember})
		}
	}
	for _, name := range []string{"iss", "sub", "aud", "exp", "iat", "jti", "client_id", "sid", "auth_time"} {
		rows = append(rows, row{"SECURITY 1: no " + name, replaced(`"`+name+`":`, `"x":`), errClaimMissing})
	}

	for _, c := range rows {
		t.Run(c.name, func(t *testing.T) {
			got, err := verifier.Verify(set, c.compact, epoch)
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if c.want == nil {
				return
			}
			if !errors.Is(err, ErrInvalid) || errors.Is(err, ErrExpired) {
				t.Errorf("%v is not ErrInvalid alone", err)
			}
			if got.Subject != "" || got.Extra != nil {
				t.Errorf("claims returned with an error: %v", got)
			}
			for _, part := range strings.Split(c.compact, ".") {
				if len(part) > 8 && strings.Contains(err.Error(), part) {
					t.Errorf("the message quotes the token: %v", err)
				}
			}
		})
	}
}

func nextLetter(c byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[strings.IndexByte(alphabet, c)+1]
}

// manyMembers returns ,"a":0,"aa":0,…
func manyMembers(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`,"` + string(rune(0x4e00+i)) + `":0`)
	}
	return b.String()
}

func TestRefreshMalformed(t *testing.T) {
	k := keyOf(t, HS256)
	r := refresh()
	b, err := r.marshal()
	if err != nil {
		t.Fatal(err)
	}
	claims := string(b)
	replaced := func(old, new string) string { return strings.Replace(claims, old, new, 1) }
	for _, c := range []struct {
		name, claims string
		want         error
	}{
		{"the good one", claims, nil},
		{"SECURITY 8: an unknown claim", replaced("{", `{"x":1,`), errClaimUnknown},
		{"SECURITY 8: a claim twice", replaced("{", `{"gen":1,`), errDuplicate},
		{"SECURITY 8: a claim twice in another case", replaced("{", `{"GEN":1,`), errClaimUnknown},
		{"SECURITY 8: a claim in another case", replaced("gen", "Gen"), errClaimUnknown},
		{"SECURITY 8: trailing data", claims + ".", errTrailing},
		{"aud", replaced("{", `{"aud":"x",`), errClaimUnknown},
		{"sec too short", replaced(b64.EncodeToString(r.Secret[:]), "AQ"), errSecret},
		{"sec too long", replaced(b64.EncodeToString(r.Secret[:]), strings.Repeat("A", 24)), errSecret},
		{"sec with unused bits", replaced(b64.EncodeToString(r.Secret[:]), strings.Repeat("A", 21)+"B"), errBase64},
		{"sec in the standard alphabet", replaced(b64.EncodeToString(r.Secret[:]), strings.Repeat("/", 22)), errBase64},
		{"gen below zero", replaced(`"gen":7`, `"gen":-7`), errNumber},
		{"gen with a fraction", replaced(`"gen":7`, `"gen":7.0`), errNumber},
		{"gen as a string", replaced(`"gen":7`, `"gen":"7"`), errNumber},
		{"gen beyond 2^53", replaced(`"gen":7`, `"gen":9007199254740992`), errRange},
		{"end in the year 300000", replaced(`"end":1800086400`, `"end":9007199254740991`), errTime},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := refresher.Verify(setOf(t, k), forge(t, k, headerOf(k, "rt+jwt"), c.claims))
			if !errors.Is(err, c.want) || c.want != nil && !errors.Is(err, ErrInvalid) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
	for _, name := range []string{"iss", "sub", "sec", "gen", "iat", "exp", "end", "auth_time"} {
		t.Run("no "+name, func(t *testing.T) {
			members := strings.Split(strings.Trim(claims, "{}"), ",")
			members = slices.DeleteFunc(members, func(m string) bool { return strings.HasPrefix(m, `"`+name+`"`) })
			_, err := refresher.Verify(setOf(t, k), forge(t, k, headerOf(k, "rt+jwt"), "{"+strings.Join(members, ",")+"}"))
			if !errors.Is(err, errClaimMissing) {
				t.Error(err)
			}
		})
	}
	t.Run("SECURITY 9: too large", func(t *testing.T) {
		if _, err := refresher.Verify(setOf(t, k), strings.Repeat("x", maxRefresh+1)); !errors.Is(err, errSize) {
			t.Error(err)
		}
	})
}

func TestRefusingIsCheap(t *testing.T) {
	k := keyOf(t, ES256)
	set := setOf(t, k)
	good := signAccess(t, k, access())
	payload := good[strings.IndexByte(good, '.'):]
	for name, compact := range map[string]string{
		"SECURITY 9: dots":                strings.Repeat(".", maxAccess),
		"SECURITY 9: a megabyte":          strings.Repeat("a", 1<<20),
		"SECURITY 9: no dots":             strings.Repeat("a", maxAccess),
		"SECURITY 9: not base64url":       strings.Repeat("!", 100) + payload,
		"SECURITY 9: an empty signature":  good[:strings.LastIndexByte(good, '.')+1],
		"SECURITY 9: a refresh token":     signRefresh(t, keyOf(t, HS256), refresh()),
		"SECURITY 9: random base64url":    NewID() + "." + NewID() + "." + NewID(),
		"SECURITY 9: a long wrong header": strings.Repeat("a", maxHeader) + payload,
	} {
		t.Run(name, func(t *testing.T) {
			allocs := testing.AllocsPerRun(100, func() {
				if _, err := verifier.Verify(set, compact, time.Time{}); err == nil {
					t.Fatal("accepted")
				}
			})
			if allocs > 1 {
				t.Errorf("%v allocations", allocs)
			}
		})
	}
}

func TestNilKeySetRefuses(t *testing.T) {
	if _, err := verifier.Verify(nil, signAccess(t, keyOf(t, HS256), access()), epoch); !errors.Is(err, ErrInvalid) {
		t.Error(err)
	}
}
