package guard

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

const (
	feedSilence = 5 * time.Second // five heartbeats
	forgetEvery = 30 * time.Second
	maxKeep     = 366 * 24 * time.Hour
)

// feedState is what is known of the feed; under RemoteIssuer.mu.
type feedState struct {
	cursor     string
	connected  time.Time // zero: not connected
	beat       time.Time // when the last heartbeat came
	offset     time.Duration
	offsetBest time.Duration // of this connection: of the heartbeat that came fastest
	offsetSeen bool
	swept      time.Time // the issuer's time
	connects   uint64
	resets     uint64
	trouble    error // why it is not connected
}

// follow reads the feed for as long as ctx lasts, over as many connections as it
// takes. Each failure is offered to failed.
func (r *RemoteIssuer) follow(ctx context.Context, failed chan<- error) {
	var wait backoff
	for {
		err := r.check(ctx)
		if err == nil {
			err = r.connect(ctx, &wait)
		}
		if ctx.Err() != nil {
			return
		}
		r.lost(err)
		select {
		case failed <- err:
		default:
		}
		if !wait.next(ctx, err) {
			return
		}
	}
}

// connect opens the feed where it was left and reads it until it ends.
func (r *RemoteIssuer) connect(ctx context.Context, wait *backoff) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := r.feedRequest(ctx)
	if err != nil {
		return err
	}
	silent := time.AfterFunc(r.silence+headerTimeout, func() { cancel(errSilent) })
	defer silent.Stop()
	resp, err := r.http.Do(req)
	if err != nil {
		return causeOf(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return statusOf(resp, readSome(resp.Body))
	}
	if media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); media != "text/event-stream" {
		return finalError{fmt.Errorf("what is at %s is not a feed of revocations", req.URL.Redacted())}
	}
	r.opened()
	err = readEvents(resp.Body, func(e event) error {
		told, err := r.take(e)
		if told {
			silent.Reset(r.silence)
		}
		if e.name == api.FeedCurrent && err == nil {
			*wait = backoff{}
		}
		return err
	})
	return causeOf(ctx, err)
}

var (
	errSilent = errors.New("the feed fell silent")
	errLate   = errors.New("the feed's heartbeats come late: something in between keeps them back, or this machine's clock was set")
)

// causeOf tells of a silence rather than of what was done about it.
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, errSilent) {
		return cause
	}
	return err
}

func (r *RemoteIssuer) feedRequest(ctx context.Context) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.o.URL+api.FeedPath, nil)
	if err != nil {
		return nil, err
	}
	// RFC 6749 section 2.3.1
	req.SetBasicAuth(url.QueryEscape(r.o.ClientID), url.QueryEscape(r.o.Secret))
	req.Header.Set("Accept", "text/event-stream")
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.feed.cursor != "" {
		req.Header.Set("Last-Event-ID", r.feed.cursor)
	}
	return req, nil
}

// opened notes a new connection.
func (r *RemoteIssuer) opened() {
	r.mu.Lock()
	defer r.mu.Unlock()
	again := r.feed.trouble != nil
	r.feed.connected, r.feed.trouble, r.feed.offsetSeen = r.o.Now(), nil, false
	r.feed.connects++
	if again {
		r.o.Log.Info("follows the issuer again", "issuer", r.o.Issuer)
	}
}

// lost notes that there is no connection any more: which keys are in force is
// not known from now on.
func (r *RemoteIssuer) lost(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.feed.trouble != nil: // told already
	case r.feed.connects == 0:
		r.o.Log.Warn("cannot follow the issuer yet", "issuer", r.o.Issuer, "error", err)
	default:
		r.o.Log.Warn("does not follow the issuer any more; trying again", "issuer", r.o.Issuer, "error", err)
	}
	r.feed.connected, r.feed.trouble = time.Time{}, err
	r.ring.named, r.ring.gone = nil, nil
}

// take does what an event says. told is false for what keeps no connection
// alive. Entries are only ever added, so it does no harm to be told twice, and
// after a reset none is dropped: one that the issuer lost was made all the same.
func (r *RemoteIssuer) take(e event) (told bool, err error) {
	switch e.name {
	case api.FeedRevoked:
		err = r.takeEntry(e.data)
	case api.FeedCurrent:
		err = r.takeNow(e.data)
	case api.FeedKeys:
		return false, r.takeKeys(e.data)
	case api.FeedReset:
		r.mu.Lock()
		r.feed.resets++
		r.mu.Unlock()
	default: // a later version's
		return false, nil
	}
	if err == nil && e.id != "" {
		r.mu.Lock()
		r.feed.cursor = e.id
		r.mu.Unlock()
	}
	return true, err
}

func (r *RemoteIssuer) takeEntry(data []byte) error {
	var in api.FeedEntry
	if err := json.Unmarshal(data, &in); err != nil {
		return notUnderstood(err)
	}
	out := token.Revocation{Kind: in.Kind, ID: in.ID, Reason: in.Reason, At: in.At}
	if in.NotBefore != nil {
		out.NotBefore = *in.NotBefore
	}
	if in.At.IsZero() || in.Kind != token.KindSession && out.NotBefore.IsZero() || in.Kind != token.KindAll && in.ID == "" {
		return notUnderstood(fmt.Errorf("an entry of kind %q lacks a member", in.Kind))
	}
	r.revoked.Add(out)
	return nil
}

func notUnderstood(err error) error {
	return fmt.Errorf("the feed is not understood: is it newer than this guard? %w", err)
}

func (r *RemoteIssuer) takeKeys(data []byte) error {
	var in api.FeedKeySet
	if err := json.Unmarshal(data, &in); err != nil || in.KeyIDs == nil {
		return notUnderstood(errors.Join(err, errors.New("a list of keys")))
	}
	return r.named(in.KeyIDs)
}

// takeNow notes that the picture is whole. Heartbeats that somebody keeps back
// do not make it fresh: their time stays behind that of the fastest one.
func (r *RemoteIssuer) takeNow(data []byte) error {
	var in api.FeedNow
	if err := json.Unmarshal(data, &in); err != nil || in.Time.IsZero() || in.KeepSeconds <= 0 || in.KeepSeconds > int64(maxKeep/time.Second) {
		return notUnderstood(errors.Join(err, errors.New("a heartbeat")))
	}
	now := r.o.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	f := &r.feed
	f.beat, f.offset = now, in.Time.Sub(now)
	if !f.offsetSeen || f.offset > f.offsetBest {
		f.offsetSeen, f.offsetBest = true, f.offset
	}
	late := f.offsetBest - f.offset
	heard := now.Add(-late)
	r.heard.Store(&heard)
	if late > r.silence {
		return errLate
	}
	if in.Time.Sub(f.swept).Abs() >= forgetEvery {
		f.swept = in.Time
		r.forget(in.Time, now, time.Duration(in.KeepSeconds)*time.Second)
	}
	select {
	case <-r.first:
	default:
		close(r.first)
	}
	return nil
}

// forget drops what concerns no token that can be alive, by the issuer's clock
// and by this machine's: where that lags, expired tokens are accepted for so much
// longer, and one that was ended must not come back to life.
func (r *RemoteIssuer) forget(theirs, ours time.Time, keep time.Duration) {
	if ours.Before(theirs) {
		theirs = ours
	}
	r.revoked.Forget(theirs.Add(-keep))
}

// A backoff is the time between tries: from a quarter of a second to five, each
// less a random part, so that a thousand guards do not come back as one.
type backoff struct{ tries int }

const (
	backoffLeast   = 250 * time.Millisecond
	backoffMost    = 5 * time.Second
	backoffRefused = 15 * time.Second // where somebody has to do something first
	backoffTold    = 30 * time.Second // the longest Retry-After that is heeded
)

// next waits; false if ctx is done first.
func (b *backoff) next(ctx context.Context, err error) bool {
	d := min(backoffLeast<<min(b.tries, 5), backoffMost)
	b.tries++
	if isFinal(err) {
		d = backoffRefused
	}
	d = jitter(d)
	if status := (*statusError)(nil); errors.As(err, &status) {
		d = max(d, min(status.after, backoffTold))
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// jitter takes off up to half.
func jitter(d time.Duration) time.Duration {
	n, err := rand.Int(rand.Reader, big.NewInt(int64(d/2)+1))
	if err != nil {
		return d
	}
	return d - time.Duration(n.Int64())
}
