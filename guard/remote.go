package guard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// Staleness says what a guard does when the issuer has not been heard of for a
// while: it then does not know what has been ended since.
type Staleness int

const (
	_ Staleness = iota
	// GoOn takes tokens until they expire by themselves. What is ended meanwhile
	// is accepted for the rest of the access lifetime at most.
	GoOn
	// FailClosed refuses every token that would be good with ErrUnavailable (503,
	// never 401: nobody is signed out by it) once RemoteOptions.StaleAfter is over.
	FailClosed
)

// DefaultStaleAfter is how long the issuer may be silent: ten heartbeats.
const DefaultStaleAfter = 10 * time.Second

// DefaultStart bounds how long Remote takes where its context has no deadline.
const DefaultStart = 30 * time.Second

// RemoteOptions of Remote. Issuer, ClientID, Secret and Stale must be set.
type RemoteOptions struct {
	Issuer   string // the iss of the tokens: https, or http on this machine
	URL      string // where the issuer is reached from here, if not at Issuer
	ClientID string // of the registered client, which needs the scope feed
	Secret   string

	Stale      Staleness     // GoOn or FailClosed; there is no default
	StaleAfter time.Duration // when the picture counts as stale; 0: DefaultStaleAfter; at least 3 s

	// KeyFile keeps the public keys from one start to the next (mode 0600,
	// replaced atomically); empty: nowhere. StartOffline lets Remote start from
	// them where the issuer cannot be reached: stale from the beginning.
	KeyFile      string
	StartOffline bool

	Transport http.RoundTripper // nil: by HTTP/1.1 and the system's certificates
	Now       func() time.Time  // nil: time.Now; the same as in Options
	Log       *slog.Logger      // nil: slog.Default(). When the feed is lost, and when it is back
}

// RemoteIssuer is an issuer on another machine: its keys and its revocations are
// kept here, so that checks ask nobody. Safe for concurrent use.
type RemoteIssuer struct {
	o       RemoteOptions
	http    *http.Client
	silence time.Duration // after it the connection counts as dead

	keys    atomic.Pointer[token.KeySet]
	revoked token.Revoked
	heard   atomic.Pointer[time.Time] // when the picture was last known to be whole; nil: never

	mu     sync.Mutex
	feed   feedState
	ring   keyState
	passed bool          // the metadata were checked
	first  chan struct{} // closed when the picture is whole for the first time
	fetch  chan struct{} // has the keys fetched
	turn   chan struct{} // one fetch of the keys at a time

	stop context.CancelFunc
	done sync.WaitGroup
}

var _ Issuer = (*RemoteIssuer)(nil)

// Remote follows the issuer at o.Issuer: it checks that its metadata name it
// (RFC 8414 section 3.3), fetches its keys, reads its feed of revocations, and
// returns when the picture is whole. It tries again until ctx is done, or for
// DefaultStart where ctx has no deadline; what cannot get better by waiting (a
// wrong secret, another issuer) is an error at once. Call Close at the end.
func Remote(ctx context.Context, o RemoteOptions) (*RemoteIssuer, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &RemoteIssuer{
		o: o, http: newHTTP(o.Transport),
		silence: min(feedSilence, o.StaleAfter/2), // so that there is time to connect anew
		first:   make(chan struct{}), fetch: make(chan struct{}, 1), turn: make(chan struct{}, 1),
	}
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, DefaultStart)
		defer cancel()
	}
	startErr := r.firstKeys(ctx)
	if startErr != nil {
		if err := r.offline(startErr); err != nil {
			return nil, fmt.Errorf("guard: start with the issuer %s: %w", o.Issuer, err)
		}
	}
	background, stop := context.WithCancel(context.Background())
	r.stop = stop
	failed := make(chan error, 1)
	r.done.Go(func() { r.follow(background, failed) })
	r.done.Go(func() { r.keepKeys(background) })
	if startErr != nil {
		return r, nil
	}
	if err := r.whole(ctx, failed); err != nil && r.offline(err) != nil {
		r.Close()
		return nil, fmt.Errorf("guard: follow the issuer %s: %w.%s", o.Issuer, err, remedy(err))
	}
	return r, nil
}

// whole waits for the first whole picture.
func (r *RemoteIssuer) whole(ctx context.Context, failed <-chan error) error {
	var last error
	for {
		select {
		case <-r.first:
			return nil
		case last = <-failed:
			if isFinal(last) {
				return last
			}
		case <-ctx.Done():
			if last == nil {
				last = errors.New("the feed of revocations has not been read to its end in time")
			}
			return last
		}
	}
}

// Close stops following. Checks go on with what is known.
func (r *RemoteIssuer) Close() {
	r.stop()
	r.done.Wait()
	r.http.CloseIdleConnections()
}

// KeySet implements [Issuer].
func (r *RemoteIssuer) KeySet() *token.KeySet { return r.keys.Load() }

// Revoked implements [Issuer].
func (r *RemoteIssuer) Revoked() *token.Revoked { return &r.revoked }

var errStale = errors.New("the issuer of the tokens has not been heard of for too long to know what was ended")

// Fresh is nil while tokens may be accepted: always with GoOn, and with
// FailClosed while the issuer was heard of within StaleAfter. Otherwise it is
// ErrUnavailable.
func (r *RemoteIssuer) Fresh(now time.Time) error {
	if r.o.Stale == GoOn || !r.stale(now) {
		return nil
	}
	return api.ErrUnavailable.Wrap(errStale)
}

func (r *RemoteIssuer) stale(now time.Time) bool {
	age, known := r.age(now)
	return !known || age > r.o.StaleAfter
}

// age is how old the picture is, by the clock that says more: the one that runs
// evenly stands still while the machine sleeps, the other one may be set.
func (r *RemoteIssuer) age(now time.Time) (age time.Duration, known bool) {
	heard := r.heard.Load()
	if heard == nil {
		return 0, false
	}
	return max(now.Sub(*heard), now.Round(0).Sub(heard.Round(0))), true
}

func (o RemoteOptions) withDefaults() (RemoteOptions, error) {
	if o.URL == "" {
		o.URL = o.Issuer
	}
	if o.StaleAfter == 0 {
		o.StaleAfter = DefaultStaleAfter
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	switch {
	case o.Issuer == "":
		return o, errors.New("guard: RemoteOptions.Issuer is missing: the iss of the tokens")
	case o.ClientID == "" || o.Secret == "":
		return o, errors.New("guard: RemoteOptions needs ClientID and Secret: register a client with pawl client add NAME --scope feed")
	case o.Stale != GoOn && o.Stale != FailClosed:
		return o, errors.New("guard: RemoteOptions.Stale is missing: when the issuer is silent, guard.GoOn takes tokens until they expire, guard.FailClosed answers 503")
	case o.StaleAfter < 3*time.Second:
		return o, errors.New("guard: RemoteOptions.StaleAfter must be 3 s or more: there is a heartbeat each second")
	case o.StartOffline && o.KeyFile == "":
		return o, errors.New("guard: RemoteOptions.StartOffline needs a KeyFile to start from")
	}
	return o, checkURL(o.URL)
}
