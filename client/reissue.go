package client

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/pawlauth/pawl/api"
)

// flight is a reissue under way, shared by all who want one.
type flight struct {
	done  chan struct{}
	token string
	err   error
}

// Token gives an access token that is good, reissuing it where it is due.
// Errors: ErrUnauthenticated (nobody has signed in), ErrLoginRequired with the
// reason (the session is over), ErrUnavailable (Pawl does not answer, and the
// access token has expired; the session goes on later), ctx's, the store's.
func (c *Client) Token(ctx context.Context) (string, error) {
	c.mu.Lock()
	now := c.now()
	switch s, calm := c.cur, now.Before(c.calmTo); {
	case s.fresh(now), calm && s.good(now):
		c.mu.Unlock()
		return s.AccessToken, nil
	case calm:
		defer c.mu.Unlock()
		return "", c.calm
	}
	return c.join(ctx, "")
}

// Renew gives another access token than used, which a resource server has
// refused. Errors are those of Token.
func (c *Client) Renew(ctx context.Context, used string) (string, error) {
	for try := 0; ; try++ {
		c.mu.Lock()
		now := c.now()
		switch s := c.cur; {
		case s.AccessToken != used && s.fresh(now):
			c.mu.Unlock()
			return s.AccessToken, nil
		case now.Before(c.calmTo):
			defer c.mu.Unlock()
			return "", c.calm
		}
		t, err := c.join(ctx, used)
		if err != nil || t != used || try > 0 { // a flight that was under way may know nothing of the refusal
			return t, err
		}
	}
}

// join waits for the reissue under way, or starts it: one at a time, whoever
// asks. The flight outlives a caller that gives up; the others still want it.
// c.mu is held, and let go.
func (c *Client) join(ctx context.Context, used string) (string, error) {
	f := c.flight
	if f == nil {
		f = &flight{done: make(chan struct{})}
		c.flight = f
		go c.fly(context.WithoutCancel(ctx), f, used)
	}
	c.mu.Unlock()
	select {
	case <-f.done:
		return f.token, f.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// longest bounds a flight: who holds the store's lock may hang.
const longest = 2 * time.Minute

func (c *Client) fly(ctx context.Context, f *flight, used string) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	f.token, f.err = c.reissue(ctx, used)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flight = nil
	close(f.done)
}

// reissue does it, unless somebody else who shares the store has.
func (c *Client) reissue(ctx context.Context, used string) (string, error) {
	unlock, err := c.store.Lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	s, err := c.load(ctx)
	if err != nil {
		return "", err
	}
	switch {
	case s.RefreshToken == "":
		err = api.ErrUnauthenticated.With("Nobody is signed in here. Sign in first.")
	case s.AccessToken != used && s.fresh(c.now()):
	case c.known(s.RefreshToken) != nil:
		return "", c.known(s.RefreshToken)
	default:
		s, err = c.send(ctx, s, used)
	}
	return c.settle(s, err, used)
}

// settle keeps what came of it, while the store is still locked: a sign-out that
// comes next has the last word.
func (c *Client) settle(s State, err error, used string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	c.cur, c.calm, c.calmTo = s, nil, time.Time{}
	switch {
	case err == nil:
		return s.AccessToken, nil
	case retriable(err):
		c.calm, c.calmTo = err, now.Add(max(api.AsError(err).RetryAfter, time.Second))
		if used == "" && s.good(now) { // early, and not decided
			return s.AccessToken, nil
		}
	default:
		c.cur = State{}
	}
	return "", err
}

// load looks into the store. For the first time since the start, the key is
// what a restart makes of it.
func (c *Client) load(ctx context.Context) (State, error) {
	s, err := c.store.Load(ctx)
	if err != nil {
		return s, err
	}
	s = c.ours(s)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.loaded {
		s.Key = s.Key.restarted(c.now())
		c.loaded = true
	}
	return s, nil
}

// send asks Pawl, with a key that is in the store before the request is out: if
// the answer gets lost, with this program or without it, the key fetches it.
func (c *Client) send(ctx context.Context, s State, used string) (State, error) {
	doubt := s.Key.Pending
	s.Key = s.Key.next(c.now())
	if err := c.store.Save(ctx, s); err != nil {
		return s, err
	}
	header := http.Header{"Idempotency-Key": {s.Key.Value}}
	if s.good(c.now()) && used == "" { // case 3: a session idle for too long goes on with it
		header.Set("Authorization", "Bearer "+s.AccessToken)
	}
	var t api.TokenResponse
	try := func(ctx context.Context) error {
		t = api.TokenResponse{}
		err := c.post(ctx, "/api/reissue", api.ReissueBody{RefreshToken: s.RefreshToken, Audience: c.audience}, header, &t)
		if err == nil && t.AccessToken == "" {
			err = api.ErrUnavailable.Wrap(errors.New("an answer without a token"))
		}
		doubt = doubt || retriable(err)
		return err
	}
	tries := c.patiently
	if s.good(c.now()) && used == "" { // there is time: nobody waits for more than one
		tries = once
	}
	if err := tries(ctx, try); err != nil {
		return s, c.refusal(ctx, s, err)
	}
	s.take(t, c.now())
	s.Audience = c.audience
	s.Key = s.Key.succeeded(c.now(), doubt)
	// Where this fails, the store has the token before and the key, which fetch
	// the same again: the access token is good meanwhile.
	_ = c.store.Save(ctx, s)
	return s, nil
}

// refusal remembers what the issuer has decided, so that nobody asks it again
// and again about the same token. A session that is over is dropped.
func (c *Client) refusal(ctx context.Context, s State, err error) error {
	over := errors.Is(err, api.ErrLoginRequired)
	if !over && !errors.Is(err, api.ErrInvalidToken) {
		return err
	}
	c.mu.Lock()
	c.refused, c.refusedT = err, s.RefreshToken
	c.mu.Unlock()
	if over {
		err = errors.Join(err, c.store.Save(ctx, State{}))
	}
	return err
}

func (c *Client) known(refreshToken string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refusedT == refreshToken {
		return c.refused
	}
	return nil
}
