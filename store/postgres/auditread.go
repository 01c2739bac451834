package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pawlauth/pawl"
)

// selectAudit is as selectLog: it also reports whether the cursor is of this log. It
// is if its entry is there, or is missing no higher than the highest that was swept.
// $3 holds for one of an earlier release, which has no tag. What is asked for comes
// between the two halves.
const (
	selectAudit = `SELECT EXISTS (SELECT 1 FROM pawl.audit WHERE id = $1 AND (tag = $2 OR $3))
			OR $1 <= w.id AND NOT EXISTS (SELECT 1 FROM pawl.audit WHERE id = $1),
		l.id, l.tag, l.at, l.kind, l.user_id, l.login, l.session, l.reason, l.rule, l.address, l.agent, l.label, l.key_id, l.actor, l.why, l.object
		FROM pawl.audit_swept w LEFT JOIN (SELECT * FROM pawl.audit WHERE id > $1`
	selectAuditEnd = ` ORDER BY id LIMIT $4) l ON true WHERE NOT pg_is_in_recovery() ORDER BY l.id`
)

// auditQuery says in SQL what q asks for. Its text has no value of q's in it.
func auditQuery(q *pawl.AuditQuery, after auditPlace) (query string, args []any) {
	query = selectAudit
	args = []any{after.id, after.tag, after.untagged, int64(max(q.Limit, 1)) + 1}
	and := func(use bool, condition string, value any) {
		if use {
			args = append(args, value)
			query += fmt.Sprintf(" AND "+condition, "$"+strconv.Itoa(len(args)))
		}
	}
	and(q.User != "", "user_id <> '' AND sha256(user_id) = sha256(%[1]s) AND user_id = %[1]s", []byte(q.User))
	and(q.Session != "", "session <> '' AND sha256(session) = sha256(%[1]s) AND session = %[1]s", []byte(q.Session))
	and(q.Kind != "", "kind = %s", []byte(q.Kind))
	and(!q.From.IsZero(), "at >= %s", millisUp(q.From))
	and(!q.To.IsZero(), "at < %s", millisUp(q.To))
	return query + selectAuditEnd, args
}

// millisUp rounds up: an entry of a whole millisecond is before t if it is
// before the next one.
func millisUp(t time.Time) int64 { return millis(t.Add(time.Millisecond - 1)) }

// auditPlace is a place in the audit log. Cursors of earlier releases have no tag.
type auditPlace struct {
	position
	untagged bool
}

// auditPlace reads a cursor, which is as the revocation log's.
func (s *Store) auditPlace(cursor string) (p auditPlace, ok bool) {
	p.untagged = strings.Count(cursor, ":") == 1
	if cursor == "" {
		return p, true
	}
	if p.untagged {
		cursor += ":0"
	}
	p.position, ok = s.position(cursor)
	return p, ok
}

// Audit implements [pawl.AuditStore].
func (s *Store) Audit(ctx context.Context, q pawl.AuditQuery) (page pawl.AuditPage, err error) {
	after, ok := s.auditPlace(q.After)
	if !ok {
		return page, pawl.ErrNotFound
	}
	err = s.surveying(ctx, func(ctx context.Context, c *pgx.Conn) error {
		page = pawl.AuditPage{Cursor: q.After}
		if q.After == "" {
			page.Cursor = s.cursor(position{})
		}
		return s.auditPage(ctx, c, &q, after, &page)
	})
	return page, err
}

func (s *Store) auditPage(ctx context.Context, c querier, q *pawl.AuditQuery, after auditPlace, page *pawl.AuditPage) error {
	query, args := auditQuery(q, after)
	rows, err := c.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	var same bool
	var e auditCells
	tag, err := pgx.ForEachRow(rows, append([]any{&same}, e.dest()...), func() error {
		switch {
		case e.id == 0:
		case len(page.Entries) == max(q.Limit, 1):
			page.More = true
		default:
			page.Cursor = s.cursor(position{int64(e.id), int32(e.tag)})
			page.Entries = append(page.Entries, e.entry())
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case tag.RowsAffected() == 0:
		return errStandby
	case !same:
		*page = pawl.AuditPage{}
		return pawl.ErrNotFound
	}
	return nil
}

// auditCells is an entry as selected.
type auditCells struct {
	id, tag, at, rule                                                                  number
	kind, user, login, session, reason, address, agent, label, key, actor, why, object text
}

func (e *auditCells) dest() []any {
	return []any{
		&e.id, &e.tag, &e.at, &e.kind, &e.user, &e.login, &e.session, &e.reason, &e.rule,
		&e.address, &e.agent, &e.label, &e.key, &e.actor, &e.why, &e.object,
	}
}

func (e *auditCells) entry() pawl.AuditEntry {
	return pawl.AuditEntry{ID: int64(e.id), Event: pawl.Event{
		At: fromMillis(e.at), Kind: string(e.kind), User: string(e.user), Login: string(e.login), Session: string(e.session),
		Reason: string(e.reason), Row: int(e.rule),
		Client: pawl.Client{Address: string(e.address), Agent: string(e.agent), Label: string(e.label)},
		Key:    string(e.key), By: string(e.actor), Why: string(e.why), Object: string(e.object),
	}}
}
