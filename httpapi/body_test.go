package httpapi_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/httpapi"
)

func TestBodiesThatAreRefused(t *testing.T) {
	s := start(t)
	const secret = "hunter2-canary"
	for _, c := range []struct{ name, body, says string }{
		{"truncated", `{"userId":"anna","password":"` + secret, "ends in the middle"},
		{"truncated after the value", `{"userId":"anna","password":"` + secret + `"`, "ends in the middle"},
		{"not JSON", secret, "not valid JSON at byte"},
		{"single quotes", `{'userId':'` + secret + `'}`, "not valid JSON at byte"},
		{"a comma too many", `{"userId":"` + secret + `",}`, "not valid JSON at byte"},
		{"a comment", `{"userId":"` + secret + `"/**/}`, "not valid JSON at byte"},
		{"white space only", "   ", "ends in the middle"},
		{"a byte order mark", "\ufeff{}", "not valid JSON at byte"},
		{"an array", `["` + secret + `"]`, "must be a JSON object"},
		{"a string", `"` + secret + `"`, "must be a JSON object"},
		{"null", `null`, "must be a JSON object"},
		{"a number", `1`, "must be a JSON object"},
		{"an unknown member", `{"userId":"anna","pasword":"` + secret + `"}`, `unknown member "pasword". Known are userId, password, delivery, label.`},
		{"a long unknown member", `{"` + strings.Repeat("x", 100) + `":"` + secret + `"}`, `"` + strings.Repeat("x", 40) + `…"`},
		{"another case", `{"UserId":"anna","password":"` + secret + `"}`, `unknown member "UserId"`},
		{"a member twice", `{"userId":"anna","password":"x","password":"` + secret + `"}`, `the member "password" twice`},
		{"a member twice, once escaped", `{"userId":"anna","password":"x","p\u0061ssword":"` + secret + `"}`, `the member "password" twice`},
		{"something behind", `{"userId":"anna","password":"` + secret + `"} x`, "goes on after the JSON object"},
		{"a second object", `{"userId":"anna","password":"` + secret + `"}{}`, "goes on after the JSON object"},
		{"a zero byte behind", `{"userId":"anna","password":"` + secret + `"}` + "\x00", "goes on after the JSON object"},
		{"a number for a string", `{"userId":"anna","password":12345678901234}`, `member "password" must be a string`},
		{"an object for a string", `{"userId":"anna","password":{"a":"` + secret + `"}}`, `member "password" must be a string`},
		{"nested deeply", `{"userId":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`, "nested too deeply"},
		{"nested deeply in objects", `{"userId":` + strings.Repeat(`{"a":`, 5000) + `1` + strings.Repeat("}", 5000) + `}`, `"userId" must be a string`},
		{"nested deeply from the start", strings.Repeat("[", 20000) + strings.Repeat("]", 20000), "must be a JSON object"},
		{"invalid UTF-8", `{"userId":"anna","password":"` + secret + "\xff" + `"}`, "not valid UTF-8 at byte"},
		{"a lone surrogate", `{"userId":"anna","password":"` + secret + `\ud800"}`, "not valid UTF-8 at byte"},
		{"a control character", `{"userId":"anna","password":"` + secret + "\n" + `"}`, "not valid JSON at byte"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := s.send("POST", "/api/login", c.body, own).is(400, "invalid_request").says(c.says).keepsCookie()
			if strings.Contains(a.body, secret) || strings.Contains(a.body, "12345678901234") {
				t.Errorf("a value is told: %s", a.body)
			}
		})
	}
	t.Run("every endpoint is as strict", func(t *testing.T) {
		_, tokens := s.anna()
		for _, path := range []string{"/api/login", "/api/reissue", "/api/logout", "/api/password", "/api/setup"} {
			for _, body := range []string{`{"unknown":1}`, `{`, `[]`, `{} {}`} {
				s.send("POST", path, body, bearer(tokens.AccessToken)).is(400, "invalid_request")
			}
		}
	})
}

func TestMediaTypesAndSizes(t *testing.T) {
	s := start(t)
	big := func(n int) string {
		return `{"refreshToken":"` + strings.Repeat("x", n-len(`{"refreshToken":""}`)) + `"}`
	}
	for _, c := range []struct {
		name, body, header string
		status             int
		code               string
	}{
		{"JSON", refreshBody("x"), "Content-Type: application/json", 401, "invalid_token"},
		{"with charset", refreshBody("x"), "Content-Type: application/json; charset=UTF-8", 401, "invalid_token"},
		{"another charset", refreshBody("x"), "Content-Type: application/json; charset=utf-16", 415, "invalid_request"},
		{"a form", "refreshToken=x", "Content-Type: application/x-www-form-urlencoded", 415, "invalid_request"},
		{"text, as a form on another site can send it", refreshBody("x"), "Content-Type: text/plain", 415, "invalid_request"},
		{"no media type", refreshBody("x"), "Content-Type: ", 415, "invalid_request"},
		{"a malformed one", refreshBody("x"), "Content-Type: application/json; charset", 415, "invalid_request"},
		{"compressed", refreshBody("x"), "Content-Encoding: gzip", 415, "invalid_request"},
		{"SECURITY 54: 64 KiB", big(httpapi.MaxBody), "Accept: */*", 401, "invalid_token"},
		{"SECURITY 54: a byte more", big(httpapi.MaxBody + 1), "Accept: */*", 413, "invalid_request"},
		{"SECURITY 54: a megabyte", big(1 << 20), "Accept: */*", 413, "invalid_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.send("POST", "/api/reissue", c.body, c.header).is(c.status, c.code)
		})
	}
}

// Whatever is accepted, encoding/json reads alike, so no reader of the same
// bytes can be told something else; whatever is not is a valid problem.
func FuzzBodiesAreDecodedStrictly(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `null`, `[]`, `{"userId":"anna","password":"x"}`, `{"userId":null}`, `{"userId":"a","userId":"b"}`,
		`{"USERID":"a"}`, `{"userId":"\ud83d\ude00"}`, `{"userId":"\ud83d"}`, "{\"userId\":\"\xff\"}", `{} {}`, `{"x":{"y":[1,2,{"z":null}]}}`,
		`{"userId":1e999}`, `{"refreshToken":"a.b.c"}`, `{"user\u0049d":"a"}`, ` {"label" : "\u0000" } `,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, pair := range [][2]any{
			{&api.LoginRequest{}, &api.LoginRequest{}},
			{&api.ReissueBody{}, &api.ReissueBody{}},
			{&api.PasswordRequest{}, &api.PasswordRequest{}},
			{&api.SetupRequest{}, &api.SetupRequest{}},
		} {
			ours, theirs := pair[0], pair[1]
			if err := httpapi.Decode(body, ours); err != nil {
				problemIsValid(t, err)
				continue
			}
			dec := json.NewDecoder(bytes.NewReader(body))
			dec.DisallowUnknownFields()
			if err := dec.Decode(theirs); err != nil {
				t.Fatalf("accepted, but encoding/json says: %v", err)
			}
			if !reflect.DeepEqual(ours, theirs) {
				t.Fatalf("we read %+v, encoding/json %+v", ours, theirs)
			}
		}
	})
}

// problemIsValid is quick; TestBodiesThatAreRefused holds such answers against
// the document.
func problemIsValid(t *testing.T, err error) {
	t.Helper()
	w := httptest.NewRecorder()
	api.WriteProblem(w, err)
	var p api.Problem
	dec := json.NewDecoder(w.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil || w.Code != http.StatusBadRequest || p.Status != w.Code || p.Code != api.CodeInvalidRequest {
		t.Fatalf("%v: %d %+v", err, w.Code, p)
	}
	if p.Detail == "" || len(p.Detail) > 300 || strings.ContainsFunc(p.Detail, unicode.IsControl) {
		t.Fatalf("detail: %q", p.Detail)
	}
}
