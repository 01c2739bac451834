package sqlite

import (
	"context"
	"errors"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/token"
)

// EndAgain implements [pawl.SessionStore]. A file does not fail over: what this
// mends here is a session that is not there.
func (s *Store) EndAgain(ctx context.Context, e pawl.LoggedEnd, unlogged bool) (bool, error) {
	again := map[string]func(*conn, pawl.LoggedEnd) (bool, error){
		token.KindSession: endSessionAgain, token.KindUser: endUserAgain, token.KindAll: endAllAgain,
	}[e.Kind]
	if again == nil {
		return false, ctx.Err()
	}
	wrote := new(bool)
	err := s.writing(ctx, func(c *conn) (err error) {
		*wrote, err = again(c, e)
		if *wrote = *wrote || unlogged; err == nil && *wrote {
			err = appendLog(c, e)
		}
		return err
	})
	if err != nil {
		return false, err
	}
	return *wrote, nil
}

func endSessionAgain(c *conn, e pawl.LoggedEnd) (bool, error) {
	sid, err := sidBytes(e.ID)
	if err != nil {
		return false, nil // no Pawl made it
	}
	rec, mark, err := get(c, e.User, sid)
	switch {
	case errors.Is(err, pawl.ErrNotFound):
		return true, nil
	case err != nil || !rec.Ended.IsZero() || mark.Covers(rec.AuthTime):
		return false, err
	}
	changed, err := c.exec(updateEnd, e.User, sid, millis(e.At), e.Reason)
	return changed == 1, err
}

const (
	raiseMark = `INSERT INTO marks (user, not_before, reason, version) VALUES (?1, ?2, ?3, 1)
		ON CONFLICT (user) DO UPDATE SET not_before = excluded.not_before, reason = excluded.reason, version = version + 1
		WHERE not_before < excluded.not_before`
	updateEndUserAgain = updateEndUser + ` AND auth_time <= ?6`
	raiseEveryone      = `UPDATE everyone SET not_before = ?1, reason = ?2, version = version + 1 WHERE not_before < ?1`
)

func endUserAgain(c *conn, e pawl.LoggedEnd) (bool, error) {
	before, err := markOf(c, e.ID)
	if err != nil {
		return false, err
	}
	kept, keptLives, err := keptSession(c, e.ID, e.Keep, e.At)
	if err != nil {
		return false, err
	}
	nb := seconds(e.NotBefore)
	if raised, err := c.exec(raiseMark, e.ID, nb, e.Reason); err != nil || raised == 0 {
		return false, err
	}
	if _, err := c.exec(updateEndUserAgain, e.ID, millis(e.At), e.Reason, kept, covered(before), nb); err != nil {
		return false, err
	}
	if !keptLives {
		return true, nil
	}
	if moved, err := c.exec(updateKept+` AND auth_time <= ?4`, e.ID, nb+1, kept, nb); err != nil || moved == 0 {
		return true, err
	}
	return true, signedIn(c, nb+1)
}

func endAllAgain(c *conn, e pawl.LoggedEnd) (bool, error) {
	raised, err := c.exec(raiseEveryone, seconds(e.NotBefore), e.Reason)
	return raised == 1, err
}
