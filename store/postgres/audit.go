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

// insertAudit is one statement, however many entries there are: the server has
// all of it before it takes the lock that every other node waits for.
const insertAudit = `INSERT INTO pawl.audit (at, rule, kind, user_id, login, session, reason, address, agent, label, key_id, actor, why, object)
	SELECT at, rule, kind, user_id, login, session, reason, address, agent, label, key_id, actor, why, object
	FROM unnest($1::bigint[], $2::integer[], $3::bytea[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bytea[], $8::bytea[],
		$9::bytea[], $10::bytea[], $11::bytea[], $12::bytea[], $13::bytea[], $14::bytea[])
		WITH ORDINALITY AS t (at, rule, kind, user_id, login, session, reason, address, agent, label, key_id, actor, why, object, n)
	ORDER BY n`

// Append implements [pawl.AuditStore]. It shares a transaction with whatever else
// this process appends at the moment: the entries of all nodes are in one order,
// so that only one can be appending.
func (s *Store) Append(ctx context.Context, events ...pawl.Event) error {
	if len(events) == 0 {
		return ctx.Err()
	}
	return s.audit.append(ctx, events)
}

// auditArgs gives the arguments of insertAudit: an array for each column.
func auditArgs(events []pawl.Event) []any {
	at, rules := make([]int64, len(events)), make([]int32, len(events))
	texts := make([][][]byte, 12)
	for i := range events {
		e := &events[i]
		at[i], rules[i] = millis(e.At), int32(e.Row)
		for j, text := range [12]string{
			e.Kind, e.User, e.Login, e.Session, e.Reason, e.Client.Address, e.Client.Agent, e.Client.Label, e.Key, e.By, e.Why, e.Object,
		} {
			texts[j] = append(texts[j], []byte(text))
		}
	}
	args := []any{at, rules}
	for _, column := range texts {
		args = append(args, column)
	}
	return args
}

// auditLast is the last id ever given. It is not a row's: it goes back only where
// the database does.
const auditLast = `SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM pawl.audit_id`

// selectAudit says in SQL what q asks for. Its text has no value of q's in it.
func selectAudit(q *pawl.AuditQuery, after int64) (query string, args []any) {
	query = `SELECT id, at, kind, user_id, login, session, reason, rule, address, agent, label, key_id, actor, why, object FROM pawl.audit WHERE id > $1`
	args = []any{after}
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
	args = append(args, int64(max(q.Limit, 1))+1)
	return query + " ORDER BY id LIMIT $" + strconv.Itoa(len(args)), args
}

// millisUp rounds up: an entry of a whole millisecond is before t if it is
// before the next one.
func millisUp(t time.Time) int64 { return millis(t.Add(time.Millisecond - 1)) }

// Audit implements [pawl.AuditStore]. A cursor is "<epoch>:<id>".
func (s *Store) Audit(ctx context.Context, q pawl.AuditQuery) (page pawl.AuditPage, err error) {
	after := int64(0)
	if q.After != "" {
		epoch, id, _ := strings.Cut(q.After, ":")
		if after, err = strconv.ParseInt(id, 10, 64); err != nil || epoch != s.epoch || after < 0 {
			return page, pawl.ErrNotFound
		}
	}
	err = s.surveying(ctx, func(ctx context.Context, c *pgx.Conn) error {
		last := int64(0)
		if err := c.QueryRow(ctx, auditLast).Scan(&last); err != nil {
			return err
		}
		if last < after { // put back from a backup
			return pawl.ErrNotFound
		}
		return s.auditPage(ctx, c, &q, after, &page)
	})
	return page, err
}

func (s *Store) auditPage(ctx context.Context, c querier, q *pawl.AuditQuery, after int64, page *pawl.AuditPage) error {
	cursor := func(id int64) string { return s.epoch + ":" + strconv.FormatInt(id, 10) }
	page.Cursor, page.Entries, page.More = cursor(after), nil, false
	query, args := selectAudit(q, after)
	rows, err := c.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	var e auditCells
	_, err = pgx.ForEachRow(rows, e.dest(), func() error {
		if len(page.Entries) == max(q.Limit, 1) {
			page.More = true
			return nil
		}
		page.Cursor = cursor(e.id)
		page.Entries = append(page.Entries, e.entry())
		return nil
	})
	return err
}

// auditCells is an entry as selected.
type auditCells struct {
	id                                                                                 int64
	at                                                                                 number
	rule                                                                               int32
	kind, user, login, session, reason, address, agent, label, key, actor, why, object text
}

func (e *auditCells) dest() []any {
	return []any{
		&e.id, &e.at, &e.kind, &e.user, &e.login, &e.session, &e.reason, &e.rule,
		&e.address, &e.agent, &e.label, &e.key, &e.actor, &e.why, &e.object,
	}
}

func (e *auditCells) entry() pawl.AuditEntry {
	return pawl.AuditEntry{ID: e.id, Event: pawl.Event{
		At: fromMillis(e.at), Kind: string(e.kind), User: string(e.user), Login: string(e.login), Session: string(e.session),
		Reason: string(e.reason), Row: int(e.rule),
		Client: pawl.Client{Address: string(e.address), Agent: string(e.agent), Label: string(e.label)},
		Key:    string(e.key), By: string(e.actor), Why: string(e.why), Object: string(e.object),
	}}
}

const deleteAudit = `DELETE FROM pawl.audit WHERE id = ANY (ARRAY(SELECT id FROM pawl.audit WHERE at < $1 ORDER BY at LIMIT $2))`

// SweepAudit implements [pawl.AuditStore]. Of several nodes one does it: the
// others find nothing to do.
func (s *Store) SweepAudit(ctx context.Context, before time.Time, limit int) (deleted int, err error) {
	err = s.transacting(ctx, func(ctx context.Context, tx pgx.Tx) error {
		deleted = 0
		if mine, err := tryLock(ctx, tx, lockSweepAudit); err != nil || !mine {
			return err
		}
		tag, err := tx.Exec(ctx, deleteAudit, millisUp(before), int64(max(limit, 1)))
		deleted = int(tag.RowsAffected())
		return err
	})
	if err != nil {
		return 0, err
	}
	return deleted, nil
}
