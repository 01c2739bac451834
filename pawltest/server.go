package pawltest

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/guard"
	"github.com/pawlauth/pawl/httpapi"
	"github.com/pawlauth/pawl/store/memory"
)

// Audience is the aud of the access tokens, unless WithConfig says otherwise.
const Audience = "pawltest"

// Server is a running Pawl. Its methods are safe for concurrent use; those that
// can fail end the test instead.
type Server struct {
	URL     string        // https://127.0.0.1:port; also the issuer
	Service *pawl.Service // for what a test does past HTTP
	Clock   *Clock        // the service's and the guard's

	t      testing.TB
	http   *httptest.Server
	api    http.Handler
	faults *faults
	users  pawl.UserStore // nil where WithConfig brought users of another kind
	drop   atomic.Int64   // replies still to drop
}

// setup is what options change.
type setup struct {
	config pawl.Config
	api    httpapi.Options
}

// Option changes what NewServer makes.
type Option func(*setup)

// WithConfig changes the service's configuration: lifetimes, limits, users of
// one's own. Issuer, audience, stores, master key and clock are set already.
func WithConfig(change func(*pawl.Config)) Option {
	return func(s *setup) { change(&s.config) }
}

// WithAPI changes the options of the HTTP API.
func WithAPI(change func(*httpapi.Options)) Option {
	return func(s *setup) { change(&s.api) }
}

// NewServer starts a Pawl that stops when the test ends. Users are looked up
// afresh at every reissue, the log is discarded, and time stands still until
// the test moves it.
func NewServer(t testing.TB, opts ...Option) *Server {
	t.Helper()
	s := &Server{t: t, Clock: newClock(), faults: newFaults()}
	s.http = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.URL = "https://" + s.http.Listener.Addr().String()
	set := s.defaults()
	for _, o := range opts {
		o(&set)
	}
	s.users, _ = set.config.Users.(pawl.UserStore)
	set.config.Sessions = faultySessions{set.config.Sessions, s.faults}
	set.config.Users = s.faults.overUsers(set.config.Users)
	set.config.Keys = faultyKeys{set.config.Keys, s.faults}

	var err error
	if s.Service, err = pawl.New(context.Background(), set.config); err != nil {
		s.http.Close()
		t.Fatalf("pawltest: %v", err)
	}
	if s.api, err = httpapi.New(s.Service, set.api); err != nil {
		s.Service.Close()
		s.http.Close()
		t.Fatalf("pawltest: %v", err)
	}
	s.http.Config = httpapi.Server(s.http.Config.Handler, httpapi.ServerOptions{Log: set.api.Log})
	s.http.StartTLS()
	t.Cleanup(func() {
		s.http.CloseClientConnections() // a feed of revocations would never end
		s.http.Close()
		s.Service.Close()
	})
	return s
}

func (s *Server) defaults() setup {
	store, quiet := memory.New(), slog.New(slog.DiscardHandler)
	return setup{
		config: pawl.Config{
			Issuer: s.URL, Audience: []string{Audience},
			Sessions: store, Users: store, Keys: store, Clients: store, MasterKey: pawl.NewMasterKey(),
			Hasher: hasher(), UserCache: -1, Now: s.Clock.Now, Elapsed: s.Clock.Elapsed, Log: quiet,
		},
		api: httpapi.Options{Log: quiet},
	}
}

// Client is a browser: a client of its own, with an empty cookie jar, that
// trusts the server's certificate. It keeps no connection open, because net/http
// repeats a request with an Idempotency-Key by itself when a kept one breaks.
func (s *Server) Client() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatalf("pawltest: %v", err)
	}
	transport := s.http.Client().Transport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true
	return &http.Client{Jar: jar, Transport: transport}
}

// Guard is a guard of this Pawl, as an application in the same process has it.
func (s *Server) Guard() *guard.Guard {
	s.t.Helper()
	g, err := guard.New(s.Service, guard.Options{Issuer: s.Service.Issuer(), Audience: s.Service.Audience(), Now: s.Clock.Now})
	if err != nil {
		s.t.Fatalf("pawltest: %v", err)
	}
	return g
}

// AddUser adds a user with a password; the password's rules are not applied.
// Hashes are kept for the whole process, so that only the first use of a
// password costs time here.
func (s *Server) AddUser(login, password string, roles ...string) pawl.User {
	s.t.Helper()
	folded, err := pawl.FoldLogin(login)
	if err != nil {
		s.t.Fatalf("pawltest: AddUser: %v", err)
	}
	return s.Add(pawl.User{ID: "id-" + folded, Login: folded, PasswordHash: hash(s.t, password), Roles: roles})
}

// Add adds a user as given.
func (s *Server) Add(u pawl.User) pawl.User {
	s.t.Helper()
	if s.users == nil {
		s.t.Fatalf("pawltest: these users cannot be added to: WithConfig brought others")
	}
	if err := s.users.CreateUser(context.Background(), u); err != nil {
		s.t.Fatalf("pawltest: add user %s: %v", u.Login, err)
	}
	return u
}

// AdminToken starts a session as SignIn does, for a user with the role admin, and
// returns an access token that /admin/api takes; those of SignIn, which are for
// resource servers, it refuses.
func (s *Server) AdminToken(userID string) string {
	s.t.Helper()
	t, err := s.Service.Reissue(context.Background(), api.ReissueRequest{
		RefreshToken: s.SignIn(userID).RefreshToken, Audience: s.Service.AdminAudience(),
	})
	if err != nil {
		s.t.Fatalf("pawltest: a token of the administration for %s: %v", userID, err)
	}
	return t.AccessToken
}

// SignIn starts a session without a password, which costs no hashing, and gives
// its tokens.
func (s *Server) SignIn(userID string) api.Tokens {
	s.t.Helper()
	t, err := s.Service.Start(context.Background(), userID, pawl.Client{})
	if err != nil {
		s.t.Fatalf("pawltest: sign in %s: %v", userID, err)
	}
	return t
}
