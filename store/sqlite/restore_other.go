//go:build !unix

package sqlite

// locks are none: a file that is open cannot be renamed on these systems.
type locks struct{}

func (locks) release() {}

func lockOthersOut(string) (locks, error) { return locks{}, nil }

func giveAway(string, string) error { return nil }
