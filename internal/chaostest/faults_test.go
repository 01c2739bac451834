package chaostest

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/pawlauth/pawl/internal/servertest"
)

// fault is something that fails, and is mended before it returns.
type fault struct {
	name string
	do   func(ctx context.Context, h *house, lot *rand.Rand)
	// quiet faults lose nothing, and have nothing else that shows them.
	quiet bool
}

// allFaults are those of a run on this engine.
func (h *house) allFaults() []fault {
	all := append(nodeFaults(), h.engine.faults...)
	if len(h.engine.addrs) > 0 {
		all = append(all, networkFaults()...)
	}
	for _, p := range h.engine.parts {
		all = append(all,
			p.during(servertest.Refuse, time.Second),
			p.during(servertest.Hold, time.Second))
	}
	if h.engine.fails == nil {
		return all
	}
	for _, p := range h.engine.parts {
		all = append(all, p.missesFailOver())
	}
	return append(all, composedFaults()...)
}

// nodeFaults are those of nodes, and of the network in front of them.
func nodeFaults() []fault {
	return []fault{
		{name: "node killed", do: killNode},
		{name: "replies to clients dropped", do: func(ctx context.Context, h *house, lot *rand.Rand) {
			h.one(lot).clients(ctx, servertest.DropReplies, 200*time.Millisecond)
		}},
		{name: "clients cut off", do: func(ctx context.Context, h *house, lot *rand.Rand) {
			h.one(lot).clients(ctx, servertest.Refuse, 300*time.Millisecond)
		}},
	}
}

func killNode(_ context.Context, h *house, lot *rand.Rand) {
	n := h.one(lot)
	n.kill()
	n.start()
}

// one draws a node.
func (h *house) one(lot *rand.Rand) *node { return h.nodes[lot.IntN(len(h.nodes))] }

// clients has a fault between the node and its clients for a while.
func (n *node) clients(ctx context.Context, f servertest.Fault, d time.Duration) {
	n.front.Set(f)
	pause(ctx, d)
	n.front.Set(servertest.Pass)
}

// networkFaults are those between a node and all servers of the store.
func networkFaults() []fault {
	during := func(name string, f servertest.Fault, d time.Duration) fault {
		return fault{name: name, do: func(ctx context.Context, h *house, lot *rand.Rand) {
			n := h.one(lot)
			n.network(f)
			pause(ctx, d)
			n.network(servertest.Pass)
		}}
	}
	return []fault{
		during("replies of the store dropped", servertest.DropReplies, 200*time.Millisecond),
		during("node cut off from the store", servertest.Refuse, time.Second),
		during("store silent for a node", servertest.Hold, time.Second),
		{name: "store slow for a node", do: slow},
		{name: "connections to the store cut", do: cutAll},
	}
}

func slow(ctx context.Context, h *house, lot *rand.Rand) {
	n := h.one(lot)
	for _, p := range n.back {
		p.Delay(20 * time.Millisecond)
	}
	pause(ctx, time.Second)
	for _, p := range n.back {
		p.Delay(0)
	}
}

func cutAll(_ context.Context, h *house, _ *rand.Rand) {
	for _, n := range h.nodes {
		for _, p := range n.back {
			p.Cut()
		}
	}
}

// part is some of a store's servers, which a node can lose while it reaches the
// others.
type part struct {
	name  string
	addrs func(lot *rand.Rand) []string
}

// during cuts one node off from the part for a while.
func (p part) during(f servertest.Fault, d time.Duration) fault {
	return fault{name: p.name + ": " + f.String(), do: func(ctx context.Context, h *house, lot *rand.Rand) {
		n, addrs := h.one(lot), p.addrs(lot)
		n.networkTo(addrs, f)
		pause(ctx, d)
		n.networkTo(addrs, servertest.Pass)
	}}
}

// missesFailOver cuts one node off from the part until the store has failed over.
func (p part) missesFailOver() fault {
	return fault{name: p.name + " during a fail-over", do: func(ctx context.Context, h *house, lot *rand.Rand) {
		n, addrs := h.one(lot), p.addrs(lot)
		n.networkTo(addrs, servertest.Refuse)
		failOver(ctx, h, lot)
		n.networkTo(addrs, servertest.Pass)
	}}
}

// composedFaults are failures that follow one another before the first is over.
func composedFaults() []fault {
	return []fault{
		{name: "replies of the store dropped, then a fail-over", do: func(ctx context.Context, h *house, lot *rand.Rand) {
			h.engine.fails(h, lot, func() {
				n := h.one(lot)
				n.network(servertest.DropReplies)
				pause(ctx, 200*time.Millisecond)
				n.network(servertest.Pass)
				// A retry of an end takes 20 ms: it goes to another node.
				pause(ctx, 100*time.Millisecond)
			})
		}},
		{name: "two fail-overs in a row", do: func(ctx context.Context, h *house, lot *rand.Rand) {
			failOver(ctx, h, lot)
			failOver(ctx, h, lot)
		}},
		{name: "fail-over, then a node killed", do: func(ctx context.Context, h *house, lot *rand.Rand) {
			failOver(ctx, h, lot)
			h.awaitReady(ctx)
			h.sum.whole() // ready nodes have nothing left to apply again
			killNode(ctx, h, lot)
		}},
	}
}

// failOver loses what is written for a moment, where the engine can lose it.
func failOver(ctx context.Context, h *house, lot *rand.Rand) {
	h.engine.fails(h, lot, func() { pause(ctx, time.Duration(300+lot.IntN(700))*time.Millisecond) })
}

// network sets what is between the node and all servers of its store.
func (n *node) network(f servertest.Fault) { n.networkTo(n.h.engine.addrs, f) }

// networkTo sets what is between the node and some servers of its store.
func (n *node) networkTo(addrs []string, f servertest.Fault) {
	for _, addr := range addrs {
		if p := n.wayTo(addr); p != nil {
			p.Set(f)
		}
	}
}

// wayTo is the proxy between the node and a server.
func (n *node) wayTo(addr string) *servertest.Proxy {
	for i, known := range n.h.engine.addrs {
		if known == addr {
			return n.back[i]
		}
	}
	n.h.t.Errorf("no proxy leads to %s", addr)
	return nil
}
