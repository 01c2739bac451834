package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/token"
)

// EndAgain implements [pawl.SessionStore]. An end that holds already is confirmed:
// it may be here and not at the standby.
func (s *Store) EndAgain(ctx context.Context, e pawl.LoggedEnd, unlogged bool) (wrote bool, err error) {
	switch e.Kind {
	case token.KindSession:
		return s.endSession(ctx, pawl.SessionKey{User: e.User, ID: e.ID}, e.Reason, e.At, true, unlogged)
	case token.KindUser:
		return s.endingAgain(ctx, e, unlogged, endUserAgain)
	case token.KindAll:
		return s.endingAgain(ctx, e, unlogged, endAllAgain)
	}
	return false, ctx.Err()
}

// endingAgain raises a mark in a transaction: what raise queues comes before the
// log entry. It queues nothing where the mark is there already.
func (s *Store) endingAgain(ctx context.Context, e pawl.LoggedEnd, unlogged bool, raise raising) (wrote bool, err error) {
	err = s.transacting(ctx, func(ctx context.Context, tx pgx.Tx) error {
		b := &pgx.Batch{}
		if err := raise(ctx, tx, &e, b); err != nil {
			return err
		}
		if wrote = b.Len() > 0 || unlogged; wrote {
			queueLog(b, e)
		} else {
			b.Queue(`SELECT ` + confirm)
		}
		return tx.SendBatch(ctx, b).Close()
	})
	return err == nil && wrote, err
}

type raising func(ctx context.Context, tx pgx.Tx, e *pawl.LoggedEnd, b *pgx.Batch) error

const (
	raiseMark = `INSERT INTO pawl.marks AS m (user_id, not_before, reason, version) VALUES ($1, $2, $3, 1)
		ON CONFLICT (user_id) DO UPDATE SET not_before = excluded.not_before, reason = excluded.reason, version = m.version + 1`
	updateEndUserAgain = updateEndUser + ` AND auth_time <= $6`
	updateKeptAgain    = updateKept + ` AND auth_time <= $5`
)

// endUserAgain writes the sessions that the mark ends, for the rotations that race
// it, as endUser does. Those that are later than the mark stay as they are.
func endUserAgain(ctx context.Context, tx pgx.Tx, e *pawl.LoggedEnd, b *pgx.Batch) error {
	kept, gate, err := keeping(ctx, tx, e.ID, e.Keep, e.At)
	if err != nil {
		return err
	}
	before, err := lockStanding(ctx, tx, e.ID, gate)
	if err != nil || before.own.mark().Covers(e.NotBefore) {
		return err
	}
	e.User, e.Keep = "", sidText(kept)
	name, why, over, until := []byte(e.ID), []byte(e.Reason), covered(before.mark()), seconds(e.NotBefore)
	b.Queue(raiseMark, name, until, why)
	b.Queue(updateEndUserAgain, name, millis(e.At), why, kept, over, until)
	b.Queue(updateKeptAgain, name, kept, over, millis(e.At), until)
	b.Queue(keptLatest, name, kept)
	return nil
}

const (
	everyoneCovers = `SELECT version > 0 AND not_before >= $1 FROM pawl.everyone WHERE NOT pg_is_in_recovery()`
	raiseEveryone  = `UPDATE pawl.everyone SET not_before = $1, reason = $2, version = version + 1`
)

// endAllAgain shuts the gate only where the mark is to move: every node asks, and
// most often it is there.
func endAllAgain(ctx context.Context, tx pgx.Tx, e *pawl.LoggedEnd, b *pgx.Batch) error {
	until := seconds(e.NotBefore)
	if holds, err := everyoneAt(ctx, tx, until); err != nil || holds {
		return err
	}
	if _, err := tx.Exec(ctx, shutGate); err != nil {
		return err
	}
	if holds, err := everyoneAt(ctx, tx, until); err != nil || holds {
		return err
	}
	e.ID, e.User, e.Keep = "", "", ""
	b.Queue(raiseEveryone, until, []byte(e.Reason))
	return nil
}

// everyoneAt reports whether everyone's mark is at a second, or beyond.
func everyoneAt(ctx context.Context, q querier, second int64) (holds bool, err error) {
	err = q.QueryRow(ctx, everyoneCovers, second).Scan(&holds)
	return holds, primary(err)
}
