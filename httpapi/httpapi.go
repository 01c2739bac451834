package httpapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/guard"
)

// Options of New. The zero value is right for a service that browsers reach
// directly, by TLS, and from its own origin only.
type Options struct {
	// Cookie is how the refresh cookie is written.
	Cookie api.Cookie
	// LegacyCookie is the refresh cookie of the system whose sessions move in
	// (pawl.Config.Legacy); its zero value is never looked at.
	LegacyCookie api.LegacyCookie
	// TrustedOrigins are the other origins whose pages may use the API with
	// credentials, each exactly: scheme, host and, where it is not the scheme's
	// default, port ("https://app.example.com").
	TrustedOrigins []string
	// TrustedProxies are the networks of the reverse proxies in front. Only from
	// them are X-Forwarded-For and X-Forwarded-Proto believed (SECURITY 43).
	TrustedProxies []netip.Prefix
	// HSTS is the max-age of Strict-Transport-Security, sent on answers that
	// travel by TLS; 0: not sent.
	HSTS time.Duration
	// ResetURL is the page on which people set a password with a one-time code,
	// which is put behind it as "#code=…"; empty: reset links are not made.
	ResetURL string
	// VerifyReissue lets /api/verify reissue, and keep a browser's access token in
	// a cookie, for gateways that prove themselves by one of GatewaySecrets, which
	// must not be empty then. They pass Set-Cookie and Authorization of its answers
	// on to the client, and the client's method to it (docs/gateways.md).
	VerifyReissue bool
	// GatewaySecrets are what a gateway may send to /api/verify in Pawl-Gateway, as
	// api.CheckGatewaySecret has them. Several are for the time in which one takes the
	// place of another. A request with any other is refused with 403.
	GatewaySecrets []string
	// AdminElsewhere leaves /admin/api out of what New makes: NewAdmin serves it,
	// on a listener of its own.
	AdminElsewhere bool
	// Pages is asked for what is none of the API's paths: package webui makes what
	// people see. nil: such a path is answered 404, as a problem document.
	Pages http.Handler
	// Version is shown by /healthz; empty: not shown.
	Version string
	// OnRequest is told of each request when it is over: the pattern of its route
	// ("" or "/" where there is none), the status (0: nothing was answered) and how
	// long it took. nil: nobody. It is called concurrently and must be quick.
	OnRequest func(route string, status int, took time.Duration)
	// Log takes the access log and what went wrong; nil: slog.Default().
	Log *slog.Logger
}

// server is what the handlers share.
type server struct {
	svc      *pawl.Service
	guard    *guard.Guard // of tokens for the configured audience
	admins   *guard.Guard // of those for the administration, and, to say so, of the others
	o        Options
	log      *slog.Logger
	cross    *http.CrossOriginProtection
	origins  map[string]bool
	gateways *gateways
	routes   routes
	listing  chan struct{} // one for each list being made
}

// New makes the handler of the whole API. It is safe for concurrent use. The
// error says which option cannot be used.
func New(svc *pawl.Service, o Options) (http.Handler, error) {
	s, err := newServer(svc, o)
	if err != nil {
		return nil, err
	}
	s.mount()
	return s.handler(), nil
}

func newServer(svc *pawl.Service, o Options) (*server, error) {
	if svc == nil {
		return nil, errors.New("httpapi: a *pawl.Service is needed")
	}
	// In-process checks use the service's own clock: no leeway.
	g, err := guard.New(svc, guard.Options{Issuer: svc.Issuer(), Audience: svc.Audience(), Now: svc.Now})
	if err != nil {
		return nil, err
	}
	// Administrators are few: no second cache.
	every := append(slices.Clone(svc.Audience()), svc.AdminAudience())
	admins, err := guard.New(svc, guard.Options{Issuer: svc.Issuer(), Audience: every, Now: svc.Now, CacheSize: -1})
	if err != nil {
		return nil, err
	}
	known, err := newGateways(o)
	if err != nil {
		return nil, err
	}
	s := &server{
		svc: svc, guard: g, admins: admins, o: o, log: o.Log,
		cross:    http.NewCrossOriginProtection(),
		origins:  map[string]bool{},
		gateways: known,
		routes:   routes{},
		listing:  make(chan struct{}, listPlaces),
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	for _, p := range o.TrustedProxies {
		if _, err := api.ParseNetwork(p.String()); err != nil {
			return nil, fmt.Errorf("httpapi: trusted proxy %v: %w", p, err)
		}
	}
	for _, origin := range o.TrustedOrigins {
		if err := errors.Join(api.CheckOrigin(origin), s.cross.AddTrustedOrigin(origin)); err != nil {
			return nil, fmt.Errorf("httpapi: trusted origin %q: %w", origin, err)
		}
		s.origins[origin] = true
	}
	s.o.LegacyCookie = o.LegacyCookie.Beside(o.Cookie)
	return s, nil
}

// mount is the one place where the features are wired.
func (s *server) mount() {
	s.mountLogin()
	s.mountReissue()
	s.mountLogout()
	s.mountSessions()
	s.mountStart()
	s.mountPassword()
	s.mountReset()
	s.mountSetup()
	s.mountVerify()
	s.mountFeed()
	s.mountKeys()
	s.mountHealth()
	s.mountOpenAPI()
	if !s.o.AdminElsewhere {
		s.mountAdmin()
	}
}

// handler puts around the routes what concerns every request, outermost last.
func (s *server) handler() http.Handler {
	return bounded(s.observe(s.recoverPanics(s.cors(s.routes.handler(s.o.Pages)))))
}
