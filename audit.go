package pawl

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pawlauth/pawl/api"
)

// AuditStore keeps what happened: entries are added at the end, never changed,
// and go by age only (SECURITY 55, 58). Methods are safe for concurrent use, by
// several processes too where the engine allows that. Text comes back byte for
// byte as it was given, whatever is in it.
type AuditStore interface {
	// Append adds the events in their order, all of them or none, and returns
	// when they are durable. At is kept in whole milliseconds, UTC; the order is
	// that of the calls, not of At.
	Append(ctx context.Context, e ...Event) error

	// Audit gives the entries that q asks for, in an order in which no entry can
	// appear later before one already given. ErrNotFound if the store does not
	// know the cursor (it was restored from a backup, or started anew): begin
	// with an empty one.
	Audit(ctx context.Context, q AuditQuery) (AuditPage, error)

	// SweepAudit deletes entries that happened before the given time, at most
	// limit, and reports how many: the one way in which entries go. Zero means
	// that there are no more.
	SweepAudit(ctx context.Context, before time.Time, limit int) (deleted int, err error)
}

// AuditQuery says which entries are wanted: those that meet every condition
// set. The zero value of a condition asks nothing.
type AuditQuery struct {
	User    string    // subject
	Session string    // sid
	Kind    string    // of the event
	From    time.Time // happened then or later
	To      time.Time // happened before
	After   string    // the Cursor of the page before
	Limit   int       // most entries of the page; at least 1
}

// AuditEntry is an event that was kept.
type AuditEntry struct {
	ID int64 // grows from entry to entry, with gaps
	Event
}

// AuditPage is a piece of the audit log.
type AuditPage struct {
	Entries []AuditEntry
	Cursor  string // where the next page starts; opaque; never empty
	More    bool   // there is more to read now
}

// Audited reports whether an event belongs in the audit log. Reissues do not:
// there are too many, and the session's sign-in and end say who was there. Nor
// do sign-ins that failed for want of a check, since they cost a stranger
// nothing and would fill the disk. Both are in the log and the metrics.
func Audited(e Event) bool {
	switch e.Kind {
	case EventReissue, EventReissueRefused:
		return false
	case EventSignInFailed:
		return e.Reason != api.CodeUnavailable && e.Reason != api.CodeRateLimited
	}
	return true
}

// auditPatience is how long an answer waits for its audit entry at most.
const auditPatience = 5 * time.Second

// auditor writes the audit log of a service.
type auditor struct {
	store AuditStore // nil: none
	log   *slog.Logger
	lost  atomic.Uint64

	mu     sync.Mutex
	resent map[string]resent // by sid
}

// resent is what was noted of a session's re-sends elsewhere.
type resent struct {
	generation uint64
	noted      int    // in this generation
	last       Client // to whom
}

// Bounds of what is noted about re-sends elsewhere.
const (
	maxResent        = 4096 // sessions remembered
	maxResentForEach = 8    // a generation
)

// write appends the event before the request is answered. It has happened
// already, so that nothing that goes wrong here may fail the request, nor may a
// client that hangs up keep the entry from being written. A loss is loud: the
// log then holds what the audit log should.
func (a *auditor) write(ctx context.Context, e Event) {
	if a.store == nil || !Audited(e) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditPatience)
	defer cancel()
	if err := a.store.Append(ctx, e); err != nil {
		a.lost.Add(1)
		a.log.LogAttrs(ctx, slog.LevelError, "audit entry lost", slog.Any("error", err), slog.Any("entry", e))
	}
}

// newResend reports whether a re-send elsewhere is news. Whoever has a session
// could otherwise fill the disk with them.
func (a *auditor) newResend(sid string, generation uint64, to Client) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, known := a.resent[sid]
	switch {
	case !known || r.generation != generation:
		r = resent{generation: generation}
	case r.noted == maxResentForEach || r.last == to:
		return false
	}
	if a.resent == nil || !known && len(a.resent) >= maxResent {
		a.resent = map[string]resent{}
	}
	r.noted, r.last = r.noted+1, to
	a.resent[sid] = r
	return true
}

// Audit gives the entries that q asks for, as AuditStore.Audit does.
// ErrInvalidRequest if the cursor is not known; ErrNotFound if there is no audit
// log.
func (s *Service) Audit(ctx context.Context, q AuditQuery) (AuditPage, error) {
	if s.audit.store == nil {
		return AuditPage{}, api.ErrNotFound.With("No audit log is kept here.")
	}
	page, err := s.audit.store.Audit(ctx, q)
	switch {
	case errors.Is(err, ErrNotFound):
		return AuditPage{}, api.ErrInvalidRequest.With("The cursor is not known any more. Begin without one.")
	case err != nil:
		return AuditPage{}, unavailable(err)
	}
	return page, nil
}

// AuditLost is how many audit entries could not be written since the start; the
// log has them.
func (s *Service) AuditLost() uint64 { return s.audit.lost.Load() }

// sweepAudit deletes audit entries past their time, batch by batch.
func (s *Service) sweepAudit(ctx context.Context) error {
	if s.audit.store == nil || s.cfg.AuditRetention == 0 {
		return nil
	}
	before := s.steadyNow().Add(-s.cfg.AuditRetention)
	return inBatches(ctx, func() (int, error) { return s.audit.store.SweepAudit(ctx, before, sweepBatch) })
}

// LogValue gives the event's fields, those that are set, for a log.
func (e Event) LogValue() slog.Value {
	attrs := []slog.Attr{slog.Time("at", e.At), slog.String("kind", e.Kind)}
	return slog.GroupValue(append(attrs, e.Attrs()...)...)
}

// Attrs gives what is known of the event, apart from its kind and time.
func (e Event) Attrs() []slog.Attr {
	var attrs []slog.Attr
	for _, a := range [...]struct{ name, value string }{
		{"user", e.User},
		{"login", e.Login},
		{"session", e.Session},
		{"reason", e.Reason},
		{"by", e.By},
		{"why", e.Why},
		{"object", e.Object},
		{"address", e.Client.Address},
		{"agent", e.Client.Agent},
		{"key", e.Key},
	} {
		if a.value != "" {
			attrs = append(attrs, slog.String(a.name, a.value))
		}
	}
	if e.Row > 0 {
		attrs = append(attrs, slog.Int("row", e.Row))
	}
	return attrs
}
