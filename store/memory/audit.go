package memory

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/pawlauth/pawl"
)

// auditTable numbers its entries from 1. A cursor is as the revocation log's.
type auditTable struct {
	mu      sync.RWMutex
	last    int64
	entries []pawl.AuditEntry // by ID
}

// Append implements [pawl.AuditStore].
func (s *Store) Append(ctx context.Context, events ...pawl.Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t := &s.audit
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range events {
		t.last++
		e.At = whole(e.At, time.Millisecond)
		t.entries = append(t.entries, pawl.AuditEntry{ID: t.last, Event: e})
	}
	return nil
}

// Audit implements [pawl.AuditStore].
func (s *Store) Audit(ctx context.Context, q pawl.AuditQuery) (pawl.AuditPage, error) {
	if err := ctx.Err(); err != nil {
		return pawl.AuditPage{}, err
	}
	t := &s.audit
	t.mu.RLock()
	defer t.mu.RUnlock()
	after, known := parseCursor(s.log.epoch, q.After)
	if q.After != "" && !known || after > uint64(t.last) {
		return pawl.AuditPage{}, pawl.ErrNotFound
	}
	start, _ := slices.BinarySearchFunc(t.entries, int64(after)+1, func(e pawl.AuditEntry, id int64) int {
		return int(e.ID - id)
	})
	page := pawl.AuditPage{Cursor: s.log.cursor(after)}
	for _, e := range t.entries[start:] {
		if !wanted(&q, &e.Event) {
			continue
		}
		if len(page.Entries) == max(q.Limit, 1) {
			page.More = true
			break
		}
		page.Entries = append(page.Entries, e)
		page.Cursor = s.log.cursor(uint64(e.ID))
	}
	return page, nil
}

func wanted(q *pawl.AuditQuery, e *pawl.Event) bool {
	return (q.User == "" || q.User == e.User) && (q.Session == "" || q.Session == e.Session) &&
		(q.Kind == "" || q.Kind == e.Kind) &&
		(q.From.IsZero() || !e.At.Before(q.From)) && (q.To.IsZero() || e.At.Before(q.To))
}

// SweepAudit implements [pawl.AuditStore].
func (s *Store) SweepAudit(ctx context.Context, before time.Time, limit int) (deleted int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	t := &s.audit
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entries = slices.DeleteFunc(t.entries, func(e pawl.AuditEntry) bool {
		due := deleted < max(limit, 1) && e.At.Before(before)
		if due {
			deleted++
		}
		return due
	})
	return deleted, nil
}
