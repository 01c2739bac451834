package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/token"
)

// confirm has the commit wait for the synchronous standby although the transaction
// changes nothing: it writes a message to the log of the server. An end that is
// seen may lack there, where the wait of its own commit was cancelled; since the
// server's log has one order, who has the message has the end.
const confirm = `pg_logical_emit_message(true, 'pawl', '')`

// endOne ends a session and logs it, in one statement. $7: it is logged also where
// there is no such session; $8: in any case. A session that had ended already is
// confirmed.
const endOne = `WITH ended AS (
		UPDATE pawl.sessions SET ended = $3, end_reason = $4 WHERE user_id = $1 AND sid = $2 AND ended = 0 AND` + uncovered + `RETURNING 1
	), known AS (
		SELECT 1 FROM pawl.sessions WHERE user_id = $1 AND sid = $2
	), logged AS (
		INSERT INTO pawl.revocations (kind, subject, reason, not_before, at, user_id) SELECT $5, $6, $4, 0, $3, $1
		WHERE EXISTS (SELECT 1 FROM ended) OR $7 AND NOT EXISTS (SELECT 1 FROM known) OR $8 RETURNING 1
	)
	SELECT EXISTS (SELECT 1 FROM logged),
		CASE WHEN EXISTS (SELECT 1 FROM known) AND NOT EXISTS (SELECT 1 FROM logged) THEN ` + confirm + ` END IS NOT NULL`

// End implements [pawl.SessionStore].
func (s *Store) End(ctx context.Context, k pawl.SessionKey, reason string, at time.Time) (ended bool, err error) {
	return s.endSession(ctx, k, reason, at, false, false)
}

func (s *Store) endSession(ctx context.Context, k pawl.SessionKey, reason string, at time.Time, unknown, unlogged bool) (logged bool, err error) {
	sid, err := sidBytes(k.ID)
	if err != nil {
		return false, nil
	}
	err = s.writing(ctx, func(ctx context.Context, c *pgx.Conn) error {
		return c.QueryRow(ctx, endOne, []byte(k.User), sid, millis(at), []byte(reason), []byte(token.KindSession), []byte(k.ID), unknown, unlogged).Scan(&logged, nil)
	})
	return err == nil && logged, err
}

const (
	endSome = `UPDATE pawl.sessions SET ended = $3, end_reason = $4
		WHERE user_id = $1 AND sid = ANY ($2) AND ended = 0 AND auth_time > $5 RETURNING sid`
	logEnds = `INSERT INTO pawl.revocations (kind, subject, reason, not_before, at, user_id) SELECT $1, unnest($2::bytea[]), $3, 0, $4, $5`
)

// EndEach implements [pawl.SessionStore]. As in Create, the user is locked: those
// who lock several sessions of one user take turns.
func (s *Store) EndEach(ctx context.Context, user string, ids []string, reason string, at time.Time) (ended []string, err error) {
	sids := [][]byte{}
	for _, id := range ids {
		if sid, err := sidBytes(id); err == nil { // else no session has it
			sids = append(sids, sid)
		}
	}
	err = s.transacting(ctx, func(ctx context.Context, tx pgx.Tx) error {
		ended, err = endEach(ctx, tx, user, sids, reason, at)
		return err
	})
	if err != nil {
		return nil, err
	}
	return ended, nil
}

func endEach(ctx context.Context, tx pgx.Tx, user string, sids [][]byte, reason string, at time.Time) (ended []string, err error) {
	row, err := lockStanding(ctx, tx, user, shareGate)
	if err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, endSome, []byte(user), sids, millis(at), []byte(reason), covered(row.mark()))
	if err != nil {
		return nil, err
	}
	var sid text
	if _, err := pgx.ForEachRow(rows, []any{&sid}, func() error {
		ended = append(ended, sidText([]byte(sid)))
		return nil
	}); err != nil {
		return nil, err
	}
	b := &pgx.Batch{}
	if queueEnds(b, user, ended, reason, at); len(ended) == 0 {
		b.Queue(`SELECT ` + confirm) // what had ended before
	}
	return ended, tx.SendBatch(ctx, b).Close()
}

// queueEnds appends the ends of a user's sessions to the log: see queueLog.
func queueEnds(b *pgx.Batch, user string, ids []string, reason string, at time.Time) {
	if len(ids) == 0 {
		return
	}
	names := make([][]byte, len(ids))
	for i, id := range ids {
		names[i] = []byte(id)
	}
	b.Queue(logEnds, []byte(token.KindSession), names, []byte(reason), millis(at), []byte(user))
}
