package sqlite

import (
	"context"
	"time"

	"github.com/pawlauth/pawl"
)

const insertAudit = `INSERT INTO audit (at, kind, user, login, session, reason, rule, address, agent, label, key_id, actor, why, object)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// Append implements [pawl.AuditStore]. It shares a commit with whatever else is
// being written.
func (s *Store) Append(ctx context.Context, events ...pawl.Event) error {
	if len(events) == 0 {
		return ctx.Err()
	}
	return s.writing(ctx, func(c *conn) error {
		for i := range events {
			if err := appendAudit(c, &events[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func appendAudit(c *conn, e *pawl.Event) error {
	_, err := c.exec(insertAudit, millis(e.At), e.Kind, e.User, e.Login, e.Session, e.Reason, int64(e.Row),
		e.Client.Address, e.Client.Agent, e.Client.Label, e.Key, e.By, e.Why, e.Object)
	return err
}

const (
	lastAudit  = `SELECT ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'audit'), 0)`
	firstAudit = `SELECT ifnull(min(id), 9223372036854775807) FROM audit WHERE at >= ?`
)

// selectAudit says in SQL what q asks for. Its text has no value of q's in it,
// and one of 32 forms: one prepared statement each.
func selectAudit(q *pawl.AuditQuery, after int64) (query string, args []any) {
	query = `SELECT id, at, kind, user, login, session, reason, rule, address, agent, label, key_id, actor, why, object FROM audit WHERE id > ?`
	args = []any{after}
	and := func(use bool, condition string, value any) {
		if use {
			query += " AND " + condition
			args = append(args, value)
		}
	}
	and(q.User != "", "user <> '' AND user = ?", q.User)
	and(q.Session != "", "session <> '' AND session = ?", q.Session)
	and(q.Kind != "", "kind = ?", q.Kind)
	and(!q.From.IsZero(), "+at >= ?", millisUp(q.From)) // + keeps the walk in the order of id
	and(!q.To.IsZero(), "+at < ?", millisUp(q.To))
	return query + " ORDER BY id LIMIT ?", append(args, int64(max(q.Limit, 1))+1)
}

// millisUp rounds up: an entry of a whole millisecond is before t if it is
// before the next one.
func millisUp(t time.Time) int64 { return millis(t.Add(time.Millisecond - 1)) }

// Audit implements [pawl.AuditStore].
func (s *Store) Audit(ctx context.Context, q pawl.AuditQuery) (page pawl.AuditPage, err error) {
	after, known := s.position(q.After)
	if q.After == "" {
		after, known = 0, true
	}
	if !known {
		return page, pawl.ErrNotFound
	}
	err = s.surveying(ctx, func(c *conn) error {
		if after > 0 {
			if last, err := c.int(lastAudit); err != nil {
				return err
			} else if last < after { // put back from a backup
				return pawl.ErrNotFound
			}
		}
		return s.auditPage(c, &q, after, &page)
	})
	return page, err
}

func (s *Store) auditPage(c *conn, q *pawl.AuditQuery, after int64, page *pawl.AuditPage) error {
	page.Cursor = s.cursor(after)
	if after == 0 && !q.From.IsZero() {
		first, err := c.int(firstAudit, millisUp(q.From))
		if err != nil {
			return err
		}
		after = first - 1
	}
	query, args := selectAudit(q, after)
	return c.query(query, func(r row) error {
		if len(page.Entries) == max(q.Limit, 1) {
			page.More = true
			return nil
		}
		page.Cursor = s.cursor(r.int(0))
		page.Entries = append(page.Entries, pawl.AuditEntry{ID: r.int(0), Event: pawl.Event{
			At: fromMillis(r.int(1)), Kind: r.text(2), User: r.text(3), Login: r.text(4), Session: r.text(5),
			Reason: r.text(6), Row: int(r.int(7)),
			Client: pawl.Client{Address: r.text(8), Agent: r.text(9), Label: r.text(10)},
			Key:    r.text(11), By: r.text(12), Why: r.text(13), Object: r.text(14),
		}})
		return nil
	}, args...)
}

const (
	anyAuditDue = `SELECT EXISTS (SELECT 1 FROM audit WHERE at < ?)`
	deleteAudit = `DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ? ORDER BY at LIMIT ?)`
)

// SweepAudit implements [pawl.AuditStore]. It does not write where there is
// nothing to delete.
func (s *Store) SweepAudit(ctx context.Context, before time.Time, limit int) (int, error) {
	due := int64(0)
	err := s.reading(ctx, func(c *conn) (err error) {
		due, err = c.int(anyAuditDue, millisUp(before))
		return err
	})
	if err != nil || due == 0 {
		return 0, err
	}
	deleted := new(int64)
	err = s.writing(ctx, func(c *conn) (err error) {
		*deleted, err = c.exec(deleteAudit, millisUp(before), int64(max(limit, 1)))
		return err
	})
	if err != nil {
		return 0, err
	}
	return int(*deleted), nil
}
