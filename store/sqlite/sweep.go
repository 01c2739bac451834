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
	at     place // where the walk has got to; set with before
}

// place is a session's primary key. SQLite sorts a user that is bytes behind
// all that are text.
type place struct {
	user any
	sid  []byte
}

var (
	start  = place{"", []byte{}}
	finish = place{[]byte{}, []byte{}}
)

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
		if found.due > 0 || found.last {
			if deleted, err = s.delete(ctx, found, w.before, millis(log), limit); err != nil {
				return 0, err
			}
		}
		switch w.at = found.to; {
		case deleted > 0:
			return deleted, nil
		case found.last:
			w.at = start
			return 0, nil
		}
	}
}

// stretch is a piece of the walk: the sessions after from, up to to.
type stretch struct {
	from, to place
	due      int  // how many of them are to be deleted
	last     bool // there are no more behind it
}

const (
	selectPlace = `SELECT user, sid FROM sessions WHERE (user, sid) > (?, ?) ORDER BY user, sid LIMIT 1 OFFSET ?`
	dueBetween  = ` FROM sessions WHERE (user, sid) > (?, ?) AND (user, sid) <= (?, ?) AND idle_expires < ?`
	selectDue   = `SELECT user, sid` + dueBetween + ` ORDER BY user, sid LIMIT ?`
)

// look finds the next stretch, with at most limit sessions to delete.
func (s *Store) look(ctx context.Context, w *sweeping, limit int) (found stretch, err error) {
	found = stretch{from: w.at, to: finish, last: true}
	from := found.from
	err = s.reading(ctx, func(c *conn) error {
		err := c.query(selectPlace, func(r row) error {
			found.to, found.last = place{r.text(0), r.blob(1)}, false
			return nil
		}, from.user, from.sid, int64(limit*lookFactor-1))
		if err != nil {
			return err
		}
		return c.query(selectDue, func(r row) error {
			if found.due++; found.due == limit {
				found.to, found.last = place{r.text(0), r.blob(1)}, false
			}
			return nil
		}, from.user, from.sid, found.to.user, found.to.sid, w.before, int64(limit))
	})
	return found, err
}

const (
	deleteDue = `DELETE` + dueBetween
	anyLogDue = `SELECT EXISTS (SELECT 1 FROM revocations WHERE at < ?)`
	deleteLog = `DELETE FROM revocations WHERE id IN (SELECT id FROM revocations WHERE at < ? ORDER BY at LIMIT ?)`
)

// delete deletes what is due of a stretch, and of the log. It does not write
// where there is nothing to delete.
func (s *Store) delete(ctx context.Context, in stretch, sessions, log int64, limit int) (int, error) {
	logDue := int64(0)
	err := s.reading(ctx, func(c *conn) (err error) {
		logDue, err = c.int(anyLogDue, log)
		return err
	})
	if err != nil || in.due == 0 && logDue == 0 {
		return 0, err
	}
	deleted := new(int64)
	err = s.writing(ctx, func(c *conn) error {
		n, err := c.exec(deleteDue, in.from.user, in.from.sid, in.to.user, in.to.sid, sessions)
		if err != nil {
			return err
		}
		entries, err := c.exec(deleteLog, log, int64(limit))
		*deleted = n + entries
		return err
	})
	if err != nil {
		return 0, err
	}
	return int(*deleted), nil
}
