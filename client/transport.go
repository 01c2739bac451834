package client

import (
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Transport gives a RoundTripper that attaches the access token to requests to
// the given origins ("https://api.example.com"), and to Pawl's own; to no other,
// so that no redirect and no wrong link carries a token away. base sends the
// requests; nil: as http.DefaultTransport does.
//
// Where the token is refused as not valid, it is reissued once and the request
// sent again, if its body can be (http.Request.GetBody); a second refusal is the
// answer. If the session is over, or Pawl cannot be reached, RoundTrip gives the
// error of Token. A request that has an Authorization header keeps it. It panics
// on an origin that is none, or not encrypted and not on this machine.
func (c *Client) Transport(base http.RoundTripper, origins ...string) http.RoundTripper {
	t := &transport{c: c, base: base, origins: map[string]bool{origin(c.base): true}}
	if base == nil {
		t.base = http.DefaultTransport
	}
	for _, o := range origins {
		u, err := url.Parse(o)
		if err == nil {
			err = secure(u, c.unsafe)
		}
		if err == nil && u.Host == "" {
			err = secure(&url.URL{Opaque: o}, false)
		}
		if err != nil {
			panic(err)
		}
		t.origins[origin(u)] = true
	}
	return t
}

type transport struct {
	c       *Client
	base    http.RoundTripper
	origins map[string]bool
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !t.origins[origin(r.URL)] || r.Header.Get("Authorization") != "" {
		return t.base.RoundTrip(r)
	}
	token, err := t.c.Token(r.Context())
	if err != nil {
		closeBody(r.Body)
		return nil, err
	}
	resp, err := t.base.RoundTrip(with(r, token, r.Body))
	if err != nil || !refusesToken(resp) {
		return resp, err
	}
	body, ok := again(r)
	if !ok {
		return resp, nil
	}
	drain(resp)
	if token, err = t.c.Renew(r.Context(), token); err != nil {
		closeBody(body)
		return nil, err
	}
	return t.base.RoundTrip(with(r, token, body))
}

// with is a copy of r: a RoundTripper must not change the request it was given.
func with(r *http.Request, token string, body io.ReadCloser) *http.Request {
	r = r.Clone(r.Context())
	r.Body = body
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

// refusesToken: RFC 6750 §3.1. A 401 about something else, such as a wrong
// current password, is no reason to send the request again.
func refusesToken(resp *http.Response) bool {
	if resp.StatusCode != http.StatusUnauthorized {
		return false
	}
	for _, challenge := range resp.Header.Values("WWW-Authenticate") {
		scheme, rest, _ := strings.Cut(challenge, " ")
		if strings.EqualFold(scheme, "Bearer") && strings.Contains(rest, `error="invalid_token"`) {
			return true
		}
	}
	return false
}

// again gives the request's body once more, if that is possible.
func again(r *http.Request) (io.ReadCloser, bool) {
	switch {
	case r.Body == nil || r.Body == http.NoBody:
		return r.Body, true
	case r.GetBody == nil:
		return nil, false
	}
	body, err := r.GetBody()
	return body, err == nil
}

func drain(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer) // so that the connection can be used again
	_ = resp.Body.Close()
}

func closeBody(b io.Closer) {
	if b != nil {
		_ = b.Close()
	}
}

// origin is scheme, host and port, in one form (RFC 6454 §4).
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[strings.ToLower(u.Scheme)]
	}
	return strings.ToLower(u.Scheme) + "://" + strings.ToLower(u.Hostname()) + ":" + port
}
