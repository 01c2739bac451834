package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/pawlauth/pawl"
)

// ofUser is everyone's mark and that of user $1: one row, but none on a
// standby, whose marks may be old.
const ofUser = ` (SELECT * FROM pawl.everyone WHERE NOT pg_is_in_recovery()) e LEFT JOIN pawl.marks m ON m.user_id = $1 `

const selectMark = `SELECT` + standing + `FROM` + ofUser

// Mark implements [pawl.SessionStore].
func (s *Store) Mark(ctx context.Context, user string) (mark pawl.Mark, err error) {
	err = s.reading(ctx, func(ctx context.Context, c *pgx.Conn) error {
		row, err := standingOf(ctx, c, user)
		mark = row.mark()
		return err
	})
	return mark, err
}

func standingOf(ctx context.Context, q querier, user string) (row standingRow, err error) {
	err = q.QueryRow(ctx, selectMark, []byte(user)).Scan(row.dest()...)
	return row, primary(err)
}

// primary tells no row where one must be: the server is a standby.
func primary(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return errStandby
	}
	return err
}

const selectSession = `SELECT` + standing + `,` + columns + `
	FROM` + ofUser + `LEFT JOIN pawl.sessions s ON s.user_id = $1 AND s.sid = $2`

// Get implements [pawl.SessionStore].
func (s *Store) Get(ctx context.Context, k pawl.SessionKey) (rec pawl.Session, mark pawl.Mark, err error) {
	sid, err := sidBytes(k.ID)
	if err != nil {
		if mark, err = s.Mark(ctx, k.User); err == nil {
			err = pawl.ErrNotFound
		}
		return rec, mark, err
	}
	err = s.reading(ctx, func(ctx context.Context, c *pgx.Conn) error {
		rec, mark, err = get(ctx, c, k.User, sid)
		return err
	})
	return rec, mark, err
}

func get(ctx context.Context, q querier, user string, sid []byte) (rec pawl.Session, mark pawl.Mark, err error) {
	var st standingRow
	var row sessionRow
	err = q.QueryRow(ctx, selectSession, []byte(user), sid).Scan(append(st.dest(), row.dest()...)...)
	if err != nil {
		return rec, mark, primary(err)
	}
	if row.missing() {
		return rec, st.mark(), pawl.ErrNotFound
	}
	return row.session(user), st.mark(), nil
}

// uncovered holds for a session of user $1 that no mark ends. Who moves the
// user's own mark also writes those of their sessions that live, and so makes a
// statement that races it look again.
const uncovered = gateOpen + `
	AND auth_time > (SELECT not_before FROM pawl.everyone)
	AND auth_time > coalesce((SELECT not_before FROM pawl.marks WHERE user_id = $1), -9223372036854775808) `

const updateRotate = `UPDATE pawl.sessions SET generation = $3, rotated = $4, opened = $5, idle_expires = $6,
		address = $7, agent = $8, last_key = $9
	WHERE user_id = $1 AND sid = $2 AND generation = $10 AND opened = $11 AND ended = 0 AND` + uncovered

// Rotate implements [pawl.SessionStore].
func (s *Store) Rotate(ctx context.Context, from, next pawl.Session) (applied bool, err error) {
	sid, err := sidBytes(from.ID)
	if err != nil {
		return false, nil
	}
	err = s.writing(ctx, func(ctx context.Context, c *pgx.Conn) error {
		tag, err := c.Exec(ctx, updateRotate, []byte(from.User), sid,
			int64(next.Generation), millis(next.Rotated), millis(next.Opened), millis(next.IdleExpires),
			[]byte(next.Client.Address), []byte(next.Client.Agent), keyBytes(next.LastKey),
			int64(from.Generation), millis(from.Opened))
		applied = err == nil && tag.RowsAffected() == 1
		return err
	})
	return applied, err
}

// selectUserSessions gives what follows a place, $2 and $3, at most $4 (NULL: all).
const selectUserSessions = `SELECT` + standing + `,` + columns + `
	FROM` + ofUser + `LEFT JOIN LATERAL (
		SELECT * FROM pawl.sessions WHERE user_id = $1 AND ended = 0 AND (created, sid) > ($2, $3)
		AND auth_time > e.not_before AND auth_time > coalesce(m.not_before, -9223372036854775808)
		ORDER BY created, sid LIMIT $4
	) s ON true ORDER BY s.created, s.sid`

// List implements [pawl.SessionStore].
func (s *Store) List(ctx context.Context, user string, after pawl.ListPlace, limit int) (list []pawl.Session, mark pawl.Mark, err error) {
	sid := []byte{}
	if after.ID != "" {
		if sid, err = sidBytes(after.ID); err != nil {
			return nil, mark, pawl.ErrNotFound
		}
	}
	var most any
	if limit > 0 {
		most = int64(limit)
	}
	err = s.reading(ctx, func(ctx context.Context, c *pgx.Conn) error {
		list, mark, err = listOf(ctx, c, user, millis(after.Created), sid, most)
		return err
	})
	return list, mark, err
}

func listOf(ctx context.Context, q querier, user string, created int64, sid []byte, most any) (list []pawl.Session, mark pawl.Mark, err error) {
	var st standingRow
	var row sessionRow
	rows, err := q.Query(ctx, selectUserSessions, []byte(user), created, sid, most)
	if err != nil {
		return nil, mark, err
	}
	tag, err := pgx.ForEachRow(rows, append(st.dest(), row.dest()...), func() error {
		if !row.missing() {
			list = append(list, row.session(user))
		}
		return nil
	})
	if err == nil && tag.RowsAffected() == 0 {
		err = errStandby
	}
	return list, st.mark(), err
}
