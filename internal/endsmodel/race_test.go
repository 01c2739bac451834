//go:build race

package endsmodel

// A search is one goroutine: the race detector has nothing to find in it, and
// makes it ten times slower.
const raceDetector = true
