package redis

import (
	"context"
	"strconv"
	"time"

	"github.com/pawlauth/pawl"
)

var endUserScript = newScript("enduser")

// EndUser implements [pawl.SessionStore].
func (s *Store) EndUser(ctx context.Context, user, keep, reason string, at time.Time) (pawl.Mark, int, error) {
	o, err := s.endUser(ctx, user, keep, reason, at, at, first)
	return o.mark, o.ended, err
}

// userEnded is what became of an end of a user's sessions.
type userEnded struct {
	mark  pawl.Mark
	ended int
	wrote bool
}

// endUser moves the user's mark to notBefore, or further the first time.
func (s *Store) endUser(ctx context.Context, user, keep, reason string, at, notBefore time.Time, when string) (o userEnded, err error) {
	kept, err := sidBytes(keep)
	if err != nil {
		kept = "" // it names no session
	}
	p := partition(user)
	r, err := s.replicated(ctx, p, call{
		endUserScript,
		[]string{s.layout.user(user), s.layout.everyone(p), s.layout.register(p), s.layout.log(p), s.layout.head(p)},
		[]string{
			s.layout.channel(), newTag(), user, kept, reason, decimal(millis(at)), decimal(seconds(notBefore)),
			packEnded(at, reason), strconv.FormatInt(markLife.Milliseconds(), 10), when,
		},
	}).ToArray()
	if err != nil {
		return o, fault(err)
	}
	if len(r) != 4 {
		return o, errDamaged
	}
	if o.mark, err = readMarks(bytesOf(r[0]), bytesOf(r[1])); err != nil {
		return userEnded{}, err
	}
	ended, err := r[2].AsInt64()
	if err != nil {
		return userEnded{}, fault(err)
	}
	wrote, err := r[3].AsInt64()
	o.ended, o.wrote = int(ended), wrote == 1
	return o, fault(err)
}
