package postgres

import (
	"context"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/token"
)

// queueLog appends to the log. It is the last thing that a transaction does:
// whoever else appends waits until it is over.
func queueLog(b *pgx.Batch, e pawl.LoggedEnd) {
	b.Queue(insertLog, []byte(e.Kind), []byte(e.ID), []byte(e.Reason), seconds(e.NotBefore), millis(e.At), []byte(e.User), []byte(e.Keep))
}

const insertLog = `INSERT INTO pawl.revocations (kind, subject, reason, not_before, at, user_id, keep) VALUES ($1, $2, $3, $4, $5, $6, $7)`

// position is a place in the log: behind the entry with this id and tag.
type position struct {
	id  int64
	tag int32
}

// A cursor is "<epoch>:<id>:<tag>" of the last entry given.
func (s *Store) cursor(p position) string {
	return s.epoch + ":" + strconv.FormatInt(p.id, 10) + ":" + strconv.FormatInt(int64(p.tag), 10)
}

// position reads a cursor; ok is false for one of another database.
func (s *Store) position(cursor string) (p position, ok bool) {
	epoch, rest, _ := strings.Cut(cursor, ":")
	id, tag, _ := strings.Cut(rest, ":")
	n, err := strconv.ParseInt(id, 10, 64)
	t, tagErr := strconv.ParseInt(tag, 10, 32)
	return position{n, int32(t)}, epoch == s.epoch && err == nil && tagErr == nil && n >= 0
}

// selectLog gives the entries behind id $1 and, in front of each, whether the
// cursor is of this log: of the same moment, and there also where no entry is. It
// is if the entry is there still, or was swept. Otherwise the database was put
// back from a backup, or a standby took over that lacked the last entries. Ids
// alone do not tell: after a crash a sequence goes on up to 32 ahead.
const selectLog = `SELECT ($1 <= w.id OR EXISTS (SELECT 1 FROM pawl.revocations WHERE id = $1 AND tag = $2)) AND NOT pg_is_in_recovery(),
		coalesce(l.id, 0), coalesce(l.tag, 0), l.kind, l.subject, l.reason, l.not_before, l.at, l.user_id, l.keep
	FROM pawl.swept w LEFT JOIN (SELECT * FROM pawl.revocations WHERE id > $1 ORDER BY id LIMIT $3) l ON true ORDER BY l.id`

// Revocations implements [pawl.SessionStore].
func (s *Store) Revocations(ctx context.Context, after string, limit int) (page pawl.RevocationPage, err error) {
	limit = max(limit, 1)
	at, known := s.position(after)
	err = s.reading(ctx, func(ctx context.Context, c *pgx.Conn) error {
		page.Reset = false
		if known {
			same, err := s.page(ctx, c, at, limit, &page)
			if err != nil || same {
				return err
			}
		}
		page.Reset = true
		same, err := s.page(ctx, c, position{}, limit, &page)
		if err == nil && !same {
			err = errStandby
		}
		return err
	})
	return page, err
}

// page fills in what follows a position, and says whether it is one of this log.
func (s *Store) page(ctx context.Context, q querier, after position, limit int, page *pawl.RevocationPage) (same bool, err error) {
	page.Entries, page.More, page.Cursor = nil, false, s.cursor(after)
	rows, err := q.Query(ctx, selectLog, after.id, after.tag, int64(limit)+1)
	if err != nil {
		return false, err
	}
	var at position
	var kind, subject, reason, user, keep text
	var notBefore, when number
	_, err = pgx.ForEachRow(rows, []any{&same, &at.id, &at.tag, &kind, &subject, &reason, &notBefore, &when, &user, &keep}, func() error {
		switch {
		case at.id == 0:
		case len(page.Entries) == limit:
			page.More = true
		default:
			page.Cursor = s.cursor(at)
			page.Entries = append(page.Entries, pawl.LoggedEnd{
				Revocation: token.Revocation{
					Cursor: page.Cursor, Kind: string(kind), ID: string(subject), Reason: string(reason),
					NotBefore: fromSeconds(notBefore), At: fromMillis(when),
				},
				User: string(user), Keep: string(keep),
			})
		}
		return nil
	})
	return same, err
}
