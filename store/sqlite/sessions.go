package sqlite

import (
	"context"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

const selectMark = `SELECT` + standing + `FROM everyone e LEFT JOIN marks m ON m.user = ?1`

// Mark implements [pawl.SessionStore].
func (s *Store) Mark(ctx context.Context, user string) (mark pawl.Mark, err error) {
	err = s.reading(ctx, func(c *conn) error {
		mark, err = markOf(c, user)
		return err
	})
	return mark, err
}

func markOf(c *conn, user string) (mark pawl.Mark, err error) {
	err = c.query(selectMark, func(r row) error { mark = readMark(r); return nil }, user)
	return mark, err
}

const selectSession = `SELECT` + standing + `,` + columns + `
	FROM everyone e LEFT JOIN marks m ON m.user = ?1
	LEFT JOIN sessions s ON s.user = ?1 AND s.sid = ?2`

// Get implements [pawl.SessionStore].
func (s *Store) Get(ctx context.Context, k pawl.SessionKey) (rec pawl.Session, mark pawl.Mark, err error) {
	sid, err := sidBytes(k.ID)
	if err != nil {
		if mark, err = s.Mark(ctx, k.User); err == nil {
			err = pawl.ErrNotFound
		}
		return rec, mark, err
	}
	err = s.reading(ctx, func(c *conn) error {
		rec, mark, err = get(c, k.User, sid)
		return err
	})
	return rec, mark, err
}

func get(c *conn, user string, sid []byte) (rec pawl.Session, mark pawl.Mark, err error) {
	err = c.query(selectSession, func(r row) error {
		mark = readMark(r)
		if r.null(standingColumns) {
			return pawl.ErrNotFound
		}
		rec = readSession(user, r, standingColumns)
		return nil
	}, user, sid)
	return rec, mark, err
}

const insertSession = `INSERT INTO sessions (user, sid, generation, created, rotated, opened, idle_expires, ends,
	auth_time, address, agent, label, last_key, ended, end_reason) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`

// Create implements [pawl.SessionStore].
func (s *Store) Create(ctx context.Context, rec pawl.Session, seen pawl.Mark, limit int) ([]pawl.Session, error) {
	sid, err := sidBytes(rec.ID)
	if err != nil {
		return nil, err
	}
	evicted := new([]pawl.Session)
	err = s.writing(ctx, func(c *conn) (err error) {
		*evicted, err = createIn(c, rec, sid, seen, limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	return *evicted, nil
}

// createIn is Create within a transaction.
func createIn(c *conn, rec pawl.Session, sid []byte, seen pawl.Mark, limit int) (evicted []pawl.Session, err error) {
	mark, err := markOf(c, rec.User)
	if err != nil {
		return nil, err
	}
	if mark.Version != seen.Version {
		return nil, pawl.ErrEnded
	}
	if n, err := c.int(`SELECT 1 FROM sessions WHERE user = ? AND sid = ?`, rec.User, sid); err != nil {
		return nil, err
	} else if n > 0 {
		return nil, pawl.ErrConflict
	}
	if limit > 0 {
		if evicted, err = evict(c, rec.User, limit, rec.Created); err != nil {
			return nil, err
		}
	}
	return evicted, insert(c, rec, sid)
}

func insert(c *conn, rec pawl.Session, sid []byte) error {
	_, err := c.exec(insertSession, rec.User, sid, int64(rec.Generation),
		millis(rec.Created), millis(rec.Rotated), millis(rec.Opened), millis(rec.IdleExpires), millis(rec.Ends),
		seconds(rec.AuthTime), rec.Client.Address, rec.Client.Agent, rec.Client.Label, keyBytes(rec.LastKey),
		millis(rec.Ended), rec.EndReason)
	if err != nil {
		return err
	}
	return signedIn(c, seconds(rec.AuthTime))
}

// signedIn keeps the latest auth_time; it seldom changes within a second.
func signedIn(c *conn, authTime int64) error {
	_, err := c.exec(`UPDATE everyone SET latest_auth_time = ?1 WHERE latest_auth_time < ?1`, authTime)
	return err
}

// alive holds for a session of user ?1 that lives at ?2.
const alive = ` user = ?1 AND ended = 0 AND idle_expires > ?2 AND ends > ?2 AND` + uncovered

const (
	countAlive   = `SELECT count(*) FROM sessions WHERE` + alive
	selectOldest = `SELECT` + columns + `FROM sessions s WHERE` + alive + `ORDER BY created, sid LIMIT ?3`
)

// evict makes room for one more session.
func evict(c *conn, user string, limit int, at time.Time) (evicted []pawl.Session, err error) {
	n, err := c.int(countAlive, user, millis(at))
	if err != nil || n < int64(limit) {
		return nil, err
	}
	var ids []string
	err = c.query(selectOldest, func(r row) error {
		rec := readSession(user, r, 0)
		rec.Ended, rec.EndReason = fromMillis(millis(at)), api.ReasonSessionLimit
		evicted, ids = append(evicted, rec), append(ids, rec.ID)
		return nil
	}, user, millis(at), min(n-int64(limit)+1, pawl.EndBatch))
	if err == nil {
		_, err = endEach(c, user, ids, api.ReasonSessionLimit, at)
	}
	return evicted, err
}

// uncovered holds for a session of user ?1 that no mark ends.
const uncovered = ` auth_time > (SELECT not_before FROM everyone)
	AND auth_time > ifnull((SELECT not_before FROM marks m WHERE m.user = ?1), -9223372036854775808) `

const updateRotate = `UPDATE sessions SET generation = ?3, rotated = ?4, opened = ?5, idle_expires = ?6,
		address = ?7, agent = ?8, last_key = ?9
	WHERE user = ?1 AND sid = ?2 AND generation = ?10 AND opened = ?11 AND ended = 0 AND` + uncovered

// Rotate implements [pawl.SessionStore].
func (s *Store) Rotate(ctx context.Context, from, next pawl.Session) (bool, error) {
	sid, err := sidBytes(from.ID)
	if err != nil {
		return false, nil
	}
	changed := new(int64)
	err = s.writing(ctx, func(c *conn) (err error) {
		*changed, err = c.exec(updateRotate, from.User, sid,
			int64(next.Generation), millis(next.Rotated), millis(next.Opened), millis(next.IdleExpires),
			next.Client.Address, next.Client.Agent, keyBytes(next.LastKey),
			int64(from.Generation), millis(from.Opened))
		return err
	})
	if err != nil {
		return false, err
	}
	return *changed == 1, nil
}

// End implements [pawl.SessionStore].
func (s *Store) End(ctx context.Context, k pawl.SessionKey, reason string, at time.Time) (bool, error) {
	sid, err := sidBytes(k.ID)
	if err != nil {
		return false, nil
	}
	ended := new(bool)
	err = s.writing(ctx, func(c *conn) (err error) {
		*ended, err = end(c, k, sid, reason, at)
		return err
	})
	if err != nil {
		return false, err
	}
	return *ended, nil
}

const updateEnd = `UPDATE sessions SET ended = ?3, end_reason = ?4 WHERE user = ?1 AND sid = ?2 AND ended = 0 AND` + uncovered

// end ends a session and logs it.
func end(c *conn, k pawl.SessionKey, sid []byte, reason string, at time.Time) (bool, error) {
	changed, err := c.exec(updateEnd, k.User, sid, millis(at), reason)
	if err != nil || changed == 0 {
		return false, err
	}
	return true, appendLog(c, pawl.LoggedEnd{
		Revocation: token.Revocation{Kind: token.KindSession, ID: k.ID, Reason: reason, At: at}, User: k.User,
	})
}

// EndEach implements [pawl.SessionStore]. What it finds ended is on the disk: there
// is one commit after the other.
func (s *Store) EndEach(ctx context.Context, user string, ids []string, reason string, at time.Time) ([]string, error) {
	ended := new([]string)
	err := s.writing(ctx, func(c *conn) (err error) {
		*ended, err = endEach(c, user, ids, reason, at)
		return err
	})
	if err != nil {
		return nil, err
	}
	return *ended, nil
}

func endEach(c *conn, user string, ids []string, reason string, at time.Time) (ended []string, err error) {
	for _, id := range ids {
		sid, err := sidBytes(id)
		if err != nil {
			continue // no session has it
		}
		is, err := end(c, pawl.SessionKey{User: user, ID: id}, sid, reason, at)
		if err != nil {
			return nil, err
		}
		if is {
			ended = append(ended, id)
		}
	}
	return ended, nil
}

const selectUserSessions = `SELECT` + standing + `,` + columns + `
	FROM everyone e LEFT JOIN marks m ON m.user = ?1
	LEFT JOIN (
		SELECT * FROM sessions WHERE user = ?1 AND ended = 0 AND (created, sid) > (?2, ?3) AND` + uncovered + `ORDER BY created, sid LIMIT ?4
	) s ON true ORDER BY s.created, s.sid`

// List implements [pawl.SessionStore].
func (s *Store) List(ctx context.Context, user string, after pawl.ListPlace, limit int) (list []pawl.Session, mark pawl.Mark, err error) {
	sid := []byte{}
	if after.ID != "" {
		if sid, err = sidBytes(after.ID); err != nil {
			return nil, mark, pawl.ErrNotFound
		}
	}
	most := int64(limit)
	if limit == 0 {
		most = -1
	}
	err = s.reading(ctx, func(c *conn) error {
		return c.query(selectUserSessions, func(r row) error {
			mark = readMark(r)
			if !r.null(standingColumns) {
				list = append(list, readSession(user, r, standingColumns))
			}
			return nil
		}, user, millis(after.Created), sid, most)
	})
	return list, mark, err
}
