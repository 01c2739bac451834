package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/pawlauth/pawl/api"
)

// Options of New. URL must be set.
type Options struct {
	// URL is where Pawl is reached: https://host, or http on this machine.
	URL string
	// Store keeps the session from one start of the program to the next; nil: in
	// memory only.
	Store TokenStore
	// Audience of the access tokens: api.AdminAudience for a program that calls the
	// administration and nothing else (what concerns one's own account, Me too,
	// does not take those); empty: the configured one.
	Audience string
	// Transport carries the requests to Pawl; nil: one of its own, by the system's
	// certificates and proxies.
	Transport http.RoundTripper
	// UnsafeHTTP allows plain HTTP to other machines, for test networks: whoever
	// can read the network then has the password and the session.
	UnsafeHTTP bool
	Now        func() time.Time // nil: time.Now
}

// tryTimeout is when a request is given up, well within the reuse window: a
// reply that comes later must not be taken (docs/rotation.md).
const tryTimeout = 10 * time.Second

// A Client has one session, or none. It is safe for concurrent use.
type Client struct {
	base  *url.URL
	http  *http.Client
	store TokenStore
	now   func() time.Time
	wait  func(context.Context, time.Duration) error

	unsafe   bool   // Options.UnsafeHTTP
	audience string // Options.Audience

	mu       sync.Mutex
	cur      State     // what the store held when last looked at; only its access token is used
	loaded   bool      // the store was looked at since the start
	flight   *flight   // the reissue under way
	calmTo   time.Time // no reissue before: the last one was not decided, as calm says
	calm     error
	refused  error // what the issuer said of refusedT
	refusedT string
}

// New makes a client. It sends nothing.
func New(o Options) (*Client, error) {
	base, err := url.Parse(o.URL)
	if err != nil || base.Host == "" || base.RawQuery != "" || base.Fragment != "" || base.User != nil {
		return nil, fmt.Errorf("client: Options.URL is %q: write it as https://host or https://host:port", o.URL)
	}
	if err := secure(base, o.UnsafeHTTP); err != nil {
		return nil, err
	}
	c := &Client{base: base, unsafe: o.UnsafeHTTP, audience: o.Audience, store: o.Store, now: o.Now, wait: sleep}
	c.http = &http.Client{
		Transport: o.Transport,
		// A redirected POST would take the password or the token to another place.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if o.Transport == nil {
		c.http.Transport = http.DefaultTransport.(*http.Transport).Clone()
	}
	if c.store == nil {
		c.store = Memory()
	}
	if c.now == nil {
		c.now = time.Now
	}
	return c, nil
}

// SignIn starts a session and keeps it in the store. One that was there before
// is ended, as far as Pawl can be told. Label names the device in the person's
// list of sessions; it may be empty. Errors: ErrInvalidCredentials,
// ErrRateLimited and ErrUnavailable with RetryAfter; it is for a person to try
// again.
func (c *Client) SignIn(ctx context.Context, userID, password, label string) error {
	var t api.TokenResponse
	err := c.post(ctx, "/api/login", api.LoginRequest{UserID: userID, Password: password, Label: label, Delivery: api.DeliveryBody}, nil, &t)
	if err != nil {
		return err
	}
	return c.Adopt(ctx, t)
}

// Adopt takes over a session that was started otherwise, such as by a back end
// with POST /api/sessions. Its refresh token must be nobody else's.
func (c *Client) Adopt(ctx context.Context, t api.TokenResponse) error {
	if t.RefreshToken == "" || t.AccessToken == "" {
		return errors.New("client: there is no refresh token in the answer: ask for delivery in the body")
	}
	unlock, err := c.store.Lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	before, err := c.store.Load(ctx)
	if err != nil {
		return err
	}
	var s State
	s.take(t, c.now())
	if err := c.store.Save(ctx, s); err != nil {
		return err
	}
	c.remember(s)
	if before.RefreshToken != "" && before.RefreshToken != t.RefreshToken {
		_ = c.post(ctx, "/api/logout", api.LogoutBody{RefreshToken: before.RefreshToken}, nil, nil) // it idles out otherwise
	}
	return nil
}

// SignOut ends the session, here and at Pawl. If that cannot be reached the
// session stays, to try again: ErrUnavailable. Without a session it does
// nothing.
func (c *Client) SignOut(ctx context.Context) error {
	unlock, err := c.store.Lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	s, err := c.store.Load(ctx)
	if err != nil || s.RefreshToken == "" {
		return err
	}
	err = c.patiently(ctx, func(ctx context.Context) error {
		return c.post(ctx, "/api/logout", api.LogoutBody{RefreshToken: s.RefreshToken}, nil, nil)
	})
	if err != nil && !errors.Is(err, api.ErrLoginRequired) && !errors.Is(err, api.ErrInvalidToken) {
		return err
	}
	c.remember(State{}) // a token that is no good is no session either
	return c.store.Save(ctx, State{})
}

// Me says who is signed in, as Pawl sees it.
func (c *Client) Me(ctx context.Context) (api.Me, error) {
	var me api.Me
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base.JoinPath("/api/session").String(), http.NoBody)
	if err != nil {
		return me, err
	}
	resp, err := c.Transport(c.http.Transport).RoundTrip(r)
	if err != nil {
		return me, err
	}
	defer func() { _ = resp.Body.Close() }()
	return me, answer(resp, &me)
}

// ours is the state without an access token that is for another audience, such as
// that of a sign-in.
func (c *Client) ours(s State) State {
	if s.Audience != c.audience {
		s.AccessToken = ""
	}
	return s
}

func (c *Client) remember(s State) {
	s = c.ours(s)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cur, c.loaded, c.refused, c.refusedT, c.calm, c.calmTo = s, true, nil, "", nil, time.Time{}
}
