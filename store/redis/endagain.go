package redis

import (
	"context"
	"sync/atomic"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/token"
)

// Which time it is that an end is made, for the scripts.
const (
	first = ""
	again = "again"
)

var raiseScript = newScript("raise")

// EndAgain implements [pawl.SessionStore].
func (s *Store) EndAgain(ctx context.Context, e pawl.LoggedEnd) (wrote bool, err error) {
	switch e.Kind {
	case token.KindSession:
		sid, err := sidBytes(e.ID)
		if err != nil {
			return false, ctx.Err()
		}
		return s.end(ctx, e.User, sid, e.Reason, e.At, again)
	case token.KindUser:
		o, err := s.endUser(ctx, e.ID, e.Keep, e.Reason, e.At, e.NotBefore, again)
		return o.wrote, err
	case token.KindAll:
		return s.endAllAgain(ctx, e)
	}
	return false, ctx.Err()
}

// endAllAgain raises everyone's mark in each partition by itself: a fail-over
// loses it in those of one server.
func (s *Store) endAllAgain(ctx context.Context, e pawl.LoggedEnd) (wrote bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	calls := make([]call, partitions)
	for p := range calls {
		calls[p] = call{
			raiseScript, s.everyoneKeys(p),
			[]string{s.layout.channel(), newTag(), decimal(seconds(e.NotBefore)), e.Reason, decimal(millis(e.At))},
		}
	}
	var errs [partitions]error
	var due []int
	for p, r := range s.doAll(ctx, calls) {
		raised, err := r.AsInt64()
		errs[p] = fault(err)
		wrote = wrote || raised == 1
		if raised == 1 || err == nil && s.o.Replicas > 0 {
			due = append(due, p)
		}
	}
	s.awaitPartitions(ctx, due, &errs)
	return wrote, joined(errs[:])
}

// awaitPartitions is awaitKey for partitions. One server has them all.
func (s *Store) awaitPartitions(ctx context.Context, due []int, errs *[partitions]error) {
	if !s.clustered() && len(due) > 0 {
		due = due[:1]
	}
	var next atomic.Int64
	parallel(workers, func(int) {
		for i := int(next.Add(1)) - 1; i < len(due); i = int(next.Add(1)) - 1 {
			errs[due[i]] = fault(s.awaitKey(ctx, s.layout.log(due[i])))
		}
	})
}
