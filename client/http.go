package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/pawlauth/pawl/api"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1 << 20

// post sends a JSON body and decodes the answer. Errors are *api.Error; where
// none came, ErrUnavailable.
func (c *Client) post(ctx context.Context, path string, in any, header http.Header, out any) error {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base.JoinPath(path).String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	for name, values := range header {
		r.Header[name] = values
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Pawl-Request", "1")
	resp, err := c.http.Do(r)
	if err != nil {
		return unanswered(err)
	}
	defer func() { _ = resp.Body.Close() }()
	return answer(resp, out)
}

// answer reads a response: what out takes, or what Error makes of it.
func answer(resp *http.Response, out any) error {
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return Error(resp)
	}
	if out == nil {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return unanswered(err)
	}
	if err := json.Unmarshal(b, out); err != nil {
		return api.ErrUnavailable.Wrap(fmt.Errorf("the answer of %s is not Pawl's: %w", resp.Request.URL.Host, err))
	}
	return nil
}

// Error turns the response of Pawl, or of anything that guards its handlers with
// package guard, back into the *api.Error it was made from, so that errors.Is
// works with the sentinels of package api. It is nil for a status below 300. It
// reads the body and leaves it open.
func Error(resp *http.Response) error {
	switch {
	case resp.StatusCode < 300:
		return nil
	case resp.StatusCode < 400:
		return api.ErrInvalidRequest.With("The address redirects to %s. Use the final address.", origin(location(resp)))
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return unanswered(err)
	}
	return api.ReadProblem(resp.StatusCode, resp.Header, b)
}

func location(resp *http.Response) *url.URL {
	u, err := resp.Location()
	if err != nil {
		return &url.URL{}
	}
	return u
}

// unanswered: what happened at the other end is not known.
func unanswered(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return api.ErrUnavailable.Wrap(err)
}

// retriable: the server has not decided, or no answer came.
func retriable(err error) bool {
	return errors.Is(err, api.ErrUnavailable) || errors.Is(err, api.ErrRateLimited)
}

// patience is how long a request that nobody decides is tried again.
const patience = 30 * time.Second

// patiently tries f until it is decided. Waiting doubles from a quarter of a
// second, is spread at random so that the clients of an issuer that comes back
// do not all come at once, and is never shorter than what Retry-After says.
func (c *Client) patiently(ctx context.Context, f func(context.Context) error) error {
	waited := time.Duration(0)
	for pause := 250 * time.Millisecond; ; pause *= 2 {
		err := f(ctx)
		if !retriable(err) {
			return err
		}
		d := jitter(pause)
		if after := api.AsError(err).RetryAfter; after > 0 {
			d = max(d, after+jitter(after/4))
		}
		if waited += d; waited > patience {
			return err
		}
		if c.wait(ctx, d) != nil {
			return err
		}
	}
}

func once(ctx context.Context, f func(context.Context) error) error { return f(ctx) }

// jitter is between half of d and d.
func jitter(d time.Duration) time.Duration { return d/2 + fraction(d/2) }

// fraction is from 0 to d, at random.
func fraction(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	return time.Duration(binary.LittleEndian.Uint64(b[:]) % uint64(d+1))
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// secure refuses addresses on which others can read along.
func secure(u *url.URL, unsafe bool) error {
	switch {
	case u.Scheme == "https", u.Scheme == "http" && (unsafe || api.ThisMachine(u.Hostname())):
		return nil
	case u.Scheme == "http":
		return fmt.Errorf("client: %s is not encrypted: use https", origin(u))
	}
	return fmt.Errorf("client: %q is no address of the web: write https://host", u)
}
