package webui_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/pawlauth/pawl/webui"
)

// SECURITY 36: whoever could choose where people go after signing in would borrow
// our name.
func TestWherePeopleMayBeSent(t *testing.T) {
	s := start(t, webui.Options{ReturnTo: []string{"https://app.example.com", "http://localhost:3000"}})
	s.addUser("anna")
	home := "/account"
	for target, want := range map[string]string{
		"/":                                    "/",
		"/orders?page=2#row":                   "/orders?page=2#row",
		"/a%2Fb":                               "/a%2Fb",
		"/proxy/https://app.example.com/y":     "/proxy/https://app.example.com/y",
		"/a/../b//c/./d?x=//#/../e":            "/a/../b//c/./d?x=//#/../e",
		`/a";url='b'`:                          `/a";url='b'`,
		"/<script>&amp;":                       "/<script>&amp;",
		"https://app.example.com":              "https://app.example.com",
		"https://app.example.com/x?y=z":        "https://app.example.com/x?y=z",
		"http://localhost:3000/":               "http://localhost:3000/",
		"":                                     home,
		"orders":                               home,
		"//evil.example":                       home,
		"///evil.example":                      home,
		"////evil.example":                     home,
		`/\evil.example`:                       home,
		`\\evil.example`:                       home,
		`/orders\..\`:                          home,
		"/\t/evil.example":                     home,
		"/\n/evil.example":                     home,
		" //evil.example":                      home,
		"\x00//evil.example":                   home,
		"https://evil.example":                 home,
		"HTTPS://app.example.com":              home,
		"https:evil.example":                   home,
		"https:/evil.example":                  home,
		"https:///evil.example":                home,
		"http://app.example.com":               home,
		"https://app.example.com:444/":         home,
		"https://app.example.com.evil.example": home,
		"https://app.example.com@evil.example": home,
		"https://anna@app.example.com/":        home,
		`https://app.example.com\@evil.ex`:     home,
		"https://evil.example/?https://app.example.com": home,
		"https://APP.example.com/":                      home,
		"javascript:alert(1)":                           home,
		"JavaScript:alert(1)":                           home,
		"java\tscript:alert(1)":                         home,
		"data:text/html,x":                              home,
		"//app.example.com":                             home,
		"%2F%2Fevil.example":                            home,
		"/%zz":                                          home,
		"/\xff":                                         home,
		"/" + strings.Repeat("a", 3000):                 home,
	} {
		s.signIn("anna", pass, "return_to", target).goesOnTo(want)
		shown := s.get("/sign-in?return_to=" + url.QueryEscape(target)).is(200)
		if i := strings.Index(shown.body, `name="return_to" value="`); i < 0 || want == home && !strings.HasPrefix(shown.body[i:], `name="return_to" value="/account"`) {
			t.Errorf("%q: the form does not go back home", target)
		}
	}
}

func TestOriginsToReturnToAreExact(t *testing.T) {
	s := start(t, webui.Options{})
	for _, bad := range []string{"app.example.com", "https://app.example.com/", "*", "https://*.example.com", "javascript:", "https://a.example; script-src *", "https://a'b"} {
		if _, err := webui.New(s.svc, webui.Options{ReturnTo: []string{bad}}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	if _, err := webui.New(nil, webui.Options{}); err == nil {
		t.Error("no service was taken")
	}
}
