package memory

import (
	"context"
	"sync"
	"time"

	"github.com/pawlauth/pawl"
)

// sweepPosition is where the walk through the shards has got to.
type sweepPosition struct {
	mu     sync.Mutex
	before time.Time
	shard  int
}

// Sweep implements [pawl.SessionStore]. Other calls wait for a look through a
// 256th of the sessions at most.
func (s *Store) Sweep(ctx context.Context, sessions, log time.Time, limit int) (deleted int, err error) {
	limit = max(limit, 1)
	p := &s.sweep
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.before.Equal(sessions) {
		p.before, p.shard = sessions, 0
	}
	for ; p.shard < shardCount && deleted < limit; p.shard++ {
		if err := ctx.Err(); err != nil {
			return deleted, err
		}
		if deleted += s.shards[p.shard].sweep(sessions, limit-deleted); deleted == limit {
			break // there may be more in this one
		}
	}
	deleted += s.log.forget(log, limit)
	if deleted == 0 {
		p.shard = 0
	}
	return deleted, nil
}

// sweep deletes at most limit sessions that ran out before the given time. An
// account without a mark goes with its last session.
func (sh *shard) sweep(before time.Time, limit int) (deleted int) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for user, a := range sh.accounts {
		for id, rec := range a.sessions {
			if deleted == limit {
				return deleted
			}
			if rec.IdleExpires.Before(before) {
				delete(a.sessions, id)
				deleted++
			}
		}
		if len(a.sessions) == 0 && a.mark == (pawl.Mark{}) {
			delete(sh.accounts, user)
		}
	}
	return deleted
}
