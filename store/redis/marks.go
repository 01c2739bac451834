package redis

import (
	"context"
	"strconv"
	"time"

	"github.com/pawlauth/pawl"
)

var (
	endUserScript = newScript("enduser")
	bumpScript    = newScript("bump")
	levelScript   = newScript("level")
	logAllScript  = newScript("logall")
)

// EndUser implements [pawl.SessionStore].
func (s *Store) EndUser(ctx context.Context, user, keep, reason string, at time.Time) (pawl.Mark, int, error) {
	kept, err := sidBytes(keep)
	if err != nil {
		kept = "" // it names no session
	}
	p := partition(user)
	r, err := s.replicated(ctx, call{
		endUserScript,
		[]string{s.layout.user(user), s.layout.everyone(p), s.layout.register(p), s.layout.log(p), s.layout.head(p)},
		[]string{
			s.layout.channel(), newTag(), user, kept, reason, decimal(millis(at)), decimal(seconds(at)),
			packEnded(at, reason), strconv.FormatInt(markLife.Milliseconds(), 10),
		},
	}).ToArray()
	if err != nil {
		return pawl.Mark{}, 0, fault(err)
	}
	if len(r) != 3 {
		return pawl.Mark{}, 0, errDamaged
	}
	mark, err := readMarks(bytesOf(r[0]), bytesOf(r[1]))
	if err != nil {
		return pawl.Mark{}, 0, err
	}
	ended, err := r[2].AsInt64()
	return mark, int(ended), fault(err)
}
