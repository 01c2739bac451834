package webui

import (
	"context"
	"net/http"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

// maxForm bounds a form, in bytes.
const maxForm = 16 << 10

// form is for what a form of ours sends. What comes from another site is refused:
// it could sign somebody in as the attacker (login CSRF, SECURITY 36). A browser
// that says nothing of where a form comes from is too old to be safe here.
func (s *site) form(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.cross.Check(r) != nil || api.OriginProof(r) != nil {
			s.refuse(w, r, view{Page: "sign-in", ReturnTo: home}, api.ErrCrossSite)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
			s.refuse(w, r, view{Page: "sign-in", ReturnTo: home}, api.ErrInvalidRequest)
			return
		}
		h(w, r)
	}
}

func (s *site) client(r *http.Request) pawl.Client {
	return pawl.Client{Address: api.Proxies(s.o.TrustedProxies).ClientAddress(r), Agent: api.ShortAgent(r.UserAgent())}
}

// from is the request's context, for calls that do not take the client.
func (s *site) from(r *http.Request) context.Context {
	return pawl.WithActor(r.Context(), pawl.Actor{Client: s.client(r)})
}

// notices are what a page may be asked to say. They are named, never quoted: a
// link must not put words into our mouth.
var notices = map[string]string{"set-up": "notice.set-up", "reset": "notice.reset", "signed-out": "notice.signed-out"}

func (s *site) showSignIn(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	v := view{Page: "sign-in", ReturnTo: s.back.safe(q.Get("return_to")), Notice: notices[q.Get("done")]}
	if key := "reason." + q.Get("reason"); v.Notice == "" && s.languages.by[fallback].messages[key] != "" {
		v.Notice = key
	}
	s.show(w, r, http.StatusOK, v)
}

// signIn starts a session and sets the refresh cookie. The page that follows has
// an access token made from that: none is in a page or a URL.
//
// The answer is a page that goes on, and not a redirect: Chromium holds every
// redirect that follows a form against the form-action of its page, those of other
// servers too. A redirect would also rewrite the address.
func (s *site) signIn(w http.ResponseWriter, r *http.Request) {
	v := view{Page: "sign-in", UserID: r.PostForm.Get("userId"), ReturnTo: s.back.safe(r.PostForm.Get("return_to"))}
	replaces, err := s.o.Cookie.Read(r)
	if err != nil && api.AsError(err).Code == api.CodeInvalidRequest { // two of them
		s.refuse(w, r, v, err)
		return
	}
	t, err := s.svc.Login(r.Context(), pawl.SignIn{
		Login: v.UserID, Password: r.PostForm.Get("password"), Client: s.client(r), Replaces: replaces,
	})
	if err != nil {
		s.refuse(w, r, v, err)
		return
	}
	_ = s.dropOld(w, r) // best effort, as for the session that was replaced
	s.o.Cookie.Set(w, t.RefreshToken, t.Ends, s.svc.Now())
	s.show(w, r, http.StatusOK, view{Page: "signed-in", ReturnTo: v.ReturnTo})
}

// signOut is for browsers without scripts; the others use the API.
func (s *site) signOut(w http.ResponseWriter, r *http.Request) {
	token, err := s.o.Cookie.Read(r)
	if err == nil && token != "" {
		err = s.end(r, token)
	}
	if !failing(err) { // an unknown token is of no session
		err = s.dropOld(w, r)
	}
	if failing(err) {
		s.refuse(w, r, view{Page: "sign-in", ReturnTo: home}, err) // the session may live: the cookie stays
		return
	}
	s.o.Cookie.Clear(w)
	leave(w, r, "/sign-in?done=signed-out")
}

func failing(err error) bool {
	return err != nil && api.AsError(err).Status >= http.StatusInternalServerError
}

func (s *site) end(r *http.Request, refreshToken string) error {
	c := s.client(r)
	return s.svc.Logout(r.Context(), api.ReissueRequest{RefreshToken: refreshToken, Address: c.Address, Agent: c.Agent})
}

// dropOld uses up the old system's tokens beside Pawl's own.
func (s *site) dropOld(w http.ResponseWriter, r *http.Request) error {
	return s.o.LegacyCookie.Drop(w, r, s.o.Cookie, func(old string) error { return s.end(r, old) })
}

func (s *site) setUp(w http.ResponseWriter, r *http.Request) {
	v := view{Page: "set-up", UserID: r.PostForm.Get("userId"), Code: r.PostForm.Get("code")}
	if _, err := s.svc.Setup(s.from(r), v.Code, v.UserID, r.PostForm.Get("password")); err != nil {
		s.refuse(w, r, v, err)
		return
	}
	leave(w, r, "/sign-in?done=set-up")
}

func (s *site) reset(w http.ResponseWriter, r *http.Request) {
	v := view{Page: "reset", Code: r.PostForm.Get("code")}
	if err := s.svc.ResetPassword(s.from(r), v.Code, r.PostForm.Get("password")); err != nil {
		s.refuse(w, r, v, err)
		return
	}
	leave(w, r, "/sign-in?done=reset")
}

func leave(w http.ResponseWriter, r *http.Request, to string) {
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to, http.StatusSeeOther)
}
