package webui

import (
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/rawpath"
)

// Options of New. The zero value is right for a service that browsers reach
// directly, by TLS.
type Options struct {
	// Cookie is how the refresh cookie is written: as in httpapi.Options.
	Cookie api.Cookie
	// LegacyCookie is the refresh cookie of the system whose sessions move in: as in
	// httpapi.Options.
	LegacyCookie api.LegacyCookie
	// TrustedProxies are the networks of the reverse proxies in front: as in
	// httpapi.Options.
	TrustedProxies []netip.Prefix
	// ReturnTo are the other origins to whose pages people may be sent once they
	// have signed in, each exactly: "https://app.example.com". Paths of the own
	// origin are always allowed.
	ReturnTo []string
	// Name is what people know the service by; empty: the issuer's host.
	Name string
	// NoAdmin leaves the administration out, where its API has a listener of its
	// own.
	NoAdmin bool
	// Log takes what went wrong; nil: slog.Default().
	Log *slog.Logger
}

// site is what the pages share.
type site struct {
	svc       *pawl.Service
	o         Options
	log       *slog.Logger
	cross     *http.CrossOriginProtection
	back      returnTo
	assets    assets
	languages languages
}

// New makes the handler of the pages: /sign-in, /sign-out, /set-up, /reset,
// /account, /admin, what is under /assets/, and / which leads to the account.
// Anything else it answers with a page that says so. It is safe for concurrent
// use. The API must be under the same origin. The error says which option cannot
// be used.
func New(svc *pawl.Service, o Options) (http.Handler, error) {
	if svc == nil {
		return nil, errors.New("webui: a *pawl.Service is needed")
	}
	s := &site{svc: svc, o: o, log: o.Log, cross: http.NewCrossOriginProtection()}
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.o.Name == "" {
		s.o.Name = host(svc.Issuer())
	}
	s.o.LegacyCookie = o.LegacyCookie.Beside(o.Cookie)
	var err error
	if s.back, err = newReturnTo(o.ReturnTo); err != nil {
		return nil, err
	}
	if s.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	if s.languages, err = loadLanguages(s.assets); err != nil {
		return nil, err
	}
	return s.handler(), nil
}

func host(issuer string) string {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" {
		return issuer
	}
	return u.Host
}

func (s *site) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", http.RedirectHandler("/account", http.StatusSeeOther))
	mux.HandleFunc("GET /sign-in", s.showSignIn)
	mux.HandleFunc("POST /sign-in", s.form(s.signIn))
	mux.HandleFunc("POST /sign-out", s.form(s.signOut))
	mux.HandleFunc("GET /set-up", s.showPlain("set-up"))
	mux.HandleFunc("POST /set-up", s.form(s.setUp))
	mux.HandleFunc("GET /reset", s.showPlain("reset"))
	mux.HandleFunc("POST /reset", s.form(s.reset))
	mux.HandleFunc("GET /account", s.showPlain("account"))
	if !s.o.NoAdmin {
		mux.HandleFunc("GET /admin", s.showPlain("admin"))
	}
	mux.Handle("GET /assets/{name}", s.assets)
	mux.HandleFunc("/", s.notFound)
	return s.secure(s.spelled(mux))
}

// spelled serves each page under one spelling: ServeMux would decode and
// redirect. No page has a character in its path that needs encoding.
func (s *site) spelled(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !rawpath.Clean(r.URL) || strings.Contains(r.URL.EscapedPath(), "%") {
			s.notFound(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// policy is the Content-Security-Policy: nothing but our own files, no inline
// script or style, no frame around us, and no markup made from text by a script.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// secure puts the headers of every page (SECURITY 51). The referrer policy is not
// no-referrer: with that, browsers send "Origin: null" with our own forms.
func (s *site) secure(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hd := w.Header()
		hd.Set("Content-Security-Policy", policy)
		hd.Set("X-Content-Type-Options", "nosniff")
		hd.Set("Referrer-Policy", "same-origin")
		hd.Set("Cross-Origin-Opener-Policy", "same-origin")
		hd.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.ServeHTTP(w, r)
	})
}
