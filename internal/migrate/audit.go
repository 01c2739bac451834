package migrate

import (
	"context"
	"fmt"
	"time"

	"github.com/pawlauth/pawl"
)

// auditReader reads a log entry by entry.
type auditReader struct {
	store  pawl.AuditStore
	page   pawl.AuditPage
	begun  bool
	at     int
	cursor string
}

// next gives the next entry; ok is false behind the last one.
func (r *auditReader) next(ctx context.Context) (e pawl.Event, ok bool, err error) {
	for r.at == len(r.page.Entries) {
		if r.begun && !r.page.More {
			return e, false, nil
		}
		if r.page, err = r.store.Audit(ctx, pawl.AuditQuery{After: r.cursor, Limit: batch}); err != nil {
			return e, false, err
		}
		r.begun, r.at, r.cursor = true, 0, r.page.Cursor
	}
	r.at++
	return r.page.Entries[r.at-1].Event, true, nil
}

// audit copies the entries that the new log does not have. That one is a piece of
// the old one, from some entry on: older ones may have reached their age
// meanwhile. Entries keep their order and get new numbers.
func (c Copy) audit(ctx context.Context, n *Counts) error {
	from, to := &auditReader{store: c.From}, &auditReader{store: c.To}
	e, more, err := from.next(ctx)
	if err != nil || !more {
		return err
	}
	have, there, err := to.next(ctx)
	for err == nil && there && !sameEvent(have, e) { // has reached its age in the old log
		have, there, err = to.next(ctx)
	}
	for err == nil && there && more && sameEvent(have, e) {
		n.Audit++
		if e, more, err = from.next(ctx); err == nil {
			have, there, err = to.next(ctx)
		}
	}
	if err != nil {
		return err
	}
	if there {
		return fmt.Errorf("%w: their audit log has entries of its own, such as %s at %s", ErrAhead, have.Kind, have.At.Format(time.RFC3339))
	}
	if n.Audit == 0 && to.at > 0 {
		return fmt.Errorf("%w: their audit log is another one", ErrOthersData)
	}
	return c.appendAudit(ctx, from, e, more, n)
}

// appendAudit writes the entries from e on.
func (c Copy) appendAudit(ctx context.Context, from *auditReader, e pawl.Event, more bool, n *Counts) (err error) {
	var events []pawl.Event
	for more {
		if events = append(events, e); len(events) == batch {
			if err := c.write(ctx, events, n); err != nil {
				return err
			}
			events = events[:0]
		}
		if e, more, err = from.next(ctx); err != nil {
			return err
		}
	}
	return c.write(ctx, events, n)
}

func (c Copy) write(ctx context.Context, events []pawl.Event, n *Counts) error {
	if len(events) == 0 {
		return nil
	}
	if err := c.To.Append(ctx, events...); err != nil {
		return err
	}
	n.Audit, n.Written = n.Audit+len(events), n.Written+len(events)
	c.Progress("audit entries", n.Audit)
	return nil
}

func sameEvent(a, b pawl.Event) bool {
	at := a.At.Equal(b.At)
	a.At, b.At = time.Time{}, time.Time{}
	return at && a == b
}
