//go:build !unix

package sqlite

// holding is nothing: a file that is open cannot be renamed on these systems.
type holding struct{}

func (holding) release() {}

func lockOut(string) (holding, error) { return holding{}, nil }

func giveAway(string, string) error { return nil }
