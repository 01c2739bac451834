package postgres

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/pawlauth/pawl"
)

// maxBatch is how many calls share a transaction at most.
const maxBatch = 64

// appender writes the audit entries of one process. Those that come while it
// waits for the disk share the next statement, so that a node waits for it once
// for all of them.
type appender struct {
	store *Store
	queue chan *appending
	idle  chan struct{} // closed when the loop has ended

	mu     sync.RWMutex // held for reading while sending to queue
	closed bool
}

type appending struct {
	events []pawl.Event
	done   chan error
}

func newAppender(s *Store) *appender {
	a := &appender{store: s, queue: make(chan *appending, maxBatch), idle: make(chan struct{})}
	go a.loop()
	return a
}

// append returns when the events are durable. If ctx ends first, nothing is
// known of the outcome.
func (a *appender) append(ctx context.Context, events []pawl.Event) error {
	it := &appending{events: events, done: make(chan error, 1)}
	if err := a.send(ctx, it); err != nil {
		return err
	}
	select {
	case err := <-it.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *appender) send(ctx context.Context, it *appending) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	if a.closed {
		return a.store.fault(errClosed)
	}
	select {
	case a.queue <- it:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close finishes what is queued.
func (a *appender) close() {
	a.mu.Lock()
	a.closed = true
	close(a.queue)
	a.mu.Unlock()
	<-a.idle
}

func (a *appender) loop() {
	defer close(a.idle)
	for it := range a.queue {
		batch := append(make([]*appending, 0, maxBatch), it)
		for len(batch) < maxBatch && len(a.queue) > 0 { // nobody else receives
			batch = append(batch, <-a.queue)
		}
		err := a.write(batch)
		for _, it := range batch {
			it.done <- err
		}
	}
}

// write appends all in one step. No entry can make it fail for the others: every
// text is as good as another.
func (a *appender) write(batch []*appending) error {
	var events []pawl.Event
	for _, it := range batch {
		events = append(events, it.events...)
	}
	return a.store.writing(context.Background(), func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, insertAudit, auditArgs(events)...)
		return err
	})
}
