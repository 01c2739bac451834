package main

import "time"

// honestScenario is one line of the table of false sign-outs.
type honestScenario struct {
	name    string
	honest  honest
	rule    rule          // pawlRule unless set
	window  time.Duration // the default unless set; negative: none
	perLife int           // expiries of a session; 20 unless set
	promise promise
}

// promise is what docs/rotation.md says of a scenario.
type promise int

const (
	residual promise = iota // a small rate, which is written down
	none                    // no false sign-out
	whatIf                  // another rule, for comparison: it must be worse
)

func (p promise) String() string { return [...]string{"residual", "0", "what-if"}[p] }

var (
	tabs8     = honest{tabs: 8, spread: 2 * second}
	staggered = honest{tabs: 8, spread: 27 * minute}
	fanOut    = honest{tabs: 3, spread: 6 * second, fan: 20}
	sleeper   = honest{tabs: 1, sleep: 0.2}
	sleepers  = honest{tabs: 8, spread: 2 * second, sleep: 0.2, loss: 0.05}
	crashers  = honest{tabs: 4, spread: 2 * second, crash: 0.05}
	lateSet   = honest{tabs: 8, spread: 27 * minute, slow: 0.02, slowMax: 2 * minute, noTimeout: true}
	skewed    = honest{tabs: 8, spread: 2 * second, skew: 10 * second}
	failing   = honest{tabs: 4, spread: 2 * second, failOver: 0.05}
)

func hasty(h honest) honest { h.keyed, h.hasty = true, true; return h }

func crowd(h honest) honest { h.keyed, h.crowd = true, true; return h }

func apart(h honest) honest { h.spread = 27 * minute; return h }

func keyed(h honest) honest { h.keyed = true; return h }

func lossy(tabs int, rate float64) honest {
	return honest{tabs: tabs, spread: 2 * second, loss: rate}
}

func timedOut(h honest) honest { h.noTimeout = false; return h }

var honestScenarios = []honestScenario{
	{name: "1 tab", honest: honest{tabs: 1}, promise: none},
	{name: "2 tabs at once", honest: honest{tabs: 2, spread: 2 * second}, promise: none},
	{name: "4 tabs at once", honest: honest{tabs: 4, spread: 2 * second}, promise: none},
	{name: "8 tabs at once", honest: tabs8, promise: none},
	{name: "8 tabs, each at its own time", honest: staggered, promise: none},
	{name: "3 pages at once, 20 sub-requests each", honest: fanOut, promise: none},

	{name: "1 % of messages lost, with keys", honest: keyed(lossy(1, 0.01)), promise: none},
	{name: "5 % lost, with keys", honest: keyed(lossy(1, 0.05)), promise: none},
	{name: "20 % lost, with keys", honest: keyed(lossy(1, 0.2)), promise: none},
	{name: "8 tabs, 5 % lost, with keys", honest: keyed(lossy(8, 0.05)), promise: none},
	{name: "1 tab, lid shut during the refresh, with keys", honest: keyed(sleeper), promise: none},
	{name: "8 tabs, lid shut during the refresh, with keys", honest: keyed(sleepers), promise: none},
	{name: "8 tabs, lid shut during the refresh, with keys, none goes first", honest: crowd(sleepers)},
	{name: "4 tabs, browser crashes after the commit, with keys", honest: keyed(crashers), promise: none},
	{name: "4 tabs at their own times, browser crashes after the commit, with keys", honest: keyed(apart(crashers))},
	{name: "8 tabs, replies up to 2 min late, given up after 10 s", honest: keyed(timedOut(lateSet)), promise: none},
	{name: "8 tabs, clocks 10 s apart", honest: skewed, promise: none},
	{name: "4 tabs, fail-over loses up to 5 s", honest: keyed(failing), promise: none},

	{name: "1 % lost, no keys, back after the window", honest: lossy(1, 0.01)},
	{name: "5 % lost, no keys, back after the window", honest: lossy(1, 0.05)},
	{name: "20 % lost, no keys, back after the window", honest: lossy(1, 0.2)},
	{name: "1 tab, lid shut during the refresh, no keys", honest: sleeper},
	{name: "8 tabs, lid shut during the refresh, no keys", honest: sleepers},
	{name: "4 tabs, browser crashes after the commit, no keys", honest: crashers},
	{name: "8 tabs, replies up to 2 min late, never given up", honest: keyed(lateSet)},
	{name: "5 % lost, no keys, back after the window, clocks 10 s apart", honest: honest{tabs: 1, loss: 0.05, skew: 10 * second}},
	{name: "fail-over in the first 10 s loses a second", honest: honest{tabs: 1, newborn: true}, perLife: 1},

	{name: "8 tabs at once", honest: tabs8, window: -1, promise: whatIf},
	{name: "8 tabs at once, with keys", honest: keyed(tabs8), window: -1, promise: whatIf},
	{name: "4 tabs, browser crashes after the commit, a new key after each success", honest: hasty(crashers), promise: whatIf},
	{name: "3 pages at once, 20 sub-requests each", honest: fanOut, rule: youngAdvances, promise: whatIf},
	{name: "8 tabs at once", honest: tabs8, rule: youngAdvances, promise: whatIf},
	{name: "8 tabs, replies up to 2 min late, never given up", honest: keyed(lateSet), rule: cookieAtRow4, promise: whatIf},
	{name: "8 tabs, lid shut during the refresh, with keys, none goes first", honest: crowd(sleepers), rule: neverReopens, promise: whatIf},
	{name: "4 tabs, fail-over loses up to 5 s", honest: keyed(failing), rule: aheadIsReuse, promise: whatIf},
	{name: "8 tabs, clocks 10 s apart, window 10 s", honest: skewed, window: 10 * time.Second, promise: whatIf},
	{name: "8 tabs, one clock, window 10 s", honest: tabs8, window: 10 * time.Second},
}
