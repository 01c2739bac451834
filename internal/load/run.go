package load

import (
	"context"
	"sync"
	"time"
)

const (
	maxExamples = 5
	// maxWait bounds how long a refused client waits, whatever it is told.
	maxWait = 5 * time.Second
	// afterFault keeps clients of a broken server from spinning.
	afterFault = 50 * time.Millisecond
)

// tally counts what a row's clients met, warm-up included. Safe for concurrent
// use.
type tally struct {
	mu             sync.Mutex
	refused, wrong map[string]int
	examples       []string
}

func newTally() *tally { return &tally{refused: map[string]int{}, wrong: map[string]int{}} }

func (t *tally) note(f *fault) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f.refused {
		t.refused[f.code]++
		return
	}
	t.wrong[f.code]++
	if len(t.examples) < maxExamples {
		t.examples = append(t.examples, f.detail)
	}
}

// run is one run of a row: the right answers.
type run struct {
	took    histogram
	elapsed time.Duration
}

// drive lets every client act, one request after the other, for d or until ctx
// ends.
func drive(ctx context.Context, cs []*client, k Kind, d time.Duration, t *tally) *run {
	r := new(run)
	begin := time.Now()
	ctx, cancel := context.WithDeadline(ctx, begin.Add(d)) // ends waits; requests under way have a context of their own
	defer cancel()
	var wg sync.WaitGroup
	for _, c := range cs {
		wg.Go(func() {
			for ctx.Err() == nil {
				r.one(ctx, c, k, t)
			}
		})
	}
	wg.Wait()
	r.elapsed = time.Since(begin)
	return r
}

func (r *run) one(ctx context.Context, c *client, k Kind, t *tally) {
	took, err := c.act(k)
	switch {
	case c.ctx.Err() != nil: // stopped: what was under way says nothing
	case err == nil && took > 0:
		r.took.add(took)
	case err != nil:
		f := asFault(err)
		t.note(f)
		if !f.refused {
			c.forget()
		}
		pause(ctx, f)
	}
}

func pause(ctx context.Context, f *fault) {
	wait := afterFault
	if f.refused {
		wait = min(f.wait, maxWait)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
