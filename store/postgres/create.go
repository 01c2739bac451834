package postgres

import (
	"context"

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
		if evicted, err = evict(ctx, tx, rec, mark, limit); err != nil {
			return nil, err
		}
	}
	b := &pgx.Batch{}
	b.Queue(latestAuthTime, seconds(rec.AuthTime))
	for _, gone := range evicted {
		end := token.Revocation{Kind: token.KindSession, ID: gone.ID, Reason: gone.EndReason, At: gone.Ended}
		queueLog(b, pawl.LoggedEnd{Revocation: end, User: rec.User})
	}
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

const updateEvicted = `WITH s AS (
		UPDATE pawl.sessions SET ended = $3, end_reason = $4 WHERE user_id = $1 AND sid = ANY($2) AND ended = 0 RETURNING *
	)
	SELECT` + columns + `FROM s ORDER BY s.created, s.sid`

// evict makes room for the new session, which is there already.
func evict(ctx context.Context, tx pgx.Tx, rec pawl.Session, mark pawl.Mark, limit int) (evicted []pawl.Session, err error) {
	list, _, err := listOf(ctx, tx, rec.User)
	if err != nil {
		return nil, err
	}
	var live [][]byte
	for _, r := range list {
		if r.ID != rec.ID && r.Live(mark, rec.Created) {
			sid, _ := sidBytes(r.ID) // as it was read
			live = append(live, sid)
		}
	}
	if len(live) < limit {
		return nil, nil
	}
	rows, err := tx.Query(ctx, updateEvicted, []byte(rec.User), live[:len(live)-limit+1], millis(rec.Created), []byte(api.ReasonSessionLimit))
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
