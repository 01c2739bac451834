package main

import (
	"math/rand/v2"
	"time"

	"github.com/pawlauth/pawl"
)

// falseSignOuts is a scenario's result.
type falseSignOuts struct {
	expiries, signOuts int
	rows               [9]int
}

func (r falseSignOuts) per100k() float64 {
	return float64(r.signOuts) * 100_000 / float64(max(r.expiries, 1))
}

// run goes through about the given number of expiries.
func (s *honestScenario) run(expiries int, rng *rand.Rand) (r falseSignOuts) {
	per := s.perLife
	if per == 0 {
		per = 20
	}
	for r.expiries < expiries {
		j := &jar{honest: s.honest, rng: rng, srv: newServer(s.rule, policy(s.window))}
		r.expiries += j.live(min(per, expiries-r.expiries))
		if j.signedOut {
			r.signOuts++
		}
		for row, n := range j.srv.rows {
			r.rows[row] += n
		}
	}
	return r
}

func newServer(r rule, pol pawl.Policy) *server {
	if r.decide == nil {
		r = pawlRule
	}
	return &server{rule: r, pol: pol}
}

func policy(window time.Duration) pawl.Policy {
	if window == 0 {
		window = pawl.DefaultReuseWindow
	}
	return pawl.Policy{
		AccessTTL: pawl.DefaultAccessTTL, RefreshTTL: pawl.DefaultRefreshTTL,
		SessionTTL: pawl.DefaultSessionTTL, ReuseWindow: max(window, 0),
	}
}
