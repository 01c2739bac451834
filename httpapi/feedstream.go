package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

// A stream is one follower's connection.
type stream struct {
	*feed
	me      *pawl.Following
	w       http.ResponseWriter
	r       *http.Request
	control *http.ResponseController
	stop    <-chan struct{} // the server shuts down
	out     chan struct{}   // closed when a newer connection of the client has taken this one's place
	cursor  string          // behind what was sent
	asked   time.Time       // when the store was last read
	pos     uint64          // in the ring, from where to go on once the store is read
}

var errDisplaced = api.ErrUnavailable.With("Newer connections of this client follow the feed in place of this one.").After(feedRetry)

// run sends the page that was read and all that comes after it, until somebody
// ends it: the follower, by going or by being too slow; the server; a client
// that is not registered any more.
func (st *stream) run(page pawl.RevocationPage) {
	// The limits of an ordinary request would end the connection; each write has
	// its own instead.
	_ = st.control.SetReadDeadline(time.Time{}) // where there are no deadlines, the server has no limits either
	st.stop = st.stopsWith(st.r)
	if !st.send(appendRetry(nil)) {
		return
	}
	for st.catchUp(page) && st.follow() {
		var err error
		if page, err = st.read(st.r.Context()); err != nil {
			return // the follower comes back, and is told
		}
	}
}

// displaced ends the stream, also while the follower does not read.
func (st *stream) displaced() {
	close(st.out)
	_ = st.control.SetWriteDeadline(time.Unix(1, 0))
}

// read gives the store's next page, and notes where the ring ends before it:
// what is in the ring later may not be in the page.
func (st *stream) read(ctx context.Context) (pawl.RevocationPage, error) {
	select {
	case st.reads <- struct{}{}:
		defer func() { <-st.reads }()
	case <-ctx.Done():
		return pawl.RevocationPage{}, ctx.Err()
	case <-st.out:
		return pawl.RevocationPage{}, errDisplaced
	}
	st.pos, st.asked = st.ring.end(), st.svc.Now()
	return st.svc.Revocations(ctx, st.cursor, feedPage)
}

// catchUp sends the page and what else the store holds, and says that this was
// all.
func (st *stream) catchUp(page pawl.RevocationPage) bool {
	for {
		if !st.sendTo(appendPage(nil, page), page.Cursor, time.Time{}) {
			return false
		}
		if !page.More { // all that there was when it was read, however long sending took
			return st.sendTo(st.appendNow(appendKeys(nil, st.svc.KeySet()), page.Cursor, st.asked), page.Cursor, st.asked)
		}
		var err error
		if page, err = st.read(st.r.Context()); err != nil {
			return false
		}
	}
}

// follow sends what comes into the ring. It is true for a follower that the ring
// has left behind: it has to catch up anew.
func (st *stream) follow() (behind bool) {
	for {
		c, wait, ok := st.ring.at(st.pos)
		switch {
		case !ok:
			return true
		case wait != nil:
			if !st.wait(wait) {
				return false
			}
			continue
		}
		if !st.sendTo(c.data, c.cursor, c.now) {
			return false
		}
		if c.beat%feedReview == 1 && !st.mayStill(st.r, c.beat) {
			return false
		}
		st.pos++
	}
}

// wait is false where the stream has to end.
func (st *stream) wait(more <-chan struct{}) bool {
	select {
	case <-more:
		return true
	case <-st.r.Context().Done():
	case <-st.stop:
	case <-st.out:
	case <-st.svc.Closing():
	}
	return false
}

// sendTo sends what ends at the cursor and, where now is not zero, with a
// heartbeat of then.
func (st *stream) sendTo(b []byte, cursor string, now time.Time) bool {
	st.cursor = cursor
	if len(b) > 0 && !st.send(b) {
		return false
	}
	st.me.Took(cursor, now)
	return true
}

// send is false where the follower is gone or does not read.
func (st *stream) send(b []byte) bool {
	select {
	case <-st.stop:
		return false
	case <-st.out:
		return false
	case <-st.svc.Closing():
		return false
	default:
	}
	_ = st.control.SetWriteDeadline(st.wallNow().Add(st.write))
	_, err := st.w.Write(b)
	return err == nil && st.control.Flush() == nil
}
