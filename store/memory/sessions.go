package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// Mark implements [pawl.SessionStore].
func (s *Store) Mark(ctx context.Context, user string) (pawl.Mark, error) {
	if err := ctx.Err(); err != nil {
		return pawl.Mark{}, err
	}
	sh := s.lock(user)
	defer s.unlock(sh)
	_, mark := s.find(sh, pawl.SessionKey{User: user})
	return mark, nil
}

// Create implements [pawl.SessionStore].
func (s *Store) Create(ctx context.Context, rec pawl.Session, seen pawl.Mark, limit int) ([]pawl.Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	rec = kept(rec)
	sh := s.lock(rec.User)
	defer s.unlock(sh)
	old, mark := s.find(sh, rec.SessionKey)
	if mark.Version != seen.Version {
		return nil, pawl.ErrEnded
	}
	if old != nil {
		return nil, pawl.ErrConflict
	}
	a := sh.account(rec.User)
	evicted := s.evict(a, mark, limit, rec.Created)
	a.sessions[rec.ID] = &rec
	s.everyone.signedIn(rec.AuthTime)
	return evicted, nil
}

// evict makes room for one more session.
func (s *Store) evict(a *account, mark pawl.Mark, limit int, at time.Time) (evicted []pawl.Session) {
	if limit <= 0 {
		return nil
	}
	var live []*pawl.Session
	for _, rec := range a.sessions {
		if rec.Live(mark, at) {
			live = append(live, rec)
		}
	}
	if len(live) < limit {
		return nil
	}
	slices.SortFunc(live, oldestFirst)
	for _, rec := range live[:min(len(live)-limit+1, pawl.EndBatch)] {
		s.end(rec, api.ReasonSessionLimit, at)
		evicted = append(evicted, *rec)
	}
	return evicted
}

func oldestFirst(a, b *pawl.Session) int {
	return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
}

// end ends a session and logs it; its shard is locked.
func (s *Store) end(rec *pawl.Session, reason string, at time.Time) {
	rec.Ended, rec.EndReason = at, reason
	s.log.add(endOf(rec.SessionKey, reason, at))
}

func endOf(k pawl.SessionKey, reason string, at time.Time) pawl.LoggedEnd {
	return pawl.LoggedEnd{Revocation: token.Revocation{Kind: token.KindSession, ID: k.ID, Reason: reason, At: at}, User: k.User}
}

// Get implements [pawl.SessionStore].
func (s *Store) Get(ctx context.Context, k pawl.SessionKey) (pawl.Session, pawl.Mark, error) {
	if err := ctx.Err(); err != nil {
		return pawl.Session{}, pawl.Mark{}, err
	}
	sh := s.lock(k.User)
	defer s.unlock(sh)
	rec, mark := s.find(sh, k)
	if rec == nil {
		return pawl.Session{}, mark, pawl.ErrNotFound
	}
	return *rec, mark, nil
}

// Rotate implements [pawl.SessionStore].
func (s *Store) Rotate(ctx context.Context, from, next pawl.Session) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	next = kept(next)
	sh := s.lock(from.User)
	defer s.unlock(sh)
	rec, mark := s.find(sh, from.SessionKey)
	if rec == nil || over(rec, mark) || rec.Generation != from.Generation ||
		!rec.Opened.Equal(whole(from.Opened, time.Millisecond)) {
		return false, nil
	}
	rec.Generation, rec.LastKey = next.Generation, next.LastKey
	rec.Rotated, rec.Opened, rec.IdleExpires = next.Rotated, next.Opened, next.IdleExpires
	rec.Client.Address, rec.Client.Agent = next.Client.Address, next.Client.Agent
	return true, nil
}

// over reports whether the session was ended, by itself or by a mark.
func over(rec *pawl.Session, mark pawl.Mark) bool {
	return !rec.Ended.IsZero() || mark.Covers(rec.AuthTime)
}

// End implements [pawl.SessionStore].
func (s *Store) End(ctx context.Context, k pawl.SessionKey, reason string, at time.Time) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	sh := s.lock(k.User)
	defer s.unlock(sh)
	rec, mark := s.find(sh, k)
	if rec == nil || over(rec, mark) {
		return false, nil
	}
	s.end(rec, reason, whole(at, time.Millisecond))
	return true, nil
}

// EndEach implements [pawl.SessionStore].
func (s *Store) EndEach(ctx context.Context, user string, ids []string, reason string, at time.Time) (ended []string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sh := s.lock(user)
	defer s.unlock(sh)
	for _, id := range ids {
		rec, mark := s.find(sh, pawl.SessionKey{User: user, ID: id})
		if rec != nil && !over(rec, mark) {
			s.end(rec, reason, whole(at, time.Millisecond))
			ended = append(ended, id)
		}
	}
	return ended, nil
}

// EndUser implements [pawl.SessionStore].
func (s *Store) EndUser(ctx context.Context, user, keep, reason string, at time.Time) (pawl.Mark, int, error) {
	if err := ctx.Err(); err != nil {
		return pawl.Mark{}, 0, err
	}
	at = whole(at, time.Millisecond)
	sh := s.lock(user)
	defer s.unlock(sh)
	a := sh.account(user)
	before := a.mark.Later(s.everyone.mark)

	a.mark.NotBefore = later(a.mark.NotBefore, at.Truncate(time.Second))
	for _, rec := range a.sessions {
		a.mark.NotBefore = later(a.mark.NotBefore, rec.AuthTime)
	}
	a.mark.Reason = reason
	a.mark.Version++

	ended := 0
	for id, rec := range a.sessions {
		switch {
		case id == keep && rec.Live(before, at):
			rec.AuthTime = a.mark.NotBefore.Add(time.Second)
			s.everyone.signedIn(rec.AuthTime)
		case id != keep && !over(rec, before):
			rec.Ended, rec.EndReason = at, reason
			ended++
		}
	}
	s.log.add(pawl.LoggedEnd{
		Revocation: token.Revocation{Kind: token.KindUser, ID: user, Reason: reason, NotBefore: a.mark.NotBefore, At: at}, Keep: keep,
	})
	return a.mark.Later(s.everyone.mark), ended, nil
}

// EndAll implements [pawl.SessionStore].
func (s *Store) EndAll(ctx context.Context, reason string, at time.Time) (pawl.Mark, error) {
	if err := ctx.Err(); err != nil {
		return pawl.Mark{}, err
	}
	at = whole(at, time.Millisecond)
	e := &s.everyone
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mark.NotBefore = later(later(e.mark.NotBefore, e.latest), at.Truncate(time.Second))
	e.mark.Reason = reason
	e.mark.Version++
	s.log.add(pawl.LoggedEnd{Revocation: token.Revocation{Kind: token.KindAll, Reason: reason, NotBefore: e.mark.NotBefore, At: at}})
	return e.mark, nil
}

// EndAgain implements [pawl.SessionStore].
func (s *Store) EndAgain(ctx context.Context, e pawl.LoggedEnd, unlogged bool) (wrote bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	e.Cursor, e.At, e.NotBefore = "", whole(e.At, time.Millisecond), whole(e.NotBefore, time.Second)
	again := map[string]func(pawl.LoggedEnd, bool) bool{
		token.KindSession: s.endSessionAgain, token.KindUser: s.endUserAgain, token.KindAll: s.endAllAgain,
	}[e.Kind]
	return again != nil && again(e, unlogged), nil
}

func (s *Store) endSessionAgain(e pawl.LoggedEnd, unlogged bool) bool {
	sh := s.lock(e.User)
	defer s.unlock(sh)
	rec, mark := s.find(sh, pawl.SessionKey{User: e.User, ID: e.ID})
	if rec != nil && over(rec, mark) && !unlogged {
		return false
	}
	if rec != nil && !over(rec, mark) {
		rec.Ended, rec.EndReason = e.At, e.Reason
	}
	s.log.add(e)
	return true
}

func (s *Store) endUserAgain(e pawl.LoggedEnd, unlogged bool) bool {
	sh := s.lock(e.ID)
	defer s.unlock(sh)
	a := sh.account(e.ID)
	before := a.mark.Later(s.everyone.mark)
	raised := raise(&a.mark, e)
	if !raised && !unlogged {
		return false
	}
	if raised {
		s.endUpTo(a, before, e)
	}
	s.log.add(e)
	return true
}

// endUpTo ends what the mark of e covers, and keeps the session that is to go on.
func (s *Store) endUpTo(a *account, before pawl.Mark, e pawl.LoggedEnd) {
	for id, rec := range a.sessions {
		switch {
		case over(rec, before) || rec.AuthTime.After(e.NotBefore):
		case id != e.Keep:
			rec.Ended, rec.EndReason = e.At, e.Reason
		case rec.Live(before, e.At):
			rec.AuthTime = e.NotBefore.Add(time.Second)
			s.everyone.signedIn(rec.AuthTime)
		}
	}
}

func (s *Store) endAllAgain(e pawl.LoggedEnd, unlogged bool) bool {
	all := &s.everyone
	all.mu.Lock()
	defer all.mu.Unlock()
	if !raise(&all.mark, e) && !unlogged {
		return false
	}
	s.log.add(e)
	return true
}

// raise moves a mark to where the end had moved it, unless it is there.
func raise(m *pawl.Mark, e pawl.LoggedEnd) bool {
	if m.Covers(e.NotBefore) {
		return false
	}
	*m = pawl.Mark{NotBefore: e.NotBefore, Reason: e.Reason, Version: m.Version + 1}
	return true
}

// List implements [pawl.SessionStore].
func (s *Store) List(ctx context.Context, user string, after pawl.ListPlace, limit int) ([]pawl.Session, pawl.Mark, error) {
	if err := ctx.Err(); err != nil {
		return nil, pawl.Mark{}, err
	}
	if _, ok := token.ParseSessionID(after.ID); !ok && after.ID != "" {
		return nil, pawl.Mark{}, pawl.ErrNotFound
	}
	from := &pawl.Session{SessionKey: pawl.SessionKey{ID: after.ID}, Created: whole(after.Created, time.Millisecond)}
	sh := s.lock(user)
	defer s.unlock(sh)
	_, mark := s.find(sh, pawl.SessionKey{User: user})
	var rest []*pawl.Session
	if a := sh.accounts[user]; a != nil {
		for _, rec := range a.sessions {
			if !over(rec, mark) && oldestFirst(rec, from) > 0 {
				rest = append(rest, rec)
			}
		}
	}
	slices.SortFunc(rest, oldestFirst)
	if limit > 0 {
		rest = rest[:min(limit, len(rest))]
	}
	var list []pawl.Session
	for _, rec := range rest {
		list = append(list, *rec)
	}
	return list, mark, nil
}

// kept is the record in the precision of every store.
func kept(rec pawl.Session) pawl.Session {
	for _, t := range []*time.Time{&rec.Created, &rec.Rotated, &rec.Opened, &rec.IdleExpires, &rec.Ends, &rec.Ended} {
		*t = whole(*t, time.Millisecond)
	}
	rec.AuthTime = whole(rec.AuthTime, time.Second)
	return rec
}
