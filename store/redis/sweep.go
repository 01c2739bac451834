package redis

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

var (
	sweepScript    = newScript("sweep")
	sweepLogScript = newScript("sweeplog")
	releaseScript  = newScript("release")
)

// sweeping is where the walk through the users has got to. Its times are the
// server's.
type sweeping struct {
	mu     sync.Mutex
	before time.Time
	at     place
	begun  time.Time
	rest   time.Time     // no other walk begins before
	long   time.Duration // a walk that takes longer is followed by a rest
}

const (
	// leaseLife is after how long without a sweep of the node that sweeps another
	// one does.
	leaseLife = 90 * time.Second
	logStep   = 200 // entries of a log looked at by one script
	// A walk that takes longer than longWalk is followed by a rest of restFactor times as
	// long, so that sweeping never takes more than a small part of the
	// server's time.
	longWalk   = time.Second
	restFactor = 10
)

// Sweep implements [pawl.SessionStore]. One node sweeps for all, as long as it
// does: to the others there is nothing to delete. Nor is there for a while after a
// long walk. What a Redis holds runs out by itself, but later, and of a user only
// with the last session.
func (s *Store) Sweep(ctx context.Context, sessions, log time.Time, limit int) (deleted int, err error) {
	limit = max(limit, 1)
	w := &s.sweep
	w.mu.Lock()
	defer w.mu.Unlock()
	if ours, err := s.hold(ctx); err != nil || !ours {
		return 0, err
	}
	if !w.before.Equal(sessions) {
		if begun, err := s.beginWalk(ctx); err != nil || !begun {
			return 0, err
		}
		w.before = sessions
	}
	if deleted, err = s.sweepSessions(ctx, limit); err != nil {
		return deleted, err
	}
	entries, err := s.sweepLogs(ctx, log, limit)
	if deleted += entries; deleted == 0 && err == nil {
		err = s.endWalk(ctx)
	}
	return deleted, err
}

// beginWalk starts anew, unless it is time to rest. What may not wait for that is
// done in any case.
func (s *Store) beginWalk(ctx context.Context) (begun bool, err error) {
	w := &s.sweep
	now, err := s.Now(ctx)
	if err == nil {
		err = s.finishEndings(ctx, now)
	}
	if err != nil || now.Before(w.rest) {
		return false, err
	}
	w.begun, w.at = now, place{}
	return true, nil
}

func (s *Store) endWalk(ctx context.Context) error {
	w := &s.sweep
	now, err := s.Now(ctx)
	if took := now.Sub(w.begun); err == nil && took > w.long {
		w.rest = now.Add(restFactor * took)
	}
	w.begun, w.at = now, place{}
	return err
}

// hold takes or renews the lease.
func (s *Store) hold(ctx context.Context) (ours bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	b := s.client.B()
	key, life := s.layout.lease(), leaseLife.Milliseconds()
	err = s.client.Do(ctx, b.Set().Key(key).Value(s.id).Nx().PxMilliseconds(life).Build()).Error()
	if !rueidis.IsRedisNil(err) {
		return err == nil, fault(err)
	}
	holder, err := s.client.Do(ctx, b.Get().Key(key).Build()).ToString()
	if err != nil && !rueidis.IsRedisNil(err) || holder != s.id {
		return false, fault(ignoreNil(err))
	}
	err = s.client.Do(ctx, b.Pexpire().Key(key).Milliseconds(life).Build()).Error()
	return err == nil, fault(err)
}

func ignoreNil(err error) error {
	if rueidis.IsRedisNil(err) {
		return nil
	}
	return err
}

func (s *Store) release(ctx context.Context) {
	_ = s.do(ctx, call{releaseScript, []string{s.layout.lease()}, []string{s.id}}).Error() // else it runs out
}

// sweepSessions walks on until it has deleted limit sessions, or to the end.
func (s *Store) sweepSessions(ctx context.Context, limit int) (deleted int, err error) {
	at := &s.sweep.at
	for at.partition < partitions && deleted < limit {
		users, err := s.next(ctx, *at, walkStep)
		if err != nil {
			return deleted, err
		}
		if len(users) == 0 {
			*at = place{partition: at.partition + 1}
			continue
		}
		n, looked, err := s.sweepUsers(ctx, at.partition, users, limit-deleted)
		if err != nil {
			return deleted, err
		}
		deleted += n
		if looked > 0 {
			at.entry = users[looked-1].entry
		}
	}
	return deleted, nil
}

func (s *Store) sweepUsers(ctx context.Context, partition int, users []registered, limit int) (deleted, looked int, err error) {
	keys := []string{s.layout.register(partition)}
	args := []string{decimal(millis(s.sweep.before)), strconv.Itoa(limit)}
	for _, u := range users {
		keys, args = append(keys, s.layout.user(u.user)), append(args, u.entry)
	}
	return s.pair(ctx, call{sweepScript, keys, args})
}

// pair runs a script that answers two numbers.
func (s *Store) pair(ctx context.Context, c call) (a, b int, err error) {
	r, err := s.do(ctx, c).AsIntSlice()
	if err != nil {
		return 0, 0, fault(err)
	}
	if len(r) != 2 {
		return 0, 0, errDamaged
	}
	return int(r[0]), int(r[1]), nil
}

// sweepLogs deletes at most limit entries. Their times need not be in order, for
// clocks differ, so that it looks at all.
func (s *Store) sweepLogs(ctx context.Context, before time.Time, limit int) (deleted int, err error) {
	for p := range partitions {
		for from := "-"; deleted < limit; {
			n, last, err := s.sweepLog(ctx, p, from, before, limit-deleted)
			if err != nil {
				return deleted, err
			}
			deleted += n
			if last == "" {
				break
			}
			from = "(" + last
		}
	}
	return deleted, nil
}

// sweepLog sweeps a piece of a log. last is the last entry looked at, "" at the
// end of the log.
func (s *Store) sweepLog(ctx context.Context, partition int, from string, before time.Time, limit int) (deleted int, last string, err error) {
	r, err := s.do(ctx, call{
		sweepLogScript,
		[]string{s.layout.log(partition)},
		[]string{from, decimal(millis(before)), strconv.Itoa(logStep), strconv.Itoa(limit)},
	}).ToArray()
	if err != nil {
		return 0, "", fault(err)
	}
	if len(r) != 2 {
		return 0, "", errDamaged
	}
	n, err := r[0].AsInt64()
	return int(n), bytesOf(r[1]), err
}
