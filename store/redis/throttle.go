package redis

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/pawlauth/pawl"
)

var (
	takeScript     = newScript("take")
	giveBackScript = newScript("giveback")
	rememberScript = newScript("remember")
)

// All counts lie in one slot, so that a try from several buckets is one step:
// sign-ins are few, for each costs a password hash. Their moments are whole
// milliseconds.

// Take implements [pawl.Throttle].
func (s *Store) Take(ctx context.Context, now time.Time, tries ...pawl.Try) (retry time.Duration, err error) {
	c := call{script: takeScript, args: []string{milliText(now)}}
	for _, t := range tries {
		c.keys = append(c.keys, s.bucket(t.Key))
		c.args = append(c.args, strconv.Itoa(t.Rate.Burst), interval(t.Rate))
	}
	if len(tries) == 0 {
		return 0, ctx.Err()
	}
	ms, err := s.do(ctx, c).AsInt64()
	return time.Duration(ms) * time.Millisecond, fault(err)
}

// GiveBack implements [pawl.Throttle].
func (s *Store) GiveBack(ctx context.Context, now time.Time, tries ...pawl.Try) error {
	c := call{script: giveBackScript, args: []string{milliText(now)}}
	for _, t := range tries {
		c.keys = append(c.keys, s.bucket(t.Key))
		c.args = append(c.args, interval(t.Rate))
	}
	if len(tries) == 0 {
		return ctx.Err()
	}
	return fault(s.do(ctx, c).Error())
}

// Remember implements [pawl.Throttle].
func (s *Store) Remember(ctx context.Context, key pawl.ThrottleKey, now, until time.Time) error {
	left := strconv.FormatInt(until.Sub(now).Milliseconds(), 10)
	return fault(s.do(ctx, call{rememberScript, []string{s.known(key)}, []string{milliText(until), left}}).Error())
}

// Remembers implements [pawl.Throttle].
func (s *Store) Remembers(ctx context.Context, key pawl.ThrottleKey, now time.Time) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	until, err := s.client.Do(ctx, s.client.B().Get().Key(s.known(key)).Build()).AsInt64()
	if rueidis.IsRedisNil(err) {
		return false, nil
	}
	return until > now.UnixMilli(), fault(err)
}

func (s *Store) bucket(k pawl.ThrottleKey) string { return s.layout.throttle("t:" + string(k[:])) }
func (s *Store) known(k pawl.ThrottleKey) string  { return s.layout.throttle("k:" + string(k[:])) }

func milliText(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

// interval is how long one try takes to drain, in milliseconds.
func interval(r pawl.Rate) string {
	epoch := time.UnixMilli(0)
	return strconv.FormatInt(epoch.Sub(r.GiveBack(epoch)).Milliseconds(), 10)
}
