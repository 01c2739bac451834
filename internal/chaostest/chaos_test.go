package chaostest

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/pawlauth/pawl/internal/servertest"
)

var (
	chaosFor  = flag.Duration("chaos.for", 0, "how long each chaos run takes; 0: 10 s, or a minute with CI=true")
	chaosSeed = flag.Uint64("chaos.seed", 0, "the seed by which faults are drawn; 0: a new one")
)

// fault is something that fails, and is mended before it returns.
type fault struct {
	name string
	do   func(ctx context.Context, h *house, lot *rand.Rand)
}

// faults that every house has: those of nodes, and of the network in front.
func nodeFaults() []fault {
	return []fault{
		{"node killed", func(_ context.Context, h *house, lot *rand.Rand) {
			n := h.nodes[lot.IntN(len(h.nodes))]
			n.kill()
			n.start()
		}},
		{"replies to clients dropped", func(ctx context.Context, h *house, lot *rand.Rand) {
			n := h.nodes[lot.IntN(len(h.nodes))]
			n.front.Set(servertest.DropReplies)
			pause(ctx, 200*time.Millisecond)
			n.front.Set(servertest.Pass)
		}},
		{"clients cut off", func(ctx context.Context, h *house, lot *rand.Rand) {
			n := h.nodes[lot.IntN(len(h.nodes))]
			n.front.Set(servertest.Refuse)
			pause(ctx, 300*time.Millisecond)
			n.front.Set(servertest.Pass)
		}},
	}
}

// networkFaults are those between a node and the store.
func networkFaults() []fault {
	during := func(name string, f servertest.Fault, d time.Duration) fault {
		return fault{name, func(ctx context.Context, h *house, lot *rand.Rand) {
			n := h.nodes[lot.IntN(len(h.nodes))]
			for _, p := range n.back {
				p.Set(f)
			}
			pause(ctx, d)
			for _, p := range n.back {
				p.Set(servertest.Pass)
			}
		}}
	}
	return []fault{
		during("replies of the store dropped", servertest.DropReplies, 200*time.Millisecond),
		during("node cut off from the store", servertest.Refuse, time.Second),
		during("store silent for a node", servertest.Hold, time.Second),
		{"store slow for a node", func(ctx context.Context, h *house, lot *rand.Rand) {
			n := h.nodes[lot.IntN(len(h.nodes))]
			for _, p := range n.back {
				p.Delay(20 * time.Millisecond)
			}
			pause(ctx, time.Second)
			for _, p := range n.back {
				p.Delay(0)
			}
		}},
		{"connections to the store cut", func(_ context.Context, h *house, _ *rand.Rand) {
			for _, n := range h.nodes {
				for _, p := range n.back {
					p.Cut()
				}
			}
		}},
	}
}

// settings of a run.
type settings struct {
	nodes, clients int
	took           time.Duration
	pace           time.Duration // the longest pause of a client beyond the window
	faults         bool
	until          func() bool // without faults: when it is over sooner; nil: never
	change         func(*role)
}

func usual() settings {
	s := settings{nodes: 3, clients: 200, took: 10 * time.Second, pace: 1500 * time.Millisecond, faults: true}
	if long() {
		s.took = time.Minute
	}
	if *chaosFor > 0 {
		s.took = *chaosFor
	}
	return s
}

// chaos runs an engine through everything, and reports.
func chaos(t *testing.T, e engine, s settings) *house {
	t.Helper()
	h := newHouse(t, e, s.nodes, s.change)
	began := time.Now()
	h.run(t, s)
	h.report(t, time.Since(began))
	return h
}

func (h *house) run(t *testing.T, s settings) {
	t.Helper()
	// Requests under way when the run is over are finished; then the store is whole.
	ctx, stop := context.WithTimeout(t.Context(), s.took+2*patience)
	defer stop()
	run, over := context.WithCancel(ctx)
	var gone ends
	var people sync.WaitGroup
	few := s.clients / 20
	for i := range s.clients - 3*few {
		people.Go(func() {
			pause(run, rand.N(s.pace))
			h.chain(ctx, run, fmt.Sprint("chain-", i), s.pace)
		})
	}
	for i := range few {
		people.Go(func() { h.ender(ctx, run, fmt.Sprint("leaver-", i), &gone, h.signsOut(ctx)) })
		people.Go(func() { h.ender(ctx, run, fmt.Sprint("banned-", i), &gone, h.banned(ctx)) })
		people.Go(func() { h.ender(ctx, run, fmt.Sprint("robbed-", i), &gone, h.robbed(ctx)) })
	}
	h.faults(t, run, s)
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

// faults draws one after the other until the run's time is over.
func (h *house) faults(t *testing.T, ctx context.Context, s settings) {
	t.Helper()
	deadline := time.Now().Add(s.took)
	if !s.faults {
		for time.Now().Before(deadline) && !s.until() {
			pause(ctx, 50*time.Millisecond)
		}
		return
	}
	all := append(nodeFaults(), h.engine.faults...)
	if len(h.engine.addrs) > 0 {
		all = append(all, networkFaults()...)
	}
	seed := *chaosSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Attr("seed", fmt.Sprint(seed))
	lot := rand.New(rand.NewPCG(seed, 0))
	for pause(ctx, time.Second); time.Now().Before(deadline); pause(ctx, time.Duration(200+lot.IntN(500))*time.Millisecond) {
		f := all[lot.IntN(len(all))]
		h.sum.begins(f.name)
		f.do(ctx, h, lot)
	}
}
