package chaostest

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

var (
	chaosFor       = flag.Duration("chaos.for", 0, "how long each chaos run takes; 0: 10 s, or a minute with CI=true")
	chaosSeed      = flag.Uint64("chaos.seed", 0, "the seed by which faults are drawn; 0: a new one")
	chaosAlternate = flag.Bool("chaos.alternate", false, "a fail-over that loses writes and a killed node by turns, instead of faults drawn at random")
)

// settings of a run.
type settings struct {
	nodes, clients int
	took           time.Duration
	pace           time.Duration // the longest pause of a client beyond the window
	faults         bool
	alternate      bool        // a loss and a killed node by turns, instead of all faults at random
	until          func() bool // when it is over sooner; nil: never
}

// over reports whether the run need not go on.
func (s settings) over(deadline time.Time) bool {
	return time.Now().After(deadline) || s.until != nil && s.until()
}

func usual() settings {
	s := settings{nodes: 3, clients: 200, took: 10 * time.Second, pace: 1500 * time.Millisecond, faults: true}
	if long() {
		s.took = time.Minute
	}
	s.alternate = *chaosAlternate
	if *chaosFor > 0 {
		s.took = *chaosFor
	}
	return s
}

// chaos runs an engine through everything, and reports.
func chaos(t *testing.T, e func(*testing.T) engine, s settings) {
	t.Parallel()
	leftToTheFullRun(t)
	h := newHouse(t, e(t), s.nodes, nil)
	began := time.Now()
	h.run(t, s)
	h.report(t, time.Since(began))
}

func leftToTheFullRun(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("real failures take their time: left to the full run")
	}
}

func (h *house) run(t *testing.T, s settings) {
	t.Helper()
	// Requests under way when the run is over are finished; then the store is whole.
	ctx, stop := context.WithTimeout(t.Context(), s.took+2*patience)
	defer stop()
	run, over := context.WithCancel(ctx)
	var gone ends
	people := h.people(ctx, run, s, &gone)
	h.faults(run, t, s)
	over()
	people.Wait()
	if ctx.Err() != nil {
		h.sum.fault("requests were not answered for minutes")
	}
	// Once more, when all is well: on every node.
	for _, e := range gone.all {
		for _, n := range h.nodes {
			e.over(ctx, n)
		}
		e.refused(ctx)
	}
}

// people begins what clients do. Most chain reissues; of each kind of end there
// are a few.
func (h *house) people(ctx, run context.Context, s settings, gone *ends) *sync.WaitGroup {
	people := &sync.WaitGroup{}
	chains := s.clients
	for _, k := range h.enders(s.clients / 20) {
		chains -= k.clients
		for i := range k.clients {
			people.Go(func() { h.ends(ctx, run, k, i, gone) })
		}
	}
	people.Go(func() { h.everyones(ctx, run, gone) })
	for i := range chains {
		people.Go(func() {
			pause(run, rand.N(s.pace))
			h.chain(ctx, run, fmt.Sprint("chain-", i), s.pace)
		})
	}
	return people
}

// faults draws one after the other until the run's time is over.
func (h *house) faults(ctx context.Context, t *testing.T, s settings) {
	t.Helper()
	deadline := time.Now().Add(s.took)
	if !s.faults {
		for !s.over(deadline) {
			pause(ctx, 50*time.Millisecond)
		}
		return
	}
	seed := *chaosSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Attr("seed", fmt.Sprint(seed))
	lot := rand.New(rand.NewPCG(seed, 0))
	next := h.drawn(lot, s.alternate)
	for pause(ctx, time.Second); !s.over(deadline); pause(ctx, time.Duration(200+lot.IntN(500))*time.Millisecond) {
		f := next()
		h.sum.begins(f.name)
		f.do(ctx, h, lot)
		if h.settle(ctx) {
			h.sum.whole()
		}
	}
}

// drawn returns what draws one fault after the other: at random, or a loss and a
// killed node by turns.
func (h *house) drawn(lot *rand.Rand, alternate bool) func() fault {
	all := h.allFaults()
	if !alternate || h.engine.fails == nil {
		return func() fault { return all[lot.IntN(len(all))] }
	}
	turns := []fault{{name: "node killed", do: killNode}, {name: "fail-over that loses writes", do: failOver}}
	i := 0
	return func() fault {
		i++
		return turns[i%len(turns)]
	}
}
