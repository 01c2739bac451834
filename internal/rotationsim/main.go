// Rotationsim measures the rotation rule: how often honest people are signed
// out by accident, and how long a thief keeps what he stole. It runs the real
// pawl.Decide in simulated time, and beside it the same rule with one line
// changed, to show what that line is for. docs/rotation.md explains the rows.
//
// The same flags print the same figures.
package main

import (
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"
)

func main() {
	expiries := flag.Int("expiries", 100_000, "expiries of an access token per scenario")
	thieves := flag.Int("thieves", 2_000, "thieves per strategy")
	scenario := flag.String("scenario", "", "only scenarios whose name contains this")
	seed := flag.Uint64("seed", 1, "of the random numbers")
	rows := flag.Bool("rows", false, "print how often each row of the table was taken")
	flag.Parse()
	if *expiries < 1 || *thieves < 1 {
		fmt.Fprintln(os.Stderr, "rotationsim: -expiries and -thieves must be at least 1")
		os.Exit(2)
	}
	honest := matching(honestScenarios, *scenario, func(s *honestScenario) string { return s.name })
	stolen := matching(thiefScenarios, *scenario, func(s *thiefScenario) string { return s.name })
	if len(honest)+len(stolen) == 0 {
		fmt.Fprintf(os.Stderr, "rotationsim: no scenario's name contains %q\n", *scenario)
		os.Exit(2)
	}
	outs := make([]falseSignOuts, len(honest))
	gains := make([]gains, len(stolen))
	parallel(len(honest)+len(stolen), func(i int) {
		if i < len(honest) {
			outs[i] = honest[i].run(*expiries, random(*seed, honest[i].name+honest[i].ruleName()))
			return
		}
		i -= len(honest)
		gains[i] = stolen[i].run(*thieves, random(*seed, stolen[i].name+nameOf(stolen[i].rule, stolen[i].window)))
	})
	printHonest(os.Stdout, honest, outs, *rows)
	printThieves(os.Stdout, stolen, gains)
}

func matching[S any](all []S, part string, name func(*S) string) (some []S) {
	for i := range all {
		if strings.Contains(name(&all[i]), part) {
			some = append(some, all[i])
		}
	}
	return some
}

// random gives each scenario numbers of its own, so that neither the order
// in which they run nor the choice of scenarios matters.
func random(seed uint64, scenario string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(scenario))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

func parallel(n int, do func(i int)) {
	next := make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	wg.Wait()
}
