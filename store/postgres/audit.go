package postgres

import (
	"context"
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
