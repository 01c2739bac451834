package password

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"
)

// turns is a weighted semaphore with a bounded queue, first come, first served:
// nobody overtakes, so that a heavy computation is not starved by light ones.
type turns struct {
	size  int
	queue int
	wait  time.Duration

	mu      sync.Mutex
	free    int
	running int
	waiting list.List // of *waiter
}

type waiter struct {
	weight int
	turn   chan struct{} // closed when the turn is given
}

func newTurns(size, queue int, wait time.Duration) *turns {
	return &turns{size: size, queue: queue, wait: wait, free: size}
}

// take waits for a turn of the given weight (all there is, where it asks for
// more) and returns the function that gives it back. The error is ErrBusy, and
// the context's as well if that ended the wait.
func (t *turns) take(ctx context.Context, weight int) (done func(), err error) {
	if ctx.Err() != nil {
		return nil, ended(ctx)
	}
	w := &waiter{weight: min(weight, t.size), turn: make(chan struct{})}
	place, err := t.enter(w)
	if err != nil {
		return nil, err
	}
	if place != nil {
		if err := t.await(ctx, w, place); err != nil {
			return nil, err
		}
	}
	return func() { t.give(w.weight) }, nil
}

// enter starts w at once and returns nil, or queues it and returns its place.
func (t *turns) enter(w *waiter) (*list.Element, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting.Len() == 0 && w.weight <= t.free {
		t.start(w)
		return nil, nil
	}
	if t.waiting.Len() >= t.queue {
		return nil, ErrBusy
	}
	return t.waiting.PushBack(w), nil
}

func (t *turns) await(ctx context.Context, w *waiter, place *list.Element) error {
	timer := time.NewTimer(t.wait)
	defer timer.Stop()
	err := ErrBusy
	select {
	case <-w.turn:
		return nil
	case <-timer.C:
	case <-ctx.Done():
		err = ended(ctx)
	}
	return t.leave(w, place, err)
}

// leave frees a place in the queue and returns err, unless the turn came in the
// same instant: a turn that was given is used.
func (t *turns) leave(w *waiter, place *list.Element, err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-w.turn:
		return nil
	default:
	}
	t.waiting.Remove(place)
	t.admit() // a heavy waiter at the head may have held up lighter ones
	return err
}

func (t *turns) give(weight int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.free += weight
	t.running--
	t.admit()
}

// admit starts waiters from the head for as long as they fit. t.mu is held.
func (t *turns) admit() {
	for head := t.waiting.Front(); head != nil; head = t.waiting.Front() {
		w := head.Value.(*waiter)
		if w.weight > t.free {
			return
		}
		t.waiting.Remove(head)
		t.start(w)
	}
}

// start gives w its turn. t.mu is held.
func (t *turns) start(w *waiter) {
	t.free -= w.weight
	t.running++
	close(w.turn)
}

func (t *turns) stats() (running, waiting int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.running, t.waiting.Len()
}

func ended(ctx context.Context) error { return fmt.Errorf("%w: %w", ErrBusy, ctx.Err()) }
