package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

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
		RETURNING not_before, version`
	updateEndUser = `UPDATE pawl.sessions SET ended = $2, end_reason = $3
		WHERE user_id = $1 AND sid <> $4 AND ended = 0 AND auth_time > $5`
	updateKept = `UPDATE pawl.sessions SET auth_time = $3
		WHERE user_id = $1 AND sid = $2 AND ended = 0 AND auth_time > $4 AND idle_expires > $5 AND ends > $5`
)

func endUser(ctx context.Context, tx pgx.Tx, user, keep, reason string, at time.Time) (mark pawl.Mark, ended int, err error) {
	if err := lock(ctx, tx, lockUser, lockOf(user)); err != nil {
		return mark, 0, err
	}
	kept, err := passOrShut(ctx, tx, user, keep, at)
	if err != nil {
		return mark, 0, err
	}
	before, err := standingOf(ctx, tx, user)
	if err != nil {
		return mark, 0, err
	}
	own := markRow{reason: text(reason)}
	if err := tx.QueryRow(ctx, upsertMark, []byte(user), seconds(at), []byte(reason)).Scan(&own.notBefore, &own.version); err != nil {
		return mark, 0, err
	}
	tag, err := tx.Exec(ctx, updateEndUser, []byte(user), millis(at), []byte(reason), kept, covered(before.mark()))
	if err != nil {
		return mark, 0, err
	}
	next := int64(own.notBefore) + 1
	stays, err := tx.Exec(ctx, updateKept, []byte(user), kept, next, covered(before.mark()), millis(at))
	if err == nil && stays.RowsAffected() > 0 {
		err = signedIn(ctx, tx, next)
	}
	if err == nil {
		err = appendLog(ctx, tx, token.Revocation{Kind: token.KindUser, ID: user, Reason: reason, NotBefore: fromSeconds(own.notBefore), At: at})
	}
	return own.mark().Later(before.everyone.mark()), int(tag.RowsAffected()), err
}

// passOrShut gives the sid to keep, empty for none, and locks the gate. It shuts
// it where that session does not live: the mark alone ends it then, as it ends
// everyone's.
func passOrShut(ctx context.Context, tx pgx.Tx, user, keep string, at time.Time) (sid []byte, err error) {
	gate := passGate
	if sid, err = sidBytes(keep); err != nil {
		sid = []byte{}
	} else if rec, mark, err := get(ctx, tx, user, sid); err == nil {
		if !rec.Live(mark, at) {
			gate = shutGate
		}
	} else if !errors.Is(err, pawl.ErrNotFound) {
		return nil, err
	}
	_, err = tx.Exec(ctx, gate)
	return sid, err
}

const updateEveryone = `UPDATE pawl.everyone SET not_before = greatest(not_before, (SELECT auth_time FROM pawl.latest), $1),
	reason = $2, version = version + 1 RETURNING not_before, reason, version`

// EndAll implements [pawl.SessionStore]. It waits for the writes that have begun,
// and lets none begin until it is done.
func (s *Store) EndAll(ctx context.Context, reason string, at time.Time) (mark pawl.Mark, err error) {
	err = s.transacting(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, shutGate); err != nil {
			return err
		}
		var row markRow
		err := tx.QueryRow(ctx, updateEveryone, seconds(at), []byte(reason)).Scan(&row.notBefore, &row.reason, &row.version)
		if err != nil {
			return err
		}
		mark = row.mark()
		return appendLog(ctx, tx, token.Revocation{Kind: token.KindAll, Reason: reason, NotBefore: mark.NotBefore, At: at})
	})
	if err != nil {
		return pawl.Mark{}, err
	}
	return mark, nil
}
