package redis

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ackPatience is for how long a primary is believed whose replicas do not
// acknowledge what it writes. They do so once a second.
const ackPatience = 3 * time.Second

// acks is when each primary had last heard from as many replicas as the operator
// says that there are. One that has heard from fewer for long may have been cut off,
// and another server promoted in its place: its log stands still, and looks current.
// Safe for concurrent use.
type acks struct {
	want int // 0: every primary is believed

	mu   sync.Mutex
	last map[string]time.Time
}

// update takes in what the servers answer to INFO. One that does not answer is left
// out: reading its log fails by itself.
func (a *acks) update(now time.Time, all map[string]informed) {
	a.mu.Lock()
	defer a.mu.Unlock()
	last := map[string]time.Time{}
	for addr, i := range all {
		if i.err != nil || info(i.text, "role") == "slave" || !strings.Contains(i.text, ":keys=") {
			continue // or it holds nothing, so that there is nothing to be believed
		}
		heard, ok := a.last[addr]
		if !ok {
			heard = now
		}
		if lag, ok := nthLag(i.text, a.want); ok {
			heard = later(heard, now.Add(-lag))
		}
		last[addr] = heard
	}
	a.last = last
}

// doubt says which primary is not believed.
func (a *acks) doubt() error {
	if a.want == 0 {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var errs []error
	for addr, heard := range a.last {
		silent := time.Since(heard) //nolint:forbidigo // a span of time by the node's own clock
		if silent > ackPatience {
			errs = append(errs, fmt.Errorf("redis: fewer than %d replicas have acknowledged anything to %s for %v: it may be cut off, and its log stand still; "+
				"see to the replicas, or lower replicas in the URL", a.want, addr, silent.Round(time.Second)))
		}
	}
	return errors.Join(errs...)
}

// nthLag is how long ago that many replicas had acknowledged something; ok is false
// where fewer are connected.
func nthLag(text string, n int) (lag time.Duration, ok bool) {
	var lags []int
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "slave") || !strings.Contains(line, "state=online") {
			continue
		}
		_, rest, found := strings.Cut(line, "lag=")
		rest, _, _ = strings.Cut(strings.TrimSpace(rest), ",")
		if seconds, err := strconv.Atoi(rest); found && err == nil {
			lags = append(lags, seconds)
		}
	}
	if len(lags) < n {
		return 0, false
	}
	slices.Sort(lags)
	return time.Duration(lags[n-1]) * time.Second, true
}
