package webui_test

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pawlauth/pawl/webui"
)

var shown = []string{"/sign-in", "/set-up", "/reset", "/account", "/admin", "/nothing/here"}

// SECURITY 51: nothing inline, nothing from elsewhere, no frame around us.
func TestPagesAreStrict(t *testing.T) {
	s := start(t, webui.Options{ReturnTo: []string{"https://app.example.com"}})
	inline := regexp.MustCompile(`(?i)<script(?:[^>]*)>[^<]|<style| style=| on[a-z]+=|javascript:`)
	for _, path := range shown {
		p := s.get(path)
		csp := p.header.Get("Content-Security-Policy")
		for _, want := range []string{
			"default-src 'none'", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none'", "base-uri 'none'",
			"form-action 'self';", "require-trusted-types-for 'script'",
		} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: the policy lacks %s: %s", path, want, csp)
			}
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store",
			"Content-Type": "text/html; charset=utf-8", "Cross-Origin-Opener-Policy": "same-origin",
		} {
			if got := p.header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		if strings.Contains(csp, "unsafe") || inline.MatchString(p.body) {
			t.Errorf("%s has something inline: %q, %s", path, inline.FindString(p.body), csp)
		}
	}
	s.get("/nothing/here").is(404).says("There is nothing here")
	s.get("/").leadsTo("/account")
	if p := s.get("/api/nothing").is(404); p.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("an unknown path of the API is a page: %v", p.header)
	}
	if p := s.get("/api/nothing"); !strings.Contains(p.header.Get("Content-Security-Policy"), "default-src 'none'; frame-ancestors 'none'") {
		t.Errorf("the API's policy: %v", p.header)
	}
}

func TestTheAdministrationCanBeLeftOut(t *testing.T) {
	s := start(t, webui.Options{NoAdmin: true})
	s.get("/admin").is(404)
	if p := s.get("/account").is(200); strings.Contains(p.body, `href="/admin"`) {
		t.Error("the account still leads to the administration")
	}
}

func TestFilesCanBeKeptForEver(t *testing.T) {
	s := start(t, webui.Options{})
	found := map[string]bool{}
	path := regexp.MustCompile(`/assets/[a-z-]+\.[0-9a-f]{16}\.(css|js|svg)`)
	var visit func(text string)
	visit = func(text string) {
		for _, file := range path.FindAllString(text, -1) {
			if found[file] {
				continue
			}
			found[file] = true
			p := s.get(file).is(200)
			if p.header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
				t.Errorf("%s: %v", file, p.header)
			}
			z := s.get(file, "Accept-Encoding: gzip, br")
			r, err := gzip.NewReader(strings.NewReader(z.body))
			if err != nil || z.header.Get("Content-Encoding") != "gzip" {
				t.Fatalf("%s is not compressed: %v", file, err)
			}
			if plain, _ := io.ReadAll(r); string(plain) != p.body {
				t.Errorf("%s is another one when compressed", file)
			}
			visit(p.body) // a script names those that it imports
		}
	}
	for _, p := range shown {
		visit(s.get(p).body)
	}
	if len(found) != 13 {
		t.Errorf("%d files: %v", len(found), found)
	}
	s.get("/assets/style.css").is(404)
	s.get("/assets/..%2fwebui.go").is(404)
}

func TestPagesSpeakTheReadersLanguage(t *testing.T) {
	s := start(t, webui.Options{})
	for _, c := range []struct {
		path, accept, cookie, lang string
	}{
		{"/sign-in", "", "", "en"},
		{"/sign-in", "ko-KR,ko;q=0.9,en;q=0.8", "", "ko"},
		{"/sign-in", "en-GB,ko;q=0.5", "", "en"},
		{"/sign-in", "fr, de;q=0.8", "", "en"},
		{"/sign-in", "fr, ko;q=0.8", "", "ko"},
		{"/sign-in", "ko", "en", "en"},
		{"/sign-in", "ko", "xx", "ko"},
		{"/sign-in?lang=ko", "en", "en", "ko"},
		{"/sign-in?lang=xx", "ko", "", "ko"},
		{"/sign-in", ";;;", "", "en"},
	} {
		headers := []string{"Accept-Language: " + c.accept}
		if c.cookie != "" {
			headers = append(headers, "Cookie: pawl_lang="+c.cookie)
		}
		p := s.get(c.path, headers...).is(200).says(`<html lang="` + c.lang + `">`)
		if p.header.Get("Content-Language") != c.lang {
			t.Errorf("%+v: %s", c, p.header.Get("Content-Language"))
		}
		if set := p.header.Get("Set-Cookie"); (set != "") != strings.HasSuffix(c.path, "lang=ko") {
			t.Errorf("%+v: remembered: %q", c, set)
		}
	}
	s.get("/sign-in?lang=ko&return_to=/orders").says("로그인").says(`href="?lang=en&amp;return_to=%2Forders"`)
	s.addUser("anna")
	s.post("/sign-in", []string{"userId", "anna", "password", "wrong password"}, "Sec-Fetch-Site: same-origin", "Accept-Language: ko").is(422).says("아이디 또는 비밀번호가 올바르지 않습니다.")
}

// The other language has every message, with the same places in it, and nothing
// is said that no page says.
func TestMessagesAreWhole(t *testing.T) {
	read := func(tag string) (m map[string]string) {
		b, err := os.ReadFile("messages/" + tag + ".json")
		if err == nil {
			err = json.Unmarshal(b, &m)
		}
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	places := func(text string) []string {
		return slices.Sorted(slices.Values(regexp.MustCompile(`\{\w+\}`).FindAllString(text, -1)))
	}
	en, ko := read("en"), read("ko")
	for key, text := range en {
		if _, ok := ko[key]; !ok || !slices.Equal(places(text), places(ko[key])) {
			t.Errorf("%s: %q, %q", key, text, ko[key])
		}
	}
	for key := range ko {
		if en[key] == "" && !strings.HasPrefix(key, "wait.") {
			t.Errorf("%s is not in English", key)
		}
	}
	used := sources(t)
	for key := range en {
		name := strings.TrimPrefix(key, "say.")
		prefix, _, _ := strings.Cut(name, ".")
		part, _, _ := strings.Cut(name, "-")
		said := strings.Contains(used, `"`+strings.TrimSuffix(name, "-text")+`"`) || strings.Contains(used, `"`+part+`-" +`)
		if !slices.Contains([]string{"error", "reason", "kind", "notice", "language"}, prefix) && !said {
			t.Errorf("nothing says %s", key)
		}
	}
}

func sources(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, dir := range []string{"templates", "assets"} {
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(dir + "/" + f.Name())
			if err != nil {
				t.Fatal(err)
			}
			all.Write(b)
		}
	}
	return all.String()
}

// Every kind of event has its words, or a person reads a word of ours.
func TestEveryEventHasWords(t *testing.T) {
	b, err := os.ReadFile("../event.go")
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, webui.Options{})
	admin := s.get("/admin").body
	for _, m := range regexp.MustCompile(`Event\w+ += "(\w+)"`).FindAllStringSubmatch(string(b), -1) {
		if m[1] != "reissue" && m[1] != "reissue_refused" && !strings.Contains(admin, `value="kind.`+m[1]+`"`) {
			t.Errorf("no words for %s", m[1])
		}
	}
}

// A filter in front that goes by the path as it was sent must see every request
// for a page.
func TestPagesHaveOneSpelling(t *testing.T) {
	s := start(t, webui.Options{})
	pages, err := webui.New(s.svc, webui.Options{Log: quiet}) // without the API in front
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{
		"/admin": 200, "/%61dmin": 404, "/admi%6E": 404, "//admin": 404, "/./admin": 404, "/x/../admin": 404, "/%2e/admin": 404,
		"/admin/": 404, "/admin%2f": 404, "/admin%00": 404, "/Admin": 404, "/sign-in": 200, "/sign%2Din": 404, "/sign-in?lang=%65n": 200,
		"/asset%73/pawl.css": 404, "/assets/%70awl.css": 404, "/": 303, "//": 404,
	} {
		if got := s.get(path).status; got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
		s := *s
		s.h = pages
		if got := s.get(path).status; got != want {
			t.Errorf("%s, the pages alone: %d, want %d", path, got, want)
		}
	}
}
