// Package chaostest injects faults into nodes, networks and stores. In the chaos
// run many clients chain reissues against several nodes that share a store, and
// sessions end in every way there is, while faults are drawn at random. Beside it,
// each kind of failure has a test of its own, in which nothing is left to chance:
// above all every kind of end against every way in which a fail-over can lose it.
package chaostest
