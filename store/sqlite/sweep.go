package sqlite

import (
	"context"
	"sync"
	"time"
)

// sweeping is a walk through the sessions by primary key. No index leads to
// those that ran out, because every rotation would have to change it.
type sweeping struct {
	mu     sync.Mutex
	before int64 // sessions that ran out before this are deleted
	at     place // where the walk has got to
}

// place is a session's primary key; the walk goes on after it.
type place struct {
	user string
	sid  []byte
}

var start = place{sid: []byte{}}

// lookFactor is how many sessions are looked at for one that may be deleted.
const lookFactor = 20

// Sweep implements [pawl.SessionStore]. It looks at limit × 20 sessions at a
// time, while others read and write, and deletes in one short transaction.
func (s *Store) Sweep(ctx context.Context, sessions, log time.Time, limit int) (deleted int, err error) {
	limit = max(limit, 1)
	w := &s.sweep
	w.mu.Lock()
	defer w.mu.Unlock()
	if before := millis(sessions); before != w.before {
		w.before, w.at = before, start
	}
	for {
		found, err := s.look(ctx, w, limit)
		if err != nil {
			return 0, err
		}
		if found.sessions > 0 || found.end {
			if deleted, err = s.delete(ctx, w, found, millis(log), limit); err != nil {
				return 0, err
			}
		}
		w.at = found.to
		if found.end && deleted == 0 {
			w.at = start
		}
		if found.end || deleted > 0 {
			return deleted, nil
		}
	}
}

// stretch is a piece of the walk.
type stretch struct {
	to       place // the last session that was looked at
	sessions int   // how many of it are due
	end      bool  // there are none behind it
}

const (
	selectPlace = `SELECT user, sid FROM sessions WHERE (user, sid) > (?, ?) ORDER BY user, sid LIMIT 1 OFFSET ?`
	selectDue   = `SELECT user, sid FROM sessions
		WHERE (user, sid) > (?, ?) AND (user, sid) <= (?, ?) AND idle_expires < ? ORDER BY user, sid LIMIT ?`
	selectDueToEnd = `SELECT user, sid FROM sessions
		WHERE (user, sid) > (?, ?) AND idle_expires < ? ORDER BY user, sid LIMIT ?`
)

// look finds the next stretch, with at most limit sessions to delete.
func (s *Store) look(ctx context.Context, w *sweeping, limit int) (found stretch, err error) {
	found.to, found.end = w.at, true
	err = s.reading(ctx, func(c *conn) error {
		to := func(r row) error {
			found.to = place{r.text(0), r.blob(1)}
			return nil
		}
		err := c.query(selectPlace, func(r row) error {
			found.end = false
			return to(r)
		}, w.at.user, w.at.sid, int64(limit*lookFactor-1))
		if err != nil {
			return err
		}
		last := found
		count := func(r row) error {
			found.sessions++
			return to(r)
		}
		if found.end {
			err = c.query(selectDueToEnd, count, w.at.user, w.at.sid, w.before, int64(limit))
		} else {
			err = c.query(selectDue, count, w.at.user, w.at.sid, last.to.user, last.to.sid, w.before, int64(limit))
		}
		if found.sessions < limit {
			if !last.end {
				found.to = last.to
			}
		} else {
			found.end = false
		}
		return err
	})
	return found, err
}

const (
	deleteDue = `DELETE FROM sessions WHERE (user, sid) > (?, ?) AND (user, sid) <= (?, ?) AND idle_expires < ?`
	anyLogDue = `SELECT EXISTS (SELECT 1 FROM revocations WHERE at < ?)`
	deleteLog = `DELETE FROM revocations WHERE id IN (SELECT id FROM revocations WHERE at < ? ORDER BY at LIMIT ?)`
)

// delete deletes what is due of a stretch, and of the log. It does not write
// where there is nothing to delete.
func (s *Store) delete(ctx context.Context, w *sweeping, found stretch, log int64, limit int) (int, error) {
	logDue := int64(0)
	err := s.reading(ctx, func(c *conn) (err error) {
		logDue, err = c.int(anyLogDue, log)
		return err
	})
	if err != nil || found.sessions == 0 && logDue == 0 {
		return 0, err
	}
	from, to, before, deleted := w.at, found.to, w.before, new(int64)
	err = s.writing(ctx, func(c *conn) error {
		sessions, err := c.exec(deleteDue, from.user, from.sid, to.user, to.sid, before)
		if err != nil {
			return err
		}
		entries, err := c.exec(deleteLog, log, int64(limit))
		*deleted = sessions + entries
		return err
	})
	if err != nil {
		return 0, err
	}
	return int(*deleted), nil
}
