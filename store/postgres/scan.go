package postgres

import (
	"context"
	"encoding/base64"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/token"
)

const (
	selectScan = `SELECT` + standing + `,` + columns + `, s.user_id FROM pawl.sessions s CROSS JOIN pawl.everyone e LEFT JOIN pawl.marks m ON m.user_id = s.user_id
		WHERE (s.user_id, s.sid) > ($1, $2) ORDER BY s.user_id, s.sid LIMIT $3`
	// A user's mark has ended the sessions one by one as well; everyone's has not.
	selectLive = `SELECT count(*) FROM pawl.sessions, pawl.everyone e WHERE ended = 0 AND idle_expires > $1
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
	user, sid, ok := parsePlace(after)
	if !ok {
		return page, pawl.ErrNotFound
	}
	limit = max(limit, 1)
	err = s.reading(ctx, func(ctx context.Context, c *pgx.Conn) error {
		page = pawl.SessionPage{Cursor: after}
		rows, err := c.Query(ctx, selectScan, []byte(user), sid, int64(limit)+1)
		if err != nil {
			return err
		}
		var st standingRow
		var row sessionRow
		var of text
		looked := 0
		_, err = pgx.ForEachRow(rows, append(append(st.dest(), row.dest()...), &of), func() error {
			if looked == limit {
				page.More = true
				return nil
			}
			looked++
			rec := row.session(string(of))
			page.Cursor = placeText(rec.SessionKey)
			if ended || rec.Ended.IsZero() {
				page.Sessions = append(page.Sessions, pawl.MarkedSession{Session: rec, Mark: st.mark()})
			}
			return nil
		})
		return err
	})
	return page, err
}

func placeText(k pawl.SessionKey) string {
	return base64.RawURLEncoding.EncodeToString([]byte(k.User)) + "." + k.ID
}

func parsePlace(cursor string) (user string, sid []byte, ok bool) {
	if cursor == "" {
		return "", []byte{}, true
	}
	name, id, _ := strings.Cut(cursor, ".")
	b, err := token.DecodeBase64URL(name)
	sid, sidErr := sidBytes(id)
	return string(b), sid, err == nil && sidErr == nil
}

// CountLive implements [pawl.SessionStore].
func (s *Store) CountLive(ctx context.Context, now time.Time) (n int, err error) {
	err = s.surveying(ctx, func(ctx context.Context, c *pgx.Conn) error {
		return c.QueryRow(ctx, selectLive, millis(now)).Scan(&n)
	})
	return n, err
}
