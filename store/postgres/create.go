package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
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
	if err := lock(ctx, tx, lockUser, lockOf(rec.User)); err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, passGate); err != nil {
		return nil, err
	}
	row, err := standingOf(ctx, tx, rec.User)
	if err != nil {
		return nil, err
	}
	if row.mark().Version != seen.Version {
		return nil, pawl.ErrEnded
	}
	var list []pawl.Session
	if limit > 0 {
		if list, _, err = listOf(ctx, tx, rec.User); err != nil {
			return nil, err
		}
	}
	if err := insert(ctx, tx, rec, sid); err != nil {
		return nil, err
	}
	if limit > 0 {
		live := slices.DeleteFunc(list, func(r pawl.Session) bool { return !r.Live(row.mark(), rec.Created) })
		if len(live) >= limit {
			evicted, err = evict(ctx, tx, rec.User, live[:len(live)-limit+1], rec.Created)
		}
	}
	if err == nil {
		err = signedIn(ctx, tx, seconds(rec.AuthTime))
	}
	if err == nil {
		err = logEvicted(ctx, tx, evicted)
	}
	return evicted, err
}

const insertSession = `INSERT INTO pawl.sessions (user_id, sid, generation, created, rotated, opened, idle_expires, ends,
	auth_time, address, agent, label, last_key, ended, end_reason)
	VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15) ON CONFLICT DO NOTHING`

func insert(ctx context.Context, q querier, rec pawl.Session, sid []byte) error {
	tag, err := q.Exec(ctx, insertSession, []byte(rec.User), sid, int64(rec.Generation),
		millis(rec.Created), millis(rec.Rotated), millis(rec.Opened), millis(rec.IdleExpires), millis(rec.Ends),
		seconds(rec.AuthTime), []byte(rec.Client.Address), []byte(rec.Client.Agent), []byte(rec.Client.Label), keyBytes(rec.LastKey),
		millis(rec.Ended), []byte(rec.EndReason))
	if err == nil && tag.RowsAffected() == 0 {
		return pawl.ErrConflict
	}
	return err
}

// signedIn keeps the latest auth_time; it seldom changes within a second.
func signedIn(ctx context.Context, q querier, authTime int64) error {
	_, err := q.Exec(ctx, `UPDATE pawl.latest SET auth_time = $1 WHERE auth_time < $1`, authTime)
	return err
}

const updateEvicted = `WITH s AS (
		UPDATE pawl.sessions SET ended = $3, end_reason = $4 WHERE user_id = $1 AND sid = ANY($2) AND ended = 0 RETURNING *
	)
	SELECT` + columns + `FROM s ORDER BY s.created, s.sid`

// evict makes room for one more session.
func evict(ctx context.Context, q querier, user string, oldest []pawl.Session, at time.Time) (evicted []pawl.Session, err error) {
	ids := make([][]byte, len(oldest))
	for i := range oldest {
		if ids[i], err = sidBytes(oldest[i].ID); err != nil {
			return nil, err
		}
	}
	rows, err := q.Query(ctx, updateEvicted, []byte(user), ids, millis(at), []byte(api.ReasonSessionLimit))
	if err != nil {
		return nil, err
	}
	var row sessionRow
	_, err = pgx.ForEachRow(rows, row.dest(), func() error {
		evicted = append(evicted, row.session(user))
		return nil
	})
	return evicted, err
}

func logEvicted(ctx context.Context, q querier, evicted []pawl.Session) error {
	for _, rec := range evicted {
		err := appendLog(ctx, q, token.Revocation{Kind: token.KindSession, ID: rec.ID, Reason: rec.EndReason, At: rec.Ended})
		if err != nil {
			return err
		}
	}
	return nil
}
