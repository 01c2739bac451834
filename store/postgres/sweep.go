package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// sweeping is a walk through the table of sessions, page by page as they lie on
// the disk. No index leads to those that ran out, because every rotation would
// have to change it.
type sweeping struct {
	mu     sync.Mutex
	before int64 // sessions that ran out before this are deleted
	at     int64 // the page that the walk has got to; set with before
}

// lookFactor is how many sessions are looked at for one that may be deleted, and
// perPage how many fit a page at most, about.
const (
	lookFactor = 20
	perPage    = 40
)

// Sweep implements [pawl.SessionStore]. Of several nodes one does it: the others
// find nothing to do. It passes by rows that somebody is writing.
func (s *Store) Sweep(ctx context.Context, sessions, log time.Time, limit int) (deleted int, err error) {
	limit = max(limit, 1)
	w := &s.sweep
	w.mu.Lock()
	defer w.mu.Unlock()
	if before := millis(sessions); before != w.before {
		w.before, w.at = before, 0
	}
	for {
		var done swept
		err := s.transacting(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
			done, err = sweep(ctx, tx, w, millis(log), limit)
			return err
		})
		if err != nil {
			return 0, err
		}
		w.at = done.next
		if deleted = done.sessions + done.entries; deleted > 0 || done.others {
			return deleted, nil
		}
		if done.last {
			w.at = 0
			return 0, nil
		}
	}
}

// swept is what became of a stretch of the walk.
type swept struct {
	sessions, entries int   // deleted
	next              int64 // page
	last              bool  // it was the last stretch
	others            bool  // it is another node's turn
}

const (
	countPages = `SELECT pg_relation_size('pawl.sessions') / current_setting('block_size')::bigint`
	deleteDue  = `DELETE FROM pawl.sessions WHERE ctid = ANY (ARRAY(
		SELECT ctid FROM pawl.sessions
		WHERE ctid >= format('(%s,0)', $1::bigint)::tid AND ctid < format('(%s,0)', $2::bigint)::tid AND idle_expires < $3
		LIMIT $4 FOR UPDATE SKIP LOCKED))`
	deleteLog = `WITH gone AS (
			DELETE FROM pawl.revocations WHERE id = ANY (ARRAY(
				SELECT id FROM pawl.revocations WHERE at < $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED))
			RETURNING id
		), noted AS (
			UPDATE pawl.swept SET id = greatest(id, (SELECT max(id) FROM gone)) WHERE EXISTS (SELECT 1 FROM gone)
		)
		SELECT count(*) FROM gone`
)

func sweep(ctx context.Context, tx pgx.Tx, w *sweeping, log int64, limit int) (done swept, err error) {
	if mine, err := tryLock(ctx, tx, lockSweep); err != nil || !mine {
		return swept{next: w.at, others: true}, err
	}
	var pages int64
	if err := tx.QueryRow(ctx, countPages).Scan(&pages); err != nil {
		return done, err
	}
	to := w.at + int64(limit*lookFactor/perPage) + 1
	tag, err := tx.Exec(ctx, deleteDue, w.at, to, w.before, int64(limit))
	if err != nil {
		return done, err
	}
	done = swept{sessions: int(tag.RowsAffected()), next: to, last: to >= pages}
	if done.sessions == limit { // there may be more
		done.next, done.last = w.at, false
	}
	err = tx.QueryRow(ctx, deleteLog, log, int64(limit)).Scan(&done.entries)
	return done, err
}
