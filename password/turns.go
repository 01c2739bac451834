package password

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// turns is a weighted semaphore with a bounded queue, in which those who come
// from one place stand in one line, and the lines take turns: whoever sends a
// thousand requests holds up their own line and nobody else's. Within a line it
// is first come, first served. Whoever is next is not overtaken, so that a heavy
// computation is not starved by light ones.
type turns struct {
	size  int
	queue int
	wait  time.Duration

	mu      sync.Mutex
	free    int
	running int
	waiting int
	known   lines
	others  lines
	ahead   int     // how many of the known were served since one of the others
	next    *waiter // once chosen
}

// knownAhead is how many of the known are served for one of the others, while
// both wait.
const knownAhead = 3

type waiter struct {
	weight  int
	lines   *lines
	name    string        // of the line
	turn    chan struct{} // closed when the turn is given, or refused
	refused bool          // set before turn is closed
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
	line := lineOf(ctx)
	w := &waiter{weight: min(weight, t.size), lines: &t.others, name: line.Name, turn: make(chan struct{})}
	if line.Known {
		w.lines = &t.known
	}
	queued, err := t.enter(w)
	if err != nil {
		return nil, err
	}
	if queued {
		if err := t.await(ctx, w); err != nil {
			return nil, err
		}
	}
	return func() { t.give(w.weight) }, nil
}

// enter starts w at once, or queues it.
func (t *turns) enter(w *waiter) (queued bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting == 0 && w.weight <= t.free {
		t.start(w)
		return false, nil
	}
	if t.waiting >= t.queue && !t.makeRoom(w) {
		return false, ErrBusy
	}
	w.lines.push(w)
	t.waiting++
	return true, nil
}

// makeRoom sends the last of the longest line away, if w has a better claim: it
// is known and they are not, or its own line is shorter even with w in it.
func (t *turns) makeRoom(w *waiter) bool {
	victim := t.others.lastOfLongest()
	if w.lines == &t.known {
		if victim == nil {
			victim = t.known.fairer(w)
		}
	} else {
		victim = t.others.fairer(w)
	}
	if victim == nil {
		return false
	}
	t.drop(victim)
	victim.refused = true
	close(victim.turn)
	return true
}

func (t *turns) await(ctx context.Context, w *waiter) error {
	timer := time.NewTimer(t.wait)
	defer timer.Stop()
	err := ErrBusy
	select {
	case <-w.turn:
		return w.verdict()
	case <-timer.C:
	case <-ctx.Done():
		err = ended(ctx)
	}
	return t.leave(w, err)
}

// verdict is what the closed turn says.
func (w *waiter) verdict() error {
	if w.refused {
		return ErrBusy
	}
	return nil
}

// leave frees a place in the queue and returns err, unless the turn came in the
// same instant: a turn that was given is used.
func (t *turns) leave(w *waiter, err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-w.turn:
		return w.verdict()
	default:
	}
	t.drop(w)
	t.admit() // a heavy waiter may have held up lighter ones
	return err
}

func (t *turns) give(weight int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.free += weight
	t.running--
	t.admit()
}

// admit starts waiters for as long as they fit. t.mu is held.
func (t *turns) admit() {
	for w := t.choose(); w != nil && w.weight <= t.free; w = t.choose() {
		if w.lines == &t.known {
			t.ahead++
		} else {
			t.ahead = 0
		}
		t.drop(w)
		w.lines.served(w.name)
		t.start(w)
	}
}

// choose gives whoever is next, the same until they leave or start. t.mu is held.
func (t *turns) choose() *waiter {
	if t.next == nil {
		t.next = t.known.first()
		if other := t.others.first(); t.next == nil || other != nil && t.ahead >= knownAhead {
			t.next = other
		}
	}
	return t.next
}

// drop takes w out of its line. t.mu is held.
func (t *turns) drop(w *waiter) {
	w.lines.remove(w)
	t.waiting--
	if t.next == w {
		t.next = nil
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
	return t.running, t.waiting
}

func ended(ctx context.Context) error { return fmt.Errorf("%w: %w", ErrBusy, ctx.Err()) }
