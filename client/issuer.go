package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/pawlauth/pawl/api"
)

// A Reissuer asks Pawl over HTTP on behalf of browsers whose refresh cookie
// reaches this program too: it is the issuer of guard.Inline in a process of
// its own. The program must be reached under the same host as Pawl, or browsers
// send it no __Host- cookie. It keeps nothing.
type Reissuer struct {
	// URL is where Pawl is reached: https, or http on this machine.
	URL string
	// Cookie is the refresh cookie as Pawl writes it.
	Cookie api.Cookie
	// Transport carries the requests; nil: http.DefaultTransport.
	Transport http.RoundTripper
	// UnsafeHTTP allows plain HTTP to other machines: whoever can read the network
	// between them has the sessions.
	UnsafeHTTP bool
	Now        func() time.Time // nil: time.Now
}

// Reissue sends what the browser presented. The person's address goes along as
// X-Forwarded-For, which Pawl believes if this machine is in trusted_proxies.
// Errors: what Pawl answered; ErrUnavailable where it did not.
func (i *Reissuer) Reissue(ctx context.Context, r api.ReissueRequest) (api.Tokens, error) {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	req, err := i.request(ctx, r)
	if err != nil {
		return api.Tokens{}, err
	}
	web := http.Client{Transport: i.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := web.Do(req)
	if err != nil {
		return api.Tokens{}, unanswered(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var t api.TokenResponse
	if err := answer(resp, &t); err != nil {
		return api.Tokens{}, err
	}
	if t.AccessToken == "" {
		return api.Tokens{}, api.ErrUnavailable.Wrap(errors.New("an answer without a token"))
	}
	return i.tokens(t, resp.Cookies()), nil
}

func (i *Reissuer) request(ctx context.Context, r api.ReissueRequest) (*http.Request, error) {
	u, err := url.Parse(i.URL)
	if err == nil {
		err = secure(u, i.UnsafeHTTP)
	}
	if err != nil {
		return nil, err
	}
	var body []byte
	if r.Audience != "" {
		if body, err = json.Marshal(api.ReissueBody{Audience: r.Audience}); err != nil { //nolint:gosec // no refresh token: the cookie carries it
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.JoinPath("/api/reissue").String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.AddCookie(&http.Cookie{Name: i.Cookie.Name(), Value: r.RefreshToken}) //nolint:gosec // a request's, which has no attributes
	req.Header.Set("Pawl-Request", "1")
	for name, value := range map[string]string{
		"Authorization": bearer(r.AccessToken), "Idempotency-Key": r.IdempotencyKey,
		"X-Forwarded-For": r.Address, "User-Agent": r.Agent,
	} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	return req, nil
}

func bearer(token string) string {
	if token == "" {
		return ""
	}
	return "Bearer " + token
}

func (i *Reissuer) tokens(t api.TokenResponse, cookies []*http.Cookie) api.Tokens {
	now := time.Now
	if i.Now != nil {
		now = i.Now
	}
	out := api.Tokens{
		AccessToken: t.AccessToken, AccessExpires: now().Add(time.Duration(t.ExpiresIn) * time.Second), SessionID: t.SessionID,
	}
	for _, k := range cookies { // others may be a load balancer's
		if k.Name == i.Cookie.Name() && k.MaxAge > 0 {
			out.RefreshToken, out.SetCookie = k.Value, true
			out.Ends = now().Add(time.Duration(k.MaxAge) * time.Second)
		}
	}
	return out
}
