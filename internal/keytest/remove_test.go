package keytest

import (
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
)

// SECURITY 18: a removed key is refused by every server on the database, though
// their guards had its tokens in memory, and nobody is signed out by it. The
// keys are read as often as by default.
func TestRemovedKeysAreRefusedEverywhere(t *testing.T) { eachEngine(t, removedKeysAreRefused) }

func removedKeysAreRefused(t *testing.T, database string) {
	rounds := 6
	if long() {
		rounds = 60
	}
	h := newHouse(t, database, pawl.KeyPolicy{}, pawl.Policy{ReuseWindow: 100 * time.Millisecond})
	nodes := []node{h.start(), h.start()}
	tokens, problem := nodes[0].signIn()
	if problem != "" {
		t.Fatal(problem)
	}
	var delays []time.Duration
	for range rounds {
		for range 2 { // the second time from memory
			for _, n := range nodes {
				h.await("a token of the key that signs is accepted", func() bool {
					status, _ := n.check(tokens.AccessToken)
					return status == http.StatusOK
				})
			}
		}
		time.Sleep(mathrand.N(500 * time.Millisecond)) // removals come at any moment between two readings
		delays = append(delays, h.removeAndMeasure(nodes, tokens.AccessToken))
		h.await("a reissue brings a token that is accepted", func() bool {
			if tokens, problem = nodes[0].reissue(tokens.RefreshToken); problem != "" {
				t.Fatalf("signed out by the removal of an access key: %s", problem)
			}
			status, _ := nodes[1].check(tokens.AccessToken)
			return status == http.StatusOK
		})
	}
	slices.Sort(delays)
	t.Attr("delay", fmt.Sprintf("%d removals, until the last of two servers refused a token that it had in memory: median %v, longest %v",
		rounds, delays[rounds/2].Round(time.Millisecond), delays[rounds-1].Round(time.Millisecond)))
}

// removeAndMeasure removes the access key that signs, and gives the time until
// every server refuses its token.
func (h *house) removeAndMeasure(nodes []node, access string) time.Duration {
	h.t.Helper()
	keys, err := h.List(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	i := slices.IndexFunc(keys, func(k pawl.KeyInfo) bool { return k.Use == pawl.UseAccess && k.State == pawl.KeySigns })
	if _, err := h.Remove(h.t.Context(), keys[i].ID); err != nil {
		h.t.Fatal(err)
	}
	began := time.Now()
	var wg sync.WaitGroup
	took := make([]time.Duration, len(nodes))
	for i, n := range nodes {
		wg.Go(func() {
			for time.Since(began) < patience {
				if status, problem := n.check(access); status == http.StatusUnauthorized && strings.Contains(problem, "invalid_token") {
					took[i] = time.Since(began)
					return
				}
				time.Sleep(2 * time.Millisecond)
			}
		})
	}
	wg.Wait()
	if slices.Min(took) == 0 {
		h.t.Fatalf("a server accepts it still")
	}
	return slices.Max(took)
}
