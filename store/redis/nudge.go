package redis

import (
	"context"
	"time"

	"github.com/redis/rueidis"
)

// Nudges gives a value soon after something was appended to a revocation log, by
// whatever node. Several may count as one, and some may be missed: whoever has to
// know asks [Store.Revocations] all the same, from time to time.
func (s *Store) Nudges() <-chan struct{} { return s.nudges }

// listenAgain is how long it takes to subscribe again where that failed.
const listenAgain = time.Second

func (s *Store) listen(ctx context.Context) {
	for ctx.Err() == nil {
		_ = s.client.Receive(ctx, s.client.B().Subscribe().Channel(s.layout.channel()).Build(), func(rueidis.PubSubMessage) {
			select {
			case s.nudges <- struct{}{}:
			default:
			}
		}) // whatever is wrong, calls say so
		select {
		case <-ctx.Done():
		case <-time.After(listenAgain):
		}
	}
}
