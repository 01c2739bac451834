package legacy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxJWKS      = 256 << 10        // bytes of a key set
	jwksPatience = 5 * time.Second  // for the old system's answer
	jwksFresh    = 5 * time.Minute  // a removed key is refused after it at the latest, if the old system answers
	jwksStale    = time.Hour        // and after this, if it does not
	jwksAgain    = 10 * time.Second // between two looks: whoever makes up key ids must not keep the old system busy
)

// fileKeys are those of a JWKS file, read once.
type fileKeys []key

func (f fileKeys) keys(_ context.Context, h header) ([]key, error) { return fitting(f, h), nil }

func newJWKS(where string, now func() time.Time) (keySource, error) {
	if !strings.Contains(where, "://") {
		b, err := os.ReadFile(where)
		if err != nil {
			return nil, fmt.Errorf("legacy: %w", err)
		}
		keys, err := parseJWKS(b)
		if err != nil {
			return nil, fmt.Errorf("legacy: %s %w", where, err)
		}
		return fileKeys(keys), nil
	}
	if err := CheckJWKS(where); err != nil {
		return nil, fmt.Errorf("legacy: the JWKS %w", err)
	}
	return &remoteKeys{url: where, now: now, client: &http.Client{
		Timeout: jwksPatience,
		// Elsewhere could be anywhere, and without TLS.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// CheckJWKS says what is wrong with the place of a JWKS, if it is a URL.
func CheckJWKS(where string) error {
	if !strings.Contains(where, "://") {
		return nil
	}
	u, err := url.Parse(where)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return errors.New("must be the path of a file or a URL such as https://old.example.com/jwks.json")
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	}
	return errors.New("must come by https://, or whoever is on the way chooses the keys; http:// is for this machine only")
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// remoteKeys are fetched when they are needed, and kept for a while.
type remoteKeys struct {
	url    string
	now    func() time.Time
	client *http.Client

	known atomic.Pointer[knownKeys] // nil: none yet

	mu    sync.Mutex // one fetch at a time: the others share its outcome
	asked time.Time  // the last try
	err   error      // its outcome
}

type knownKeys struct {
	keys    []key
	fetched time.Time
}

// found gives the known keys that fit, if they are no older than age.
func (r *remoteKeys) found(h header, age time.Duration) []key {
	k := r.known.Load()
	if k == nil {
		return nil
	}
	if old := r.now().Sub(k.fetched); old < 0 || old >= age {
		return nil
	}
	return fitting(k.keys, h)
}

// keys fetches the set if it is old or lacks the id. Without an answer, what is
// known counts for up to an hour. Who has a known key never waits for somebody
// who makes one up.
func (r *remoteKeys) keys(ctx context.Context, h header) ([]key, error) {
	if found := r.found(h, jwksFresh); len(found) > 0 {
		return found, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if found := r.found(h, jwksFresh); len(found) > 0 {
		return found, nil // fetched while this one waited
	}
	now := r.now()
	if since := now.Sub(r.asked); r.asked.IsZero() || since < 0 || since >= jwksAgain {
		r.refetch(ctx, now)
	}
	found := r.found(h, jwksStale)
	if len(found) > 0 || r.err == nil {
		return found, nil
	}
	return nil, r.err
}

func (r *remoteKeys) refetch(ctx context.Context, now time.Time) {
	// One caller's disconnecting is not the others' failure.
	keys, err := r.fetch(context.WithoutCancel(ctx))
	r.asked, r.err = now, err
	if err == nil {
		r.known.Store(&knownKeys{keys, now})
	}
}

func (r *remoteKeys) fetch(ctx context.Context) ([]key, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetch the old system's keys: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch the old system's keys: %s answers %d", r.url, resp.StatusCode)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxJWKS+1))
	if err != nil {
		return nil, fmt.Errorf("fetch the old system's keys: %w", err)
	}
	if len(b) > maxJWKS {
		return nil, fmt.Errorf("fetch the old system's keys: %s answers more than %d KiB", r.url, maxJWKS>>10)
	}
	keys, err := parseJWKS(b)
	if err != nil {
		return nil, fmt.Errorf("fetch the old system's keys: what %s answers %w", r.url, err)
	}
	return keys, nil
}
