//go:build !race

package endsmodel

const raceDetector = false
