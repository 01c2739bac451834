package sqlite

import (
	"context"
	"encoding/base64"
	"strings"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/token"
)

const (
	selectScan = `SELECT ` + standing + `,` + columns + `, s.user FROM sessions s CROSS JOIN everyone e LEFT JOIN marks m ON m.user = s.user
		WHERE (s.user, s.sid) > (?, ?) ORDER BY s.user, s.sid LIMIT ?`
	// A user's mark has ended the sessions one by one as well; everyone's has not.
	selectLive = `SELECT count(*) FROM sessions, everyone e WHERE ended = 0 AND idle_expires > ?
		AND (e.version = 0 OR auth_time > e.not_before)`
)

// Scan implements [pawl.SessionStore]. A cursor is the primary key of the last
// session looked at.
func (s *Store) Scan(ctx context.Context, after string, limit int) (pawl.SessionPage, error) {
	return s.scan(ctx, after, limit, false)
}

// ScanRecords implements [pawl.RecordScanner].
func (s *Store) ScanRecords(ctx context.Context, after string, limit int) (pawl.SessionPage, error) {
	return s.scan(ctx, after, limit, true)
}

func (s *Store) scan(ctx context.Context, after string, limit int, ended bool) (page pawl.SessionPage, err error) {
	at, ok := parsePlace(after)
	if !ok {
		return page, pawl.ErrNotFound
	}
	limit = max(limit, 1)
	page.Cursor = after
	err = s.reading(ctx, func(c *conn) error {
		looked := 0
		return c.query(selectScan, func(r row) error {
			if looked == limit {
				page.More = true
				return nil
			}
			looked++
			user := r.text(standingColumns + 14)
			rec := readSession(user, r, standingColumns)
			page.Cursor = placeText(user, r.blob(standingColumns))
			if ended || rec.Ended.IsZero() {
				page.Sessions = append(page.Sessions, pawl.MarkedSession{Session: rec, Mark: readMark(r)})
			}
			return nil
		}, at.user, at.sid, int64(limit)+1)
	})
	return page, err
}

func placeText(user string, sid []byte) string {
	return base64.RawURLEncoding.EncodeToString([]byte(user)) + "." + sidText(sid)
}

func parsePlace(cursor string) (place, bool) {
	if cursor == "" {
		return start, true
	}
	name, id, _ := strings.Cut(cursor, ".")
	user, err := token.DecodeBase64URL(name)
	sid, sidErr := sidBytes(id)
	return place{string(user), sid}, err == nil && sidErr == nil
}

// CountLive implements [pawl.SessionStore].
func (s *Store) CountLive(ctx context.Context, now time.Time) (int, error) {
	n := int64(0)
	err := s.surveying(ctx, func(c *conn) (err error) {
		n, err = c.int(selectLive, millis(now))
		return err
	})
	return int(n), err
}
