package chaostest

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
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
	// quiet faults lose nothing, and have nothing else that shows them.
	quiet bool
}

// faults that every house has: those of nodes, and of the network in front.
func nodeFaults() []fault {
	return []fault{
		{name: "node killed", do: func(_ context.Context, h *house, lot *rand.Rand) {
			n := h.nodes[lot.IntN(len(h.nodes))]
			n.kill()
			n.start()
		}},
		{name: "replies to clients dropped", do: func(ctx context.Context, h *house, lot *rand.Rand) {
			n := h.nodes[lot.IntN(len(h.nodes))]
			n.front.Set(servertest.DropReplies)
			pause(ctx, 200*time.Millisecond)
			n.front.Set(servertest.Pass)
		}},
		{name: "clients cut off", do: func(ctx context.Context, h *house, lot *rand.Rand) {
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
		return fault{name: name, do: func(ctx context.Context, h *house, lot *rand.Rand) {
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
		{name: "store slow for a node", do: func(ctx context.Context, h *house, lot *rand.Rand) {
			n := h.nodes[lot.IntN(len(h.nodes))]
			for _, p := range n.back {
				p.Delay(20 * time.Millisecond)
			}
			pause(ctx, time.Second)
			for _, p := range n.back {
				p.Delay(0)
			}
		}},
		{name: "connections to the store cut", do: func(_ context.Context, h *house, _ *rand.Rand) {
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

// faults draws one after the other until the run's time is over.
func (h *house) faults(ctx context.Context, t *testing.T, s settings) {
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
		h.settle(ctx)
		h.sum.whole()
	}
}

// settle waits until all nodes follow the log: an end that each of them makes is
// felt by all. What a fail-over lost, they have then applied again. A node that is
// killed before that is a second failure at once (docs/failures.md).
func (h *house) settle(ctx context.Context) {
	for i, n := range h.nodes {
		e := end{at: time.Now()}
		for e.jar == nil && ctx.Err() == nil {
			e.jar = h.signIn(ctx, fmt.Sprint("settler-", i), "settler")
		}
		for ctx.Err() == nil && !h.send(ctx, n, http.MethodPost, "/api/logout", e.header(), nil).answered() {
			pause(ctx, 20*time.Millisecond)
		}
		for _, n := range h.nodes {
			for ctx.Err() == nil && h.check(ctx, n, e.access).status != http.StatusUnauthorized && time.Since(e.at) < patience/6 {
				pause(ctx, 5*time.Millisecond)
			}
		}
	}
}
