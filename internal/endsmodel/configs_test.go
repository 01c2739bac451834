package endsmodel

import (
	"os"
	"testing"
)

var (
	alone    = []session{{user: 0}}
	lateOne  = []session{{user: 0, later: true}}
	nextOne  = []session{{user: 0}, {user: 0, later: true}}
	oneEach  = []session{{user: 0, part: 0}, {user: 1, part: 1}}
	signOut  = request{endSession, 0}
	ban      = request{endUser, 0}
	everyone = request{endAll, 0}
)

// bounded is a budget of fail-overs, crashes of a node, and lost replies.
func bounded(failOvers, crashes, losses uint8) budget {
	return budget{failOvers: failOvers, crashes: crashes, losses: losses}
}

// configs are the deployments that are searched; each with and without a
// replica that must confirm.
func configs() []model {
	all := []model{
		{name: "sign-out", parts: 1, sessions: alone, ops: []request{signOut}, reissues: true, bounds: bounded(2, 1, 1)},
		{name: "sign-in that may be lost", parts: 1, sessions: lateOne, ops: []request{signOut}, reissues: true, bounds: bounded(2, 1, 1)},
		{name: "sign-out after everyone", parts: 1, sessions: alone, ops: []request{signOut}, reissues: true, endedBefore: true, bounds: bounded(2, 1, 1)},
		{name: "node cut off", parts: 1, sessions: alone, ops: []request{signOut}, reissues: true, cuts: true, bounds: bounded(2, 1, 1)},
		{name: "partition away", parts: 2, sessions: oneEach[:1], ops: []request{signOut}, reissues: true, bounds: budget{failOvers: 1, absences: 1}},
		{name: "ban", parts: 1, sessions: nextOne, ops: []request{ban}, bounds: bounded(1, 1, 1)},
		{name: "everyone", parts: 2, sessions: oneEach, ops: []request{everyone}, bounds: bounded(1, 0, 0)},
		{name: "everyone and a sign-in", parts: 1, sessions: nextOne, ops: []request{everyone}, bounds: bounded(1, 0, 0)},
	}
	if long() {
		all = append(all, longConfigs()...)
	}
	return all
}

func longConfigs() []model {
	return []model{
		{name: "ban, twice failed over", large: true, parts: 1, sessions: nextOne, ops: []request{ban}, bounds: bounded(2, 1, 0)},
		{name: "ban and sign-out", parts: 1, sessions: alone, ops: []request{ban, signOut}, bounds: bounded(1, 1, 0)},
		{name: "everyone, a crash", parts: 2, sessions: oneEach, ops: []request{everyone}, bounds: bounded(1, 1, 0)},
		{name: "everyone, a lost reply", parts: 2, sessions: oneEach, ops: []request{everyone}, bounds: bounded(1, 0, 1)},
		{name: "everyone and a sign-in, twice failed over", large: true, parts: 1, sessions: nextOne, ops: []request{everyone}, bounds: bounded(2, 0, 0)},
		{name: "everyone, twice failed over", large: true, parts: 2, sessions: oneEach, ops: []request{everyone}, bounds: bounded(2, 0, 0)},
		{name: "everyone, a sign-in, all faults", large: true, parts: 1, sessions: nextOne, ops: []request{everyone}, bounds: bounded(1, 1, 1)},
	}
}

func long() bool { return os.Getenv("CI") == "true" && !testing.Short() }

// modes are the values of synchronous that are searched.
func (m *model) modes() []bool {
	if m.large && raceDetector {
		return []bool{false}
	}
	return []bool{false, true}
}

// config finds a deployment by its name.
func config(t *testing.T, name string, synchronous bool) model {
	t.Helper()
	for _, m := range configs() {
		if m.name == name {
			m.synchronous = synchronous
			return m
		}
	}
	t.Fatalf("no deployment is named %q", name)
	return model{}
}
