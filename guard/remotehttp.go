package guard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pawlauth/pawl/api"
)

const (
	dialTimeout   = 3 * time.Second
	headerTimeout = 5 * time.Second
	getTimeout    = 10 * time.Second
)

// checkURL wants TLS, but for this machine: the secret and the feed would cross
// the network in clear, and whoever is between could withhold ends and add keys.
func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(text, "/"):
		return fmt.Errorf("guard: the issuer's URL %q must be such as https://login.example.com, without a slash at its end", text)
	case u.Scheme == "https", u.Scheme == "http" && api.ThisMachine(u.Hostname()):
		return nil
	}
	return fmt.Errorf("guard: the issuer's URL %q must begin with https://: only on this machine may it be http", text)
}

// newHTTP makes the client: no redirects, which would carry the secret
// elsewhere.
func newHTTP(transport http.RoundTripper) *http.Client {
	if transport == nil {
		transport = newTransport()
	}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return errRedirect
	}}
}

var errRedirect = errors.New("it redirects elsewhere, which is not followed: set Issuer, or URL, to where it is")

// newTransport speaks HTTP/1.1 only: a dead connection is then closed with the
// stream that it held, where HTTP/2 would use it for the next one.
func newTransport() *http.Transport {
	var only http.Protocols
	only.SetHTTP1(true)
	return &http.Transport{
		Proxy:       http.ProxyFromEnvironment,
		DialContext: (&net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}).DialContext,
		Protocols:   &only, TLSHandshakeTimeout: dialTimeout, ResponseHeaderTimeout: headerTimeout,
		MaxIdleConns: 2, IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: 32 << 10,
	}
}

// statusError is an answer that is no success.
type statusError struct {
	status int
	detail string
	after  time.Duration // Retry-After
}

func (e *statusError) Error() string {
	return fmt.Sprintf("it answers %d: %s", e.status, strings.TrimSuffix(e.detail, "."))
}

// finalError is one that waiting does not mend.
type finalError struct{ error }

func (e finalError) Unwrap() error { return e.error }

// isFinal reports whether somebody has to do something about it.
func isFinal(err error) bool {
	var status *statusError
	if errors.As(err, &status) {
		return unregistered(status)
	}
	return errors.As(err, new(finalError)) || errors.Is(err, errRedirect)
}

// unregistered reports whether the client is not registered, or lacks the scope.
func unregistered(e *statusError) bool {
	return e.status == http.StatusUnauthorized || e.status == http.StatusForbidden
}

// get fetches a document of at most limit bytes.
func (r *RemoteIssuer) get(ctx context.Context, address string, limit int64) ([]byte, http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Cache-Control", "no-cache") // a cache between may hold a removed key
	resp, err := r.http.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return nil, nil, err
	case resp.StatusCode != http.StatusOK:
		return nil, nil, statusOf(resp, b)
	case int64(len(b)) > limit:
		return nil, nil, fmt.Errorf("%s answers with more than %d bytes", address, limit)
	}
	return b, resp.Header, nil
}

func statusOf(resp *http.Response, body []byte) error {
	e := api.ReadProblem(resp.StatusCode, resp.Header, body)
	return &statusError{resp.StatusCode, e.Detail, e.RetryAfter}
}
