package sqlite

import (
	"context"
	"strconv"
	"strings"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/token"
)

func appendLog(c *conn, e pawl.LoggedEnd) error {
	_, err := c.exec(`INSERT INTO revocations (kind, subject, reason, not_before, at, user, keep) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		e.Kind, e.ID, e.Reason, seconds(e.NotBefore), millis(e.At), e.User, e.Keep)
	return err
}

// A cursor is "<epoch>:<id of the last entry given>".
func (s *Store) cursor(id int64) string {
	return s.epoch + ":" + strconv.FormatInt(id, 10)
}

// position reads a cursor; ok is false for one of another database.
func (s *Store) position(cursor string) (id int64, ok bool) {
	epoch, text, _ := strings.Cut(cursor, ":")
	id, err := strconv.ParseInt(text, 10, 64)
	return id, epoch == s.epoch && err == nil && id >= 0
}

// selectLog gives the entries after ?1 and, in front of each, the last id ever
// used: of the same moment, and there also where no entry is.
const selectLog = `SELECT ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'revocations'), 0),
	l.id, l.kind, l.subject, l.reason, l.not_before, l.at, l.user, l.keep
	FROM (SELECT 1) LEFT JOIN (SELECT * FROM revocations WHERE id > ?1 ORDER BY id LIMIT ?2) l ORDER BY l.id`

// Revocations implements [pawl.SessionStore].
func (s *Store) Revocations(ctx context.Context, after string, limit int) (page pawl.RevocationPage, err error) {
	limit = max(limit, 1)
	id, known := s.position(after)
	err = s.reading(ctx, func(c *conn) error {
		last, err := s.page(c, id, limit, &page)
		if err == nil && (!known || last < id) { // ahead of the log: it was put back from a backup
			page.Reset, id = true, 0
			_, err = s.page(c, id, limit, &page)
		}
		return err
	})
	return page, err
}

// page fills in what follows id, and gives the last id ever used.
func (s *Store) page(c *conn, id int64, limit int, page *pawl.RevocationPage) (last int64, err error) {
	page.Entries, page.More, page.Cursor = nil, false, s.cursor(id)
	err = c.query(selectLog, func(r row) error {
		last = r.int(0)
		switch {
		case r.null(1):
		case len(page.Entries) == limit:
			page.More = true
		default:
			page.Cursor = s.cursor(r.int(1))
			page.Entries = append(page.Entries, pawl.LoggedEnd{
				Revocation: token.Revocation{
					Cursor: page.Cursor, Kind: r.text(2), ID: r.text(3), Reason: r.text(4),
					NotBefore: fromSeconds(r.int(5)), At: fromMillis(r.int(6)),
				},
				User: r.text(7), Keep: r.text(8),
			})
		}
		return nil
	}, id, int64(limit)+1)
	return last, err
}
