package otel

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/token"
)

// Sessions gives the store with a span for every call that is made within
// another span. What Pawl does by itself in the background has none.
func Sessions(store pawl.SessionStore, o Options) pawl.SessionStore {
	return &sessions{store, o.tracer(), o.Identities}
}

type sessions struct {
	store      pawl.SessionStore
	tracer     trace.Tracer
	identities bool
}

// begin starts the span of a call; user and sid are empty where it has none.
func (s *sessions) begin(ctx context.Context, method, user, sid string) (context.Context, trace.Span) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ctx, trace.SpanFromContext(context.Background()) // one that does nothing
	}
	ctx, span := s.tracer.Start(ctx, "store "+method, trace.WithSpanKind(trace.SpanKindClient))
	if s.identities && user != "" {
		span.SetAttributes(attribute.String("enduser.id", user))
	}
	if s.identities && sid != "" {
		span.SetAttributes(attribute.String("session.id", sid))
	}
	return ctx, span
}

// done ends it. An error's text may hold what it was about, and stays out.
func done(span trace.Span, err error) {
	if err != nil && !errors.Is(err, pawl.ErrNotFound) && !errors.Is(err, pawl.ErrConflict) && !errors.Is(err, pawl.ErrEnded) && !errors.Is(err, context.Canceled) {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// Nudges passes those of the store on.
func (s *sessions) Nudges() <-chan struct{} {
	if n, ok := s.store.(pawl.Nudger); ok {
		return n.Nudges()
	}
	return nil
}

func (s *sessions) Mark(ctx context.Context, user string) (pawl.Mark, error) {
	ctx, span := s.begin(ctx, "mark", user, "")
	mark, err := s.store.Mark(ctx, user)
	done(span, err)
	return mark, err
}

func (s *sessions) Create(ctx context.Context, rec pawl.Session, seen pawl.Mark, limit int) ([]pawl.Session, error) {
	ctx, span := s.begin(ctx, "create", rec.User, rec.ID)
	evicted, err := s.store.Create(ctx, rec, seen, limit)
	done(span, err)
	return evicted, err
}

func (s *sessions) Get(ctx context.Context, k pawl.SessionKey) (pawl.Session, pawl.Mark, error) {
	ctx, span := s.begin(ctx, "get", k.User, k.ID)
	rec, mark, err := s.store.Get(ctx, k)
	done(span, err)
	return rec, mark, err
}

func (s *sessions) Rotate(ctx context.Context, from, next pawl.Session) (bool, error) {
	ctx, span := s.begin(ctx, "rotate", next.User, next.ID)
	applied, err := s.store.Rotate(ctx, from, next)
	span.SetAttributes(attribute.Bool("pawl.applied", applied))
	done(span, err)
	return applied, err
}

func (s *sessions) End(ctx context.Context, k pawl.SessionKey, reason string, at time.Time) (bool, error) {
	ctx, span := s.begin(ctx, "end", k.User, k.ID)
	ended, err := s.store.End(ctx, k, reason, at)
	done(span, err)
	return ended, err
}

func (s *sessions) EndEach(ctx context.Context, user string, ids []string, reason string, at time.Time) ([]string, error) {
	ctx, span := s.begin(ctx, "end_each", user, "")
	ended, err := s.store.EndEach(ctx, user, ids, reason, at)
	done(span, err)
	return ended, err
}

func (s *sessions) EndUser(ctx context.Context, user, keep, reason string, at time.Time) (pawl.Mark, int, error) {
	ctx, span := s.begin(ctx, "end_user", user, "")
	mark, n, err := s.store.EndUser(ctx, user, keep, reason, at)
	done(span, err)
	return mark, n, err
}

func (s *sessions) EndAll(ctx context.Context, reason string, at time.Time) (pawl.Mark, error) {
	ctx, span := s.begin(ctx, "end_all", "", "")
	mark, err := s.store.EndAll(ctx, reason, at)
	done(span, err)
	return mark, err
}

func (s *sessions) EndAgain(ctx context.Context, e pawl.LoggedEnd, unlogged bool) (bool, error) {
	user := e.User
	if e.Kind == token.KindUser {
		user = e.ID
	}
	ctx, span := s.begin(ctx, "end_again", user, "")
	wrote, err := s.store.EndAgain(ctx, e, unlogged)
	done(span, err)
	return wrote, err
}

func (s *sessions) List(ctx context.Context, user string, after pawl.ListPlace, limit int) ([]pawl.Session, pawl.Mark, error) {
	ctx, span := s.begin(ctx, "list", user, "")
	list, mark, err := s.store.List(ctx, user, after, limit)
	done(span, err)
	return list, mark, err
}

func (s *sessions) Scan(ctx context.Context, after string, limit int) (pawl.SessionPage, error) {
	ctx, span := s.begin(ctx, "scan", "", "")
	page, err := s.store.Scan(ctx, after, limit)
	done(span, err)
	return page, err
}

func (s *sessions) CountLive(ctx context.Context, at time.Time) (int, error) {
	ctx, span := s.begin(ctx, "count_live", "", "")
	n, err := s.store.CountLive(ctx, at)
	done(span, err)
	return n, err
}

func (s *sessions) Revocations(ctx context.Context, after string, limit int) (pawl.RevocationPage, error) {
	ctx, span := s.begin(ctx, "revocations", "", "")
	page, err := s.store.Revocations(ctx, after, limit)
	done(span, err)
	return page, err
}

func (s *sessions) Sweep(ctx context.Context, before, log time.Time, limit int) (int, error) {
	ctx, span := s.begin(ctx, "sweep", "", "")
	n, err := s.store.Sweep(ctx, before, log, limit)
	done(span, err)
	return n, err
}
