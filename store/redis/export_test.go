package redis

import "testing"

// MovesTakeTheirTime has calls wait for a slot that moves as long as a busy
// machine may need.
func MovesTakeTheirTime(t testing.TB) {
	before := moveTries
	moveTries = 2400
	t.Cleanup(func() { moveTries = before })
}
