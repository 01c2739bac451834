package webui

import (
	"bytes"
	"net/http"
	"net/url"

	"github.com/pawlauth/pawl/api"
)

// view is what a template sees.
type view struct {
	Page      string // its name
	Lang      string
	Name      string // of the service
	Languages []choice
	Admin     bool // there is an administration
	Least     int  // characters of a new password
	Notice    string
	Problem   *problem
	UserID    string // as it was typed
	Code      string
	ReturnTo  string

	fault *api.Error
}

// Wrong reports whether a field is the one to mend.
func (v view) Wrong(field string) bool { return v.Problem != nil && v.Problem.Field == field }

// Fresh reports whether nobody has typed anything yet.
func (v view) Fresh() bool { return v.Problem == nil && v.Page == "sign-in" }

// choice is a language that one can change to.
type choice struct {
	Tag, Name, Link string
	Current         bool
}

// showPlain answers with a page as it is before anybody has typed anything.
func (s *site) showPlain(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { s.show(w, r, http.StatusOK, view{Page: name}) }
}

// show answers with a page. None of it is ever kept: a page that is left by
// signing out must not come back, and a form may hold what was typed.
func (s *site) show(w http.ResponseWriter, r *http.Request, status int, v view) {
	t := s.choose(w, r)
	v.Lang, v.Name, v.Admin = t.tag, s.o.Name, !s.o.NoAdmin
	v.Least, _ = s.svc.PasswordBounds()
	if v.fault != nil {
		v.Problem = t.explain(v.fault, &v)
	}
	v.Languages = choices(s.languages, t, v)
	var b bytes.Buffer
	if err := t.pages[v.Page].ExecuteTemplate(&b, "frame", v); err != nil {
		s.log.ErrorContext(r.Context(), "cannot make a page", "page", v.Page, "error", err)
		http.Error(w, "The page cannot be shown right now. Try again.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", t.tag)
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w)
}

// choices links the page in the other languages. What was typed does not come
// along, but where one wants to return to does. The path is not repeated: somebody
// may have put a secret there.
func choices(ls languages, now *tongue, v view) []choice {
	var out []choice
	for _, tag := range tags {
		q := url.Values{"lang": {tag}}
		if v.ReturnTo != "" && v.ReturnTo != home {
			q.Set("return_to", v.ReturnTo)
		}
		out = append(out, choice{Tag: tag, Name: ls.by[tag].messages["language"], Link: "?" + q.Encode(), Current: tag == now.tag})
	}
	return out
}

func (s *site) notFound(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, http.StatusNotFound, view{Page: "not-found"})
}
