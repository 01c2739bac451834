package pawl

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
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
	return listOf(ctx, store, q.User, q.After, max(q.Limit, 1), func(rec *Session, mark Mark) bool {
		return rec.Live(mark, now) && q.meets(rec)
	})
}

// listOf gives a page of those of a user's sessions that are wanted, at most limit.
func listOf(ctx context.Context, store SessionStore, user, after string, limit int, want func(*Session, Mark) bool) (found FoundSessions, err error) {
	at, err := parseListPlace(after)
	if err != nil {
		return found, err
	}
	found.More = true
	for looked := 0; found.More && looked < maxLook && len(found.Sessions) < limit; {
		piece, mark, err := store.List(ctx, user, at, limit+1) // one more shows whether there is more
		if err != nil {
			return FoundSessions{}, unavailable(err)
		}
		found.More = len(piece) > limit
		for _, rec := range piece {
			if len(found.Sessions) == limit {
				found.More = true
				break
			}
			if at = rec.place(); want(&rec, mark) {
				found.Sessions = append(found.Sessions, rec)
			}
		}
		looked += len(piece)
	}
	found.Cursor = at.text()
	return found, nil
}

// eachPiece reads a user's sessions, as SessionStore.List gives them, a batch at a
// time, for as long as f wants more.
func eachPiece(ctx context.Context, store SessionStore, user string, f func(piece []Session, mark Mark) (more bool, err error)) error {
	var at ListPlace
	for {
		piece, mark, err := store.List(ctx, user, at, EndBatch)
		if err != nil {
			return unavailable(err)
		}
		if more, err := f(piece, mark); err != nil || !more || len(piece) < EndBatch {
			return err
		}
		at = piece[len(piece)-1].place()
	}
}

func (s *Session) place() ListPlace { return ListPlace{Created: s.Created, ID: s.ID} }

// text is the place as a cursor.
func (p ListPlace) text() string {
	if p.ID == "" {
		return ""
	}
	return strconv.FormatInt(p.Created.UnixMilli(), 36) + "." + p.ID
}

func parseListPlace(cursor string) (p ListPlace, err error) {
	if cursor == "" {
		return p, nil
	}
	created, id, _ := strings.Cut(cursor, ".")
	ms, err := strconv.ParseInt(created, 36, 64)
	if _, known := token.ParseSessionID(id); err != nil || !known {
		return p, api.ErrInvalidRequest.With("The cursor is not known any more. Begin without one.")
	}
	return ListPlace{Created: time.UnixMilli(ms).UTC(), ID: id}, nil
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
