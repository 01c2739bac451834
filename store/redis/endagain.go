package redis

import (
	"context"

	"github.com/redis/rueidis"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/token"
)

// Which time it is that an end is made, for the scripts.
const (
	first      = ""
	again      = "again"
	logItAgain = "unlogged" // the log entry is written even where the end holds
)

var raiseScript = newScript("raise")

// EndAgain implements [pawl.SessionStore].
func (s *Store) EndAgain(ctx context.Context, e pawl.LoggedEnd, unlogged bool) (wrote bool, err error) {
	which := again
	if unlogged {
		which = logItAgain
	}
	switch e.Kind {
	case token.KindSession:
		sid, err := sidBytes(e.ID)
		if err != nil {
			return false, ctx.Err()
		}
		return s.end(ctx, e.User, sid, e.Reason, e.At, which)
	case token.KindUser:
		o, err := s.endUser(ctx, e.ID, e.Keep, e.Reason, e.At, e.NotBefore, which)
		return o.wrote, err
	case token.KindAll:
		return s.endAllAgain(ctx, e, which)
	}
	return false, ctx.Err()
}

// endAllAgain raises everyone's mark in each partition by itself: a fail-over
// loses it in those of one server.
func (s *Store) endAllAgain(ctx context.Context, e pawl.LoggedEnd, which string) (wrote bool, err error) {
	err = s.everywhere(ctx, home, func(p int) call {
		return call{
			raiseScript, s.everyoneKeys(p),
			[]string{s.layout.channel(), newTag(), decimal(seconds(e.NotBefore)), e.Reason, decimal(millis(e.At)), which},
		}
	}, func(_ int, r rueidis.RedisResult) (bool, error) {
		raised, err := r.AsInt64()
		wrote = wrote || raised == 1
		return raised == 1, err
	})
	return wrote, err
}
