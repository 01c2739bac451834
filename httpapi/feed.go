package httpapi

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

const (
	feedBeat      = time.Second     // between heartbeats
	feedPage      = 250             // entries read from the store at once: at most 50 KB for each follower
	feedReads     = 4               // followers that read the store at once
	feedReview    = 2               // beats between two looks at whether a client may follow still
	feedRetry     = 5 * time.Second // told to a follower for whom there is no place
	reviewTimeout = 5 * time.Second
)

// feedWrite is how long a follower may take to read a piece before it is cut off.
var feedWrite = 10 * time.Second

// feed fans the revocation log out to its followers. The service reads the log
// once for all of them; a follower reads the store itself only to catch up.
type feed struct {
	*server
	ring  *feedRing
	reads chan struct{} // one for each page being read
	write time.Duration

	// Used by step alone.
	tick *time.Ticker
	beat uint64
	keys *token.KeySet

	mu       sync.Mutex
	stopping map[*http.Server]chan struct{} // closed when the server shuts down
	reviewed map[string]review              // by Authorization
	wallNow  func() time.Time               // for deadlines of connections: never the service's clock
}

// A review is what the last look at a client found.
type review struct {
	beat uint64
	out  bool
}

func newFeed(s *server) *feed {
	return &feed{
		server: s, ring: newFeedRing(), reads: make(chan struct{}, feedReads), write: feedWrite, tick: time.NewTicker(feedBeat),
		stopping: map[*http.Server]chan struct{}{}, reviewed: map[string]review{},
		wallNow: time.Now,
	}
}

func (s *server) mountFeed() {
	f := newFeed(s)
	s.svc.Watch(f.step)
	s.routes.add(http.MethodGet, api.FeedPath, s.protect(http.HandlerFunc(f.serve)))
}

// step puts what the service has read into the ring. A heartbeat says that the
// log has just been read to its end: while it cannot be, there is none.
func (f *feed) step(l pawl.LogStep) {
	c := chunk{cursor: l.Cursor}
	turned := l.Keys != f.keys
	f.keys = l.Keys
	if f.svc.FollowerCount() == 0 { // who comes now reads the store
		return
	}
	c.data = appendPage(c.data, l.RevocationPage)
	if turned {
		c.data = appendKeys(c.data, l.Keys)
	}
	if !l.More && f.due() {
		f.beat++
		c.beat = f.beat
		c.now = f.svc.Now()
		c.data = f.appendNow(c.data, l.Cursor, c.now)
	}
	if len(c.data) > 0 {
		f.ring.put(c)
	}
}

func (f *feed) due() bool {
	select {
	case <-f.tick.C:
		return true
	default:
		return false
	}
}

// serve is GET /api/revocations.
func (f *feed) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	actor, err := f.enter(w, r, rule{scope: pawl.ScopeFeed, noAdmin: true})
	if err != nil {
		fail(w, r, err)
		return
	}
	st := &stream{feed: f, w: w, r: r, control: http.NewResponseController(w), cursor: r.Header.Get("Last-Event-ID"), out: make(chan struct{})}
	me, ok := f.svc.Follow(strings.TrimPrefix(actor.By, byClient), actor.Client.Address, st.displaced)
	if !ok {
		fail(w, r, api.ErrUnavailable.With("Too many follow the feed here already. Try again, at another node if there is one.").After(feedRetry))
		return
	}
	defer me.Stop()
	st.me = me
	// The first page comes before the status: a store that fails is a 503.
	page, err := st.read(r.Context())
	if err != nil {
		fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would keep events back
	if r.Method == http.MethodHead {
		return
	}
	st.run(page)
}

// stopsWith gives a channel that is closed when the request's server begins to
// shut down: http.Server.Shutdown waits for every request, and this one would
// never end.
func (f *feed) stopsWith(r *http.Request) <-chan struct{} {
	srv, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if !ok {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	stop := f.stopping[srv]
	if stop == nil {
		stop = make(chan struct{})
		f.stopping[srv] = stop
		srv.RegisterOnShutdown(sync.OnceFunc(func() { close(stop) }))
	}
	return stop
}

// mayStill looks again, once for all of a client's followers, whether the
// client is registered and has the scope. A store that fails says nothing.
func (f *feed) mayStill(r *http.Request, beat uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	authorization := r.Header.Get("Authorization")
	if last, ok := f.reviewed[authorization]; ok && last.beat >= beat {
		return !last.out
	}
	for a, old := range f.reviewed {
		if old.beat+2*feedReview < beat {
			delete(f.reviewed, a)
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), reviewTimeout)
	defer cancel()
	_, err := f.admitClient(r.WithContext(ctx), authorization, pawl.ScopeFeed)
	out := err != nil && api.AsError(err).Status < http.StatusInternalServerError
	f.reviewed[authorization] = review{beat, out}
	return !out
}
