package keytest

import (
	"context"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

// turns is how keys turn in this run: so often, for so long, published for so
// long before they sign, read so often.
type turns struct {
	every, total, publish, reload time.Duration
}

// tally is what the run is judged by.
type tally struct {
	signIns, reissues, byGuard, byVerifier atomic.Int64
	refused                                atomic.Int64

	mu    sync.Mutex
	kids  map[string]bool // that signed access tokens
	first []string        // what was refused, the first few
}

func (s *tally) refuse(format string, args ...any) {
	s.refused.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.first) < 10 {
		s.first = append(s.first, fmt.Sprintf(format, args...))
	}
}

// SECURITY 17: keys of both uses rotate by command all the time, on a database
// that two servers share, and every token is accepted: by the server that made
// it, by the other one, and by a service elsewhere that keeps the published keys
// for as long as it may.
func TestKeysTurnUnderLoad(t *testing.T) { eachEngine(t, keysTurn) }

func keysTurn(t *testing.T, database string) {
	run := turns{2500 * time.Millisecond, 8 * time.Second, 2 * time.Second, 200 * time.Millisecond}
	if long() {
		run = turns{10 * time.Second, 2 * time.Minute, 5 * time.Second, 500 * time.Millisecond}
	}
	h := newHouse(t, database,
		pawl.KeyPolicy{Publish: run.publish, Reload: run.reload},
		pawl.Policy{AccessTTL: 20 * time.Second, ReuseWindow: 200 * time.Millisecond})
	nodes := []node{h.start(), h.start()}
	elsewhere := &verifier{node: nodes[1]}

	ctx, stop := context.WithTimeout(t.Context(), run.total)
	defer stop()
	sum := &tally{kids: map[string]bool{}}
	var clients sync.WaitGroup
	for range 6 {
		clients.Go(func() {
			for ctx.Err() == nil {
				visit(ctx, nodes, elsewhere, sum)
			}
		})
	}
	rotations := rotate(ctx, h, run.every)
	clients.Wait()

	left, err := h.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Attr("rotations", fmt.Sprintf("%d of both uses, every %v for %v; published %v ahead, read every %v; %d access keys signed, %d keys are kept",
		rotations, run.every, run.total, run.publish, run.reload, len(sum.kids), len(left)))
	t.Attr("accepted", fmt.Sprintf("%d sign-ins, %d reissues; checks: %d by guards, %d by a copy of the keys (fetched %d times)",
		sum.signIns.Load(), sum.reissues.Load(), sum.byGuard.Load(), sum.byVerifier.Load(), elsewhere.fetched))
	t.Attr("refused", fmt.Sprint(sum.refused.Load()))
	if sum.refused.Load() > 0 {
		t.Errorf("%d refused, for instance %q", sum.refused.Load(), sum.first)
	}
	if rotations < 3 || len(sum.kids) < rotations-1 {
		t.Errorf("%d rotations, but only %d keys signed: the run proves little", rotations, len(sum.kids))
	}
}

// rotate does what "pawl key rotate --use both" does, again and again.
func rotate(ctx context.Context, h *house, every time.Duration) (n int) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		for _, use := range []string{pawl.UseAccess, pawl.UseRefresh} {
			if _, added, err := h.Rotate(h.t.Context(), use); err != nil || !added {
				h.t.Errorf("rotation %d of %s keys: added %v, %v", n, use, added, err)
			}
		}
		n++
		select {
		case <-tick.C:
		case <-ctx.Done():
			return n
		}
	}
}

// visit is a person who signs in and reissues some times, now at one server,
// now at the other, and what they use meanwhile.
func visit(ctx context.Context, nodes []node, elsewhere *verifier, sum *tally) {
	here := mathrand.N(2)
	tokens, problem := nodes[here].signIn()
	if strings.HasPrefix(problem, "unavailable") { // no processor is free for the password: says nothing of keys
		return
	}
	if problem != "" {
		sum.refuse("sign-in: %s", problem)
		return
	}
	sum.signIns.Add(1)
	var held []heldToken
	for range 60 {
		if ctx.Err() != nil {
			return
		}
		held = append(held, heldToken{tokens.AccessToken, time.Now().Add(time.Duration(tokens.ExpiresIn)*time.Second - 2*time.Second)})
		use(held, nodes, 1-here, elsewhere, sum)
		time.Sleep(20 * time.Millisecond) // the pace of the load
		here = mathrand.N(2)
		var next api.TokenResponse
		if next, problem = nodes[here].reissue(tokens.RefreshToken); problem != "" {
			sum.refuse("reissue: %s", problem)
			return
		}
		sum.reissues.Add(1)
		tokens = next
	}
}

// heldToken is an access token that some client still uses.
type heldToken struct {
	access string
	until  time.Time
}

// use has the newest token and an older one checked.
func use(held []heldToken, nodes []node, other int, elsewhere *verifier, sum *tally) {
	for _, i := range []int{len(held) - 1, mathrand.N(len(held))} {
		if time.Now().After(held[i].until) {
			continue
		}
		if status, problem := nodes[other].check(held[i].access); status != http.StatusOK {
			sum.refuse("the other server: %d %s", status, problem)
		}
		sum.byGuard.Add(1)
		kid, problem := elsewhere.check(held[i].access)
		if problem != "" {
			sum.refuse("elsewhere: %s", problem)
		}
		sum.byVerifier.Add(1)
		sum.mu.Lock()
		sum.kids[kid] = true
		sum.mu.Unlock()
	}
}
