package sqlite

import (
	"context"
	"errors"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/token"
)

// EndUser implements [pawl.SessionStore].
func (s *Store) EndUser(ctx context.Context, user, keep, reason string, at time.Time) (pawl.Mark, int, error) {
	type result struct {
		mark  pawl.Mark
		ended int64
	}
	res := new(result)
	err := s.writing(ctx, func(c *conn) (err error) {
		res.mark, res.ended, err = endUser(c, user, keep, reason, at)
		return err
	})
	if err != nil {
		return pawl.Mark{}, 0, err
	}
	return res.mark, int(res.ended), nil
}

const (
	updateEndUser = `UPDATE sessions SET ended = ?2, end_reason = ?3
		WHERE user = ?1 AND sid <> ?4 AND ended = 0 AND auth_time > ?5`
	updateKept = `UPDATE sessions SET auth_time = ?2 WHERE user = ?1 AND sid = ?3`
	upsertMark = `INSERT INTO marks (user, not_before, reason, version)
		VALUES (?1, max(?2, ifnull((SELECT max(auth_time) FROM sessions WHERE user = ?1), ?2)), ?3, 1)
		ON CONFLICT (user) DO UPDATE SET not_before = max(not_before, excluded.not_before),
			reason = excluded.reason, version = version + 1`
)

func endUser(c *conn, user, keep, reason string, at time.Time) (mark pawl.Mark, ended int64, err error) {
	before, err := markOf(c, user)
	if err != nil {
		return mark, 0, err
	}
	kept, keptLives, err := keptSession(c, user, keep, at)
	if err != nil {
		return mark, 0, err
	}
	if _, err = c.exec(upsertMark, user, seconds(at), reason); err != nil {
		return mark, 0, err
	}
	if ended, err = c.exec(updateEndUser, user, millis(at), reason, kept, covered(before)); err != nil {
		return mark, 0, err
	}
	notBefore, err := c.int(`SELECT not_before FROM marks WHERE user = ?`, user)
	if err != nil {
		return mark, 0, err
	}
	if keptLives {
		if _, err = c.exec(updateKept, user, notBefore+1, kept); err != nil {
			return mark, 0, err
		}
		if err = signedIn(c, notBefore+1); err != nil {
			return mark, 0, err
		}
	}
	err = appendLog(c, pawl.LoggedEnd{
		Revocation: token.Revocation{Kind: token.KindUser, ID: user, Reason: reason, NotBefore: fromSeconds(notBefore), At: at}, Keep: keep,
	})
	if err == nil {
		mark, err = markOf(c, user)
	}
	return mark, ended, err
}

// keptSession gives the sid to keep, empty for none, and whether it lives.
func keptSession(c *conn, user, keep string, at time.Time) (sid []byte, lives bool, err error) {
	if sid, err = sidBytes(keep); err != nil {
		return []byte{}, false, nil
	}
	rec, mark, err := get(c, user, sid)
	if errors.Is(err, pawl.ErrNotFound) {
		return sid, false, nil
	}
	return sid, err == nil && rec.Live(mark, at), err
}

const updateEveryone = `UPDATE everyone SET not_before = max(not_before, latest_auth_time, ?),
	reason = ?, version = version + 1`

// EndAll implements [pawl.SessionStore].
func (s *Store) EndAll(ctx context.Context, reason string, at time.Time) (pawl.Mark, error) {
	mark := new(pawl.Mark)
	err := s.writing(ctx, func(c *conn) (err error) {
		if _, err = c.exec(updateEveryone, seconds(at), reason); err != nil {
			return err
		}
		if *mark, err = markOf(c, ""); err != nil {
			return err
		}
		return appendLog(c, pawl.LoggedEnd{
			Revocation: token.Revocation{Kind: token.KindAll, Reason: reason, NotBefore: mark.NotBefore, At: at},
		})
	})
	if err != nil {
		return pawl.Mark{}, err
	}
	return *mark, nil
}
