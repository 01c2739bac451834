package telemetry

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pawlauth/pawl"
)

// storeBuckets, in seconds: from a map in memory to a disk that hardly answers.
var storeBuckets = []float64{.00001, .000025, .00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .5, 1, 5}

// sessions is a session store that is watched.
type sessions struct {
	store pawl.SessionStore
	now   func() time.Time

	mark, create, get, rotate, end, endEach, endUser, endAll, endAgain, list, scan, countLive, revocations, sweep method
}

// method holds the metrics of one method.
type method struct {
	took   prometheus.Observer
	failed prometheus.Counter
}

// Sessions gives the store with the time of every call observed.
func (m *Metrics) Sessions(store pawl.SessionStore) pawl.SessionStore {
	of := func(name string) method {
		return method{m.storeTook.WithLabelValues(name), m.storeErrors.WithLabelValues(name)}
	}
	return &sessions{
		store: store, now: m.now,
		mark: of("mark"), create: of("create"), get: of("get"), rotate: of("rotate"), end: of("end"),
		endEach: of("end_each"), endUser: of("end_user"), endAll: of("end_all"), endAgain: of("end_again"), list: of("list"), scan: of("scan"), countLive: of("count_live"), revocations: of("revocations"), sweep: of("sweep"),
	}
}

// done observes a call that began then. A client that went away is no fault of
// the store's.
func (s *sessions) done(m *method, began time.Time, err error) {
	m.took.Observe(s.now().Sub(began).Seconds())
	if err != nil && !errors.Is(err, pawl.ErrNotFound) && !errors.Is(err, pawl.ErrConflict) && !errors.Is(err, pawl.ErrEnded) && !errors.Is(err, context.Canceled) {
		m.failed.Inc()
	}
}

// Nudges passes those of the store on.
func (s *sessions) Nudges() <-chan struct{} {
	if n, ok := s.store.(pawl.Nudger); ok {
		return n.Nudges()
	}
	return nil
}

func (s *sessions) Mark(ctx context.Context, user string) (pawl.Mark, error) {
	began := s.now()
	mark, err := s.store.Mark(ctx, user)
	s.done(&s.mark, began, err)
	return mark, err
}

func (s *sessions) Create(ctx context.Context, rec pawl.Session, seen pawl.Mark, limit int) ([]pawl.Session, error) {
	began := s.now()
	evicted, err := s.store.Create(ctx, rec, seen, limit)
	s.done(&s.create, began, err)
	return evicted, err
}

func (s *sessions) Get(ctx context.Context, k pawl.SessionKey) (pawl.Session, pawl.Mark, error) {
	began := s.now()
	rec, mark, err := s.store.Get(ctx, k)
	s.done(&s.get, began, err)
	return rec, mark, err
}

func (s *sessions) Rotate(ctx context.Context, from, next pawl.Session) (bool, error) {
	began := s.now()
	applied, err := s.store.Rotate(ctx, from, next)
	s.done(&s.rotate, began, err)
	return applied, err
}

func (s *sessions) End(ctx context.Context, k pawl.SessionKey, reason string, at time.Time) (bool, error) {
	began := s.now()
	ended, err := s.store.End(ctx, k, reason, at)
	s.done(&s.end, began, err)
	return ended, err
}

func (s *sessions) EndEach(ctx context.Context, user string, ids []string, reason string, at time.Time) ([]string, error) {
	began := s.now()
	ended, err := s.store.EndEach(ctx, user, ids, reason, at)
	s.done(&s.endEach, began, err)
	return ended, err
}

func (s *sessions) EndUser(ctx context.Context, user, keep, reason string, at time.Time) (pawl.Mark, int, error) {
	began := s.now()
	mark, n, err := s.store.EndUser(ctx, user, keep, reason, at)
	s.done(&s.endUser, began, err)
	return mark, n, err
}

func (s *sessions) EndAll(ctx context.Context, reason string, at time.Time) (pawl.Mark, error) {
	began := s.now()
	mark, err := s.store.EndAll(ctx, reason, at)
	s.done(&s.endAll, began, err)
	return mark, err
}

func (s *sessions) EndAgain(ctx context.Context, e pawl.LoggedEnd, unlogged bool) (bool, error) {
	began := s.now()
	wrote, err := s.store.EndAgain(ctx, e, unlogged)
	s.done(&s.endAgain, began, err)
	return wrote, err
}

func (s *sessions) List(ctx context.Context, user string, after pawl.ListPlace, limit int) ([]pawl.Session, pawl.Mark, error) {
	began := s.now()
	list, mark, err := s.store.List(ctx, user, after, limit)
	s.done(&s.list, began, err)
	return list, mark, err
}

func (s *sessions) Scan(ctx context.Context, after string, limit int) (pawl.SessionPage, error) {
	began := s.now()
	page, err := s.store.Scan(ctx, after, limit)
	s.done(&s.scan, began, err)
	return page, err
}

func (s *sessions) CountLive(ctx context.Context, at time.Time) (int, error) {
	began := s.now()
	n, err := s.store.CountLive(ctx, at)
	s.done(&s.countLive, began, err)
	return n, err
}

func (s *sessions) Revocations(ctx context.Context, after string, limit int) (pawl.RevocationPage, error) {
	began := s.now()
	page, err := s.store.Revocations(ctx, after, limit)
	s.done(&s.revocations, began, err)
	return page, err
}

func (s *sessions) Sweep(ctx context.Context, before, log time.Time, limit int) (int, error) {
	began := s.now()
	n, err := s.store.Sweep(ctx, before, log, limit)
	s.done(&s.sweep, began, err)
	return n, err
}
