package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

// Create implements [pawl.SessionStore]. Those of one user take turns with each
// other and with EndUser.
func (s *Store) Create(ctx context.Context, rec pawl.Session, seen pawl.Mark, limit int) (evicted []pawl.Session, err error) {
	sid, err := sidBytes(rec.ID)
	if err != nil {
		return nil, err
	}
	err = s.transacting(ctx, func(ctx context.Context, tx pgx.Tx) error {
		evicted, err = createIn(ctx, tx, rec, sid, seen, limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	return evicted, nil
}

func createIn(ctx context.Context, tx pgx.Tx, rec pawl.Session, sid []byte, seen pawl.Mark, limit int) (evicted []pawl.Session, err error) {
	row, err := lockStanding(ctx, tx, rec.User, shareGate)
	if err != nil {
		return nil, err
	}
	mark := row.mark()
	if mark.Version != seen.Version {
		return nil, pawl.ErrEnded
	}
	if err := insert(ctx, tx, rec, sid); err != nil {
		return nil, err
	}
	if limit > 0 {
		if evicted, err = evict(ctx, tx, rec, sid, mark, limit); err != nil {
			return nil, err
		}
	}
	b := &pgx.Batch{}
	b.Queue(latestAuthTime, seconds(rec.AuthTime))
	var gone []string
	for _, rec := range evicted {
		gone = append(gone, rec.ID)
	}
	queueEnds(b, rec.User, gone, api.ReasonSessionLimit, rec.Created)
	return evicted, tx.SendBatch(ctx, b).Close()
}

const insertSession = `INSERT INTO pawl.sessions (user_id, sid, generation, created, rotated, opened, idle_expires, ends,
	auth_time, address, agent, label, last_key, ended, end_reason)
	VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15) ON CONFLICT DO NOTHING`

func insert(ctx context.Context, tx pgx.Tx, rec pawl.Session, sid []byte) error {
	tag, err := tx.Exec(ctx, insertSession, []byte(rec.User), sid, int64(rec.Generation),
		millis(rec.Created), millis(rec.Rotated), millis(rec.Opened), millis(rec.IdleExpires), millis(rec.Ends),
		seconds(rec.AuthTime), []byte(rec.Client.Address), []byte(rec.Client.Agent), []byte(rec.Client.Label), keyBytes(rec.LastKey),
		millis(rec.Ended), []byte(rec.EndReason))
	if err == nil && tag.RowsAffected() == 0 {
		return pawl.ErrConflict
	}
	return err
}

// latestAuthTime seldom changes within a second.
const latestAuthTime = `UPDATE pawl.latest SET auth_time = $1 WHERE auth_time < $1`

// updateEvicted ends the oldest of the user's sessions that live at $3, but $2:
// those in the way of a limit of $5, and at most $6.
const updateEvicted = `WITH live AS (
		SELECT sid, created FROM pawl.sessions
		WHERE user_id = $1 AND sid <> $2 AND ended = 0 AND idle_expires > $3 AND ends > $3 AND auth_time > $7
	), s AS (
		UPDATE pawl.sessions SET ended = $3, end_reason = $4 WHERE user_id = $1 AND ended = 0 AND sid = ANY (ARRAY(
			SELECT sid FROM live ORDER BY created, sid LIMIT greatest(0, least((SELECT count(*) FROM live) - $5 + 1, $6))
		)) RETURNING *
	)
	SELECT` + columns + `FROM s ORDER BY s.created, s.sid`

// evict makes room for the new session, which is there already.
func evict(ctx context.Context, tx pgx.Tx, rec pawl.Session, sid []byte, mark pawl.Mark, limit int) (evicted []pawl.Session, err error) {
	rows, err := tx.Query(ctx, updateEvicted, []byte(rec.User), sid, millis(rec.Created), []byte(api.ReasonSessionLimit),
		int64(limit), int64(pawl.EndBatch), covered(mark))
	if err != nil {
		return nil, err
	}
	var row sessionRow
	_, err = pgx.ForEachRow(rows, row.dest(), func() error {
		evicted = append(evicted, row.session(rec.User))
		return nil
	})
	return evicted, err
}
