package guard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

const (
	maxMetadata  = 64 << 10
	maxKeys      = 256 << 10 // as token.ParseJWKS
	keysPath     = "/.well-known/jwks.json"
	metadataPath = "/.well-known/oauth-authorization-server"

	defaultKeyAge = time.Minute
	minKeyAge     = 10 * time.Second
	maxKeyAge     = time.Hour
	// unknownEvery is how often tokens of unknown keys may have the keys fetched,
	// however many there are.
	unknownEvery = 5 * time.Second
	unknownWait  = 2 * time.Second
)

// keyState is what is known of the issuer's keys; under RemoteIssuer.mu.
type keyState struct {
	fetched []*token.Key // as they were published, but for those that the feed has taken back
	named   []string     // by the feed, while it is connected; nil: not known
	gone    []string     // what the feed has taken back while it is connected
	at      time.Time    // of the last fetch that succeeded
	maxAge  time.Duration
	asked   time.Time // when a token of an unknown key last had them fetched
	answer  bool      // and whether they were fetched since
	trouble error
}

// missing reports whether the feed names a key that could not be fetched yet.
func (k *keyState) missing() bool {
	return slices.ContainsFunc(k.named, func(id string) bool {
		return !slices.ContainsFunc(k.fetched, func(key *token.Key) bool { return key.ID() == id })
	})
}

// firstKeys checks the issuer and fetches its keys, again and again until ctx is
// done.
func (r *RemoteIssuer) firstKeys(ctx context.Context) error {
	var wait backoff
	for {
		err := r.fetchKeys(ctx)
		if err == nil || isFinal(err) {
			return err
		}
		if wait.tries == 0 {
			r.o.Log.Warn("waits for the issuer", "issuer", r.o.Issuer, "error", err)
		}
		if !wait.next(ctx, err) {
			return err
		}
	}
}

// check holds the issuer's metadata against what is expected, once (SECURITY
// 19): a guard pointed at another issuer would take its tokens.
func (r *RemoteIssuer) check(ctx context.Context) error {
	r.mu.Lock()
	passed := r.passed
	r.mu.Unlock()
	if passed {
		return nil
	}
	b, err := r.metadata(ctx)
	if err != nil {
		return err
	}
	var doc struct {
		Issuer  string `json:"issuer"`
		KeysURI string `json:"jwks_uri"`
	}
	switch err := json.Unmarshal(b, &doc); {
	case err != nil:
		return finalError{fmt.Errorf("its metadata are not JSON: is a Pawl there? %w", err)}
	case doc.Issuer != r.o.Issuer:
		return finalError{fmt.Errorf("its metadata say that it is %q: set RemoteOptions.Issuer to exactly that, or URL to where the right one is", doc.Issuer)}
	case doc.KeysURI != r.o.Issuer+keysPath:
		return finalError{fmt.Errorf("its metadata say that its keys are at %q, and not at %q as those of a Pawl", doc.KeysURI, r.o.Issuer+keysPath)}
	}
	r.mu.Lock()
	r.passed = true
	r.mu.Unlock()
	return nil
}

// metadata fetches the document: where RFC 8414 section 3.1 wants it, or below
// the path of an issuer that has one.
func (r *RemoteIssuer) metadata(ctx context.Context) ([]byte, error) {
	u, err := url.Parse(r.o.URL)
	if err != nil {
		return nil, err
	}
	b, _, err := r.get(ctx, strings.TrimSuffix(r.o.URL, u.Path)+metadataPath+u.Path, maxMetadata)
	var status *statusError
	if u.Path != "" && errors.As(err, &status) && status.status == http.StatusNotFound {
		b, _, err = r.get(ctx, r.o.URL+metadataPath, maxMetadata)
	}
	return b, err
}

// fetchKeys fetches the key set and puts it in force.
func (r *RemoteIssuer) fetchKeys(ctx context.Context) error {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done(): // whoever fetches takes longer than this caller can wait
		return ctx.Err()
	}
	set, header, err := r.published(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ring.trouble = err; err != nil {
		return err
	}
	r.ring.fetched, r.ring.at, r.ring.maxAge, r.ring.answer = set.Keys(), r.o.Now(), maxAge(header), true
	return r.useKeys()
}

// published fetches the key set of the issuer that was checked.
func (r *RemoteIssuer) published(ctx context.Context) (*token.KeySet, http.Header, error) {
	if err := r.check(ctx); err != nil {
		return nil, nil, err
	}
	b, header, err := r.get(ctx, r.o.URL+keysPath, maxKeys)
	if err != nil {
		return nil, nil, err
	}
	set, err := token.ParseJWKS(b)
	if err == nil && len(set.Keys()) == 0 {
		err = finalError{errors.New("it publishes no keys: one that signs with HS256 alone can be checked in its own process only")}
	}
	return set, header, err
}

// named takes the feed's list of the keys in force. One that is not on it is
// refused from now on, and comes back by no cache in between: only by another
// list.
func (r *RemoteIssuer) named(ids []string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := &r.ring
	k.named = ids
	k.gone = slices.DeleteFunc(k.gone, func(id string) bool { return slices.Contains(ids, id) })
	for _, key := range k.fetched {
		if !slices.Contains(ids, key.ID()) {
			k.gone = append(k.gone, key.ID())
		}
	}
	if k.missing() {
		r.wantKeys()
	}
	return r.useKeys()
}

// useKeys puts in force what was fetched and not taken back; mu is held. A set
// of the same keys stays the same set, so that guards need not check anew what
// they have checked.
func (r *RemoteIssuer) useKeys() error {
	r.ring.fetched = slices.DeleteFunc(r.ring.fetched, func(k *token.Key) bool { return slices.Contains(r.ring.gone, k.ID()) })
	old := r.keys.Load()
	if old != nil && sameKeys(old.Keys(), r.ring.fetched) {
		return nil
	}
	set, err := token.NewKeySet(nil, r.ring.fetched...)
	if err != nil {
		return err
	}
	r.keys.Store(set)
	r.saveKeys(set)
	return nil
}

func sameKeys(a, b []*token.Key) bool {
	return slices.EqualFunc(a, b, func(x, y *token.Key) bool { return x.ID() == y.ID() })
}

// wantKeys has the keys fetched soon.
func (r *RemoteIssuer) wantKeys() {
	select {
	case r.fetch <- struct{}{}:
	default:
	}
}

// keepKeys fetches the keys ahead of their max-age, and when they are wanted.
func (r *RemoteIssuer) keepKeys(ctx context.Context) {
	var wait backoff
	for {
		r.mu.Lock()
		again, failed := r.ring.maxAge*3/4, r.ring.trouble
		missing := r.ring.missing()
		r.mu.Unlock()
		if failed != nil || missing {
			if !wait.next(ctx, failed) {
				return
			}
		} else {
			wait = backoff{}
			if !r.pause(ctx, jitter(max(again, minKeyAge*3/4))) {
				return
			}
		}
		if err := r.fetchKeys(ctx); err != nil && failed == nil && ctx.Err() == nil {
			r.o.Log.Warn("cannot fetch the issuer's keys", "issuer", r.o.Issuer, "error", err)
		}
	}
}

// pause waits until d is over or the keys are wanted.
func (r *RemoteIssuer) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.fetch:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// Unknown is asked about a token whose key is not in the set. One caller in five
// seconds fetches the keys, and may look again (nil); whatever comes meanwhile is
// ErrInvalidToken, or ErrUnavailable where the keys could not be fetched. So a
// flood of garbage has next to nothing fetched (SECURITY 18).
func (r *RemoteIssuer) Unknown(now time.Time) error {
	invalid, notKnown := api.ErrInvalidToken.Wrap(token.ErrUnknownKey), api.ErrUnavailable.Wrap(token.ErrUnknownKey)
	r.mu.Lock()
	k := &r.ring
	if since := now.Sub(k.asked); !k.asked.IsZero() && since >= 0 && since < unknownEvery {
		defer r.mu.Unlock()
		if k.answer && !k.missing() {
			return invalid
		}
		return notKnown
	}
	k.asked, k.answer = now, false
	r.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.Background(), unknownWait)
	defer cancel()
	if err := r.fetchKeys(ctx); err != nil {
		return notKnown
	}
	return nil
}

// maxAge is how long the keys may be believed, within reason.
func maxAge(h http.Header) time.Duration {
	for part := range strings.SplitSeq(h.Get("Cache-Control"), ",") {
		text, ok := strings.CutPrefix(strings.TrimSpace(part), "max-age=")
		if n, err := strconv.Atoi(text); ok && err == nil {
			return min(max(time.Duration(n)*time.Second, minKeyAge), maxKeyAge)
		}
	}
	return defaultKeyAge
}
