package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/pawlauth/pawl"
)

// maxBatch bounds how many intentions share a commit.
const maxBatch = 128

var errClosed = errors.New("the store is closed")

// writer is the one connection that writes. Intentions that arrive while it
// commits share the next commit, so that waiting for the disk is paid once for
// all of them (group commit).
type writer struct {
	conn  *conn
	queue chan *intention
	idle  chan struct{} // closed when the loop has ended

	mu     sync.RWMutex // held for reading while sending to queue
	closed bool
}

// intention is one caller's write. do may run more than once, so it sets its
// results anew each time. An answer (see isAnswer) must come before its first
// change.
type intention struct {
	do    func(*conn) error
	err   error
	done  chan error
	taken atomic.Bool // by the writer, or by a caller who waits no more
}

func newWriter(c *conn) *writer {
	w := &writer{conn: c, queue: make(chan *intention, 4*maxBatch), idle: make(chan struct{})}
	go w.loop()
	return w
}

// write runs do in a transaction and returns when it is durable. If ctx ends
// first, do does not run, unless it has begun: then its outcome is unknown.
func (w *writer) write(ctx context.Context, do func(*conn) error) error {
	it := &intention{do: do, done: make(chan error, 1)}
	if err := w.send(ctx, it); err != nil {
		return err
	}
	select {
	case err := <-it.done:
		return err
	case <-ctx.Done():
		it.taken.Store(true)
		return ctx.Err()
	}
}

func (w *writer) send(ctx context.Context, it *intention) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return errClosed
	}
	select {
	case w.queue <- it:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close finishes what is queued.
func (w *writer) close() error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil
	}
	w.closed = true
	close(w.queue)
	w.mu.Unlock()
	<-w.idle
	return w.conn.close()
}

func (w *writer) loop() {
	defer close(w.idle)
	batch := make([]*intention, 0, maxBatch)
	for it := range w.queue {
		batch = w.gather(append(batch[:0], it))
		w.commit(batch)
		clear(batch)
	}
}

// gather adds what waits already, leaving out whoever waits no more.
func (w *writer) gather(batch []*intention) []*intention {
	if batch[0].taken.Swap(true) {
		batch = batch[:0]
	}
	for len(batch) < maxBatch {
		select {
		case it, ok := <-w.queue:
			if !ok {
				return batch
			}
			if !it.taken.Swap(true) {
				batch = append(batch, it)
			}
		default:
			return batch
		}
	}
	return batch
}

// commit runs the batch in one transaction. Where that fails, each runs alone,
// so that one that cannot be done harms no other.
func (w *writer) commit(batch []*intention) {
	if len(batch) == 0 {
		return
	}
	err := w.transact(batch)
	if err != nil && len(batch) > 1 && !errors.Is(err, errBegin) {
		for i := range batch {
			w.commit(batch[i : i+1])
		}
		return
	}
	for _, it := range batch {
		if err != nil {
			it.err = err
		}
		it.done <- it.err
	}
}

var errBegin = errors.New("no write can begin")

const (
	busyTimeout = 5 * time.Second // how long another process may keep the lock
	busyRetry   = time.Millisecond
)

// begin waits for its turn among processes. SQLite's own waiting sleeps up to
// 100 ms at a time and would hardly ever get past a busy server.
func (w *writer) begin() error {
	patience := time.NewTimer(busyTimeout)
	defer patience.Stop()
	for {
		_, err := w.conn.exec("BEGIN IMMEDIATE")
		if err == nil {
			return nil
		}
		if code(err) != sqlite3.SQLITE_BUSY {
			return fmt.Errorf("%w: %w", errBegin, err)
		}
		select {
		case <-patience.C:
			return fmt.Errorf("%w: %w", errBegin, err)
		case <-time.After(busyRetry):
		}
	}
}

func (w *writer) transact(batch []*intention) (err error) {
	if err := w.begin(); err != nil {
		return err
	}
	defer func() {
		if err != nil { // SQLite may have rolled back by itself
			_, _ = w.conn.exec("ROLLBACK")
		}
	}()
	for _, it := range batch {
		if it.err = it.do(w.conn); it.err != nil && !isAnswer(it.err) {
			return it.err
		}
	}
	_, err = w.conn.exec("COMMIT")
	return err
}

// isAnswer tells a store's answer from a fault.
func isAnswer(err error) bool {
	return errors.Is(err, pawl.ErrNotFound) || errors.Is(err, pawl.ErrConflict) || errors.Is(err, pawl.ErrEnded)
}
