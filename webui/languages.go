package webui

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

//go:embed messages templates
var texts embed.FS

// fallback is the language that has every message.
const fallback = "en"

// tags are the languages, the fallback first. Each has a file in messages.
var tags = []string{fallback, "ko"}

// langCookie remembers the language that somebody chose. Nothing hangs on it.
const langCookie = "pawl_lang"

// tongue is the pages in one language.
type tongue struct {
	tag      string
	messages map[string]string
	pages    map[string]*template.Template
}

type languages struct {
	by      map[string]*tongue
	matcher language.Matcher
}

func loadLanguages(a assets) (languages, error) {
	ls := languages{by: map[string]*tongue{}}
	base, err := loadMessages(fallback, nil)
	if err != nil {
		return ls, err
	}
	var all []language.Tag
	for _, tag := range tags {
		t := &tongue{tag: tag}
		if t.messages, err = loadMessages(tag, base); err != nil {
			return ls, err
		}
		if t.pages, err = t.parse(a); err != nil {
			return ls, err
		}
		ls.by[tag] = t
		all = append(all, language.MustParse(tag))
	}
	ls.matcher = language.NewMatcher(all)
	return ls, nil
}

// loadMessages reads a file over what it may lack.
func loadMessages(tag string, base map[string]string) (map[string]string, error) {
	b, err := texts.ReadFile("messages/" + tag + ".json")
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	maps.Copy(all, base)
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("webui: messages/%s.json: %w", tag, err)
	}
	return all, nil
}

var pageNames = []string{"sign-in", "set-up", "reset", "account", "admin", "signed-in", "not-found"}

func (t *tongue) parse(a assets) (map[string]*template.Template, error) {
	funcs := template.FuncMap{
		"t":       t.text,
		"words":   t.words,
		"minutes": func(seconds int) int { return (seconds + 59) / 60 },
		"asset": func(name string) (string, error) {
			if p := a.paths[name]; p != "" {
				return p, nil
			}
			return "", fmt.Errorf("there is no asset %s", name)
		},
	}
	frame, err := template.New("frame").Funcs(funcs).Option("missingkey=error").ParseFS(texts, "templates/frame.html", "templates/parts.html")
	if err != nil {
		return nil, err
	}
	pages := map[string]*template.Template{}
	for _, name := range pageNames {
		p, err := frame.Clone()
		if err != nil {
			return nil, err
		}
		if pages[name], err = p.ParseFS(texts, "templates/"+name+".html"); err != nil {
			return nil, err
		}
	}
	return pages, nil
}

// text gives a message with its places filled in: pairs are names and values.
func (t *tongue) text(key string, pairs ...any) (string, error) {
	m, ok := t.messages[key]
	if !ok || len(pairs)%2 != 0 {
		return "", fmt.Errorf("there is no message %s, or a value too few", key)
	}
	for p := range slices.Chunk(pairs, 2) {
		m = strings.ReplaceAll(m, fmt.Sprintf("{%v}", p[0]), fmt.Sprint(p[len(p)-1]))
	}
	return m, nil
}

// word is a message that a page's script uses.
type word struct{ Key, Text string }

// words gives the messages of the scripts.
func (t *tongue) words() []word {
	var all []word
	for _, key := range slices.Sorted(maps.Keys(t.messages)) {
		if name, ok := strings.CutPrefix(key, "say."); ok {
			all = append(all, word{name, t.messages[key]})
		}
	}
	return all
}

// choose finds the language of a request: the one asked for in the URL, which is
// then remembered, the one remembered, or what the browser likes best.
func (s *site) choose(w http.ResponseWriter, r *http.Request) *tongue {
	w.Header().Add("Vary", "Accept-Language, Cookie")
	if t := s.languages.by[r.URL.Query().Get("lang")]; t != nil {
		http.SetCookie(w, &http.Cookie{
			Name: langCookie, Value: t.tag, Path: "/", MaxAge: 365 * 24 * 60 * 60,
			Secure: !s.o.Cookie.UnsafeHTTP, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		})
		return t
	}
	if c, err := r.Cookie(langCookie); err == nil && s.languages.by[c.Value] != nil {
		return s.languages.by[c.Value]
	}
	wanted, _, _ := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	_, i, _ := s.languages.matcher.Match(wanted...)
	return s.languages.by[tags[i]]
}
