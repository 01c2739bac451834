package pawl

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// SessionQuery says which live sessions are wanted: those that meet every
// condition set. The zero value of a condition asks nothing.
type SessionQuery struct {
	User    string       // subject
	Address netip.Prefix // of the last sign-in or advance
	From    time.Time    // last used then or later
	To      time.Time    // last used before
	After   string       // the Cursor of the page before
	Limit   int          // a page ends when so many were found; at most twice as many come
}

// FoundSessions is a piece of what a SessionQuery asks for.
type FoundSessions struct {
	Sessions []Session
	Cursor   string
	More     bool // there may be more, even where Sessions is empty: a page looks at some 20,000 sessions at most
}

const (
	maxLook  = 20_000 // sessions looked at for a page
	scanPage = 500
)

// FindSessions finds live sessions for an administrator. ErrInvalidRequest if
// the cursor is not known.
func (s *Service) FindSessions(ctx context.Context, q SessionQuery) (FoundSessions, error) {
	found, err := FindSessions(ctx, s.cfg.Sessions, q, s.now())
	found.Sessions = slices.DeleteFunc(found.Sessions, func(rec Session) bool { return s.knownEnd(&rec) != token.Revocation{} })
	return found, err
}

// FindSessions finds sessions that are live at now, for a program beside the
// service. ErrInvalidRequest if the cursor is not known.
func FindSessions(ctx context.Context, store SessionStore, q SessionQuery, now time.Time) (FoundSessions, error) {
	if q.User != "" {
		return findOf(ctx, store, q, now)
	}
	found := FoundSessions{Cursor: q.After, More: true}
	for looked := 0; found.More && looked < maxLook && len(found.Sessions) < max(q.Limit, 1); {
		page, err := store.Scan(ctx, found.Cursor, min(max(q.Limit, 1), scanPage))
		if errors.Is(err, ErrNotFound) {
			return FoundSessions{}, api.ErrInvalidRequest.With("The cursor is not known any more. Begin without one.")
		}
		if err != nil {
			return FoundSessions{}, unavailable(err)
		}
		for _, rec := range page.Sessions {
			if rec.Live(rec.Mark, now) && q.meets(&rec.Session) {
				found.Sessions = append(found.Sessions, rec.Session)
			}
		}
		looked += max(len(page.Sessions), 1)
		found.Cursor, found.More = page.Cursor, page.More
	}
	return found, nil
}

func findOf(ctx context.Context, store SessionStore, q SessionQuery, now time.Time) (FoundSessions, error) {
	all, mark, err := store.List(ctx, q.User)
	if err != nil {
		return FoundSessions{}, unavailable(err)
	}
	var found FoundSessions
	for _, rec := range all {
		if rec.Live(mark, now) && q.meets(&rec) {
			found.Sessions = append(found.Sessions, rec)
		}
	}
	return found, nil
}

func (q *SessionQuery) meets(rec *Session) bool {
	if q.Address.IsValid() {
		a, err := netip.ParseAddr(rec.Client.Address)
		if err != nil || !q.Address.Contains(a.Unmap()) {
			return false
		}
	}
	return (q.From.IsZero() || !rec.Rotated.Before(q.From)) && (q.To.IsZero() || rec.Rotated.Before(q.To))
}

// CountLive is how many sessions are live now, roughly: see
// SessionStore.CountLive. It looks at every session.
func (s *Service) CountLive(ctx context.Context) (int, error) {
	n, err := s.cfg.Sessions.CountLive(ctx, s.now())
	if err != nil {
		return 0, unavailable(err)
	}
	return n, nil
}
