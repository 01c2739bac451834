// Package chaostest holds the chaos run: many clients chain reissues against
// several nodes that share a store, while nodes, networks and the store itself
// fail in ways drawn by lot; and for each kind of failure a test of its own, in
// which nothing is left to chance.
package chaostest
