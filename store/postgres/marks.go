package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/token"
)

// EndUser implements [pawl.SessionStore].
func (s *Store) EndUser(ctx context.Context, user, keep, reason string, at time.Time) (mark pawl.Mark, ended int, err error) {
	err = s.transacting(ctx, func(ctx context.Context, tx pgx.Tx) error {
		mark, ended, err = endUser(ctx, tx, user, keep, reason, at)
		return err
	})
	if err != nil {
		return pawl.Mark{}, 0, err
	}
	return mark, ended, nil
}

const (
	upsertMark = `INSERT INTO pawl.marks AS m (user_id, not_before, reason, version)
		VALUES ($1, greatest($2, (SELECT max(auth_time) FROM pawl.sessions WHERE user_id = $1)), $3, 1)
		ON CONFLICT (user_id) DO UPDATE SET not_before = greatest(m.not_before, excluded.not_before),
			reason = excluded.reason, version = m.version + 1
		RETURNING not_before, reason, version`
	updateEndUser = `UPDATE pawl.sessions SET ended = $2, end_reason = $3
		WHERE user_id = $1 AND sid <> $4 AND ended = 0 AND auth_time > $5`
	updateKept = `UPDATE pawl.sessions SET auth_time = (SELECT not_before + 1 FROM pawl.marks WHERE user_id = $1)
		WHERE user_id = $1 AND sid = $2 AND ended = 0 AND auth_time > $3 AND idle_expires > $4 AND ends > $4`
	keptLatest = `UPDATE pawl.latest l SET auth_time = s.auth_time FROM pawl.sessions s
		WHERE s.user_id = $1 AND s.sid = $2 AND s.auth_time > l.auth_time`
	logEndUser = `INSERT INTO pawl.revocations (kind, subject, reason, not_before, at, keep)
		SELECT $2, $1, $3, not_before, $4, $5 FROM pawl.marks WHERE user_id = $1`
)

func endUser(ctx context.Context, tx pgx.Tx, user, keep, reason string, at time.Time) (mark pawl.Mark, ended int, err error) {
	kept, gate, err := keeping(ctx, tx, user, keep, at)
	if err != nil {
		return mark, 0, err
	}
	before, err := lockStanding(ctx, tx, user, gate)
	if err != nil {
		return mark, 0, err
	}
	var own markRow
	name, why, over := []byte(user), []byte(reason), covered(before.mark())
	b := &pgx.Batch{}
	b.Queue(upsertMark, name, seconds(at), why).QueryRow(func(row pgx.Row) error { return row.Scan(own.dest()...) })
	b.Queue(updateEndUser, name, millis(at), why, kept, over).Exec(func(tag pgconn.CommandTag) error {
		ended = int(tag.RowsAffected())
		return nil
	})
	b.Queue(updateKept, name, kept, over, millis(at))
	b.Queue(keptLatest, name, kept)
	b.Queue(logEndUser, name, []byte(token.KindUser), why, millis(at), []byte(sidText(kept)))
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return mark, 0, err
	}
	return own.mark().Later(before.everyone.mark()), ended, nil
}

// keeping gives the sid to keep, empty for none, and how to lock the gate: to
// shut it where that session does not live, since the mark alone ends it then, as
// it ends everyone's.
func keeping(ctx context.Context, tx pgx.Tx, user, keep string, at time.Time) (sid []byte, gate string, err error) {
	if sid, err = sidBytes(keep); err != nil {
		return []byte{}, shareGate, nil
	}
	if err := lock(ctx, tx, lockUser, lockOf(user)); err != nil {
		return nil, "", err
	}
	switch rec, mark, err := get(ctx, tx, user, sid); {
	case errors.Is(err, pawl.ErrNotFound):
		return sid, shareGate, nil
	case err != nil:
		return nil, "", err
	case rec.Live(mark, at):
		return sid, shareGate, nil
	}
	return sid, shutGate, nil
}

// lockStanding locks the user and the gate, and then reads the marks.
func lockStanding(ctx context.Context, tx pgx.Tx, user, gate string) (row standingRow, err error) {
	b := &pgx.Batch{}
	b.Queue(takeLock, lockUser, lockOf(user))
	b.Queue(gate)
	b.Queue(selectMark, []byte(user)).QueryRow(func(r pgx.Row) error { return primary(r.Scan(row.dest()...)) })
	return row, tx.SendBatch(ctx, b).Close()
}

const (
	updateEveryone = `UPDATE pawl.everyone SET not_before = greatest(not_before, (SELECT auth_time FROM pawl.latest), $1),
		reason = $2, version = version + 1 RETURNING not_before, reason, version`
	logEndAll = `INSERT INTO pawl.revocations (kind, subject, reason, not_before, at)
		SELECT $1, '', reason, not_before, $2 FROM pawl.everyone`
)

// EndAll implements [pawl.SessionStore]. It waits for the writes that have begun,
// and lets none begin until it is done.
func (s *Store) EndAll(ctx context.Context, reason string, at time.Time) (mark pawl.Mark, err error) {
	err = s.transacting(ctx, func(ctx context.Context, tx pgx.Tx) error {
		b := &pgx.Batch{}
		b.Queue(shutGate)
		b.Queue(updateEveryone, seconds(at), []byte(reason)).QueryRow(func(r pgx.Row) error {
			var row markRow
			err := r.Scan(row.dest()...)
			mark = row.mark()
			return err
		})
		b.Queue(logEndAll, []byte(token.KindAll), millis(at))
		return tx.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return pawl.Mark{}, err
	}
	return mark, nil
}
