package pawl

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// Bounds of the pages in which sessions are listed.
const (
	sessionPage     = 100
	sessionPageMost = 200
)

// Sessions lists live sessions of the person whom the access token names, oldest
// first: those behind after, the Next of the page before, and at most limit of
// them; 0: 100; 200 at most. Times are no finer than an hour: whoever has stolen a
// session could otherwise see when its owner rotates, and ride behind.
// ErrInvalidRequest if after is not known.
func (s *Service) Sessions(ctx context.Context, who *token.Access, after string, limit int) (api.SessionList, error) {
	found, err := s.SessionsOf(ctx, who.Subject, after, limit)
	if err != nil {
		return api.SessionList{}, err
	}
	list := api.SessionList{Sessions: make([]api.SessionInfo, 0, len(found.Sessions))}
	if found.More {
		list.Next = found.Cursor
	}
	for _, rec := range found.Sessions {
		list.Sessions = append(list.Sessions, api.SessionInfo{
			ID: rec.ID, Current: rec.ID == who.SessionID,
			Address: rec.Client.Address, Agent: rec.Client.Agent, Label: rec.Client.Label,
			CreatedAt: rec.Created.Truncate(time.Hour), LastUse: rec.Rotated.Truncate(time.Hour),
			IdleAt: rec.IdleExpires.Truncate(time.Hour), EndsAt: rec.Ends.Truncate(time.Hour),
		})
	}
	return list, nil
}

// SessionsOf gives a page of a user's live sessions, oldest first, for an
// administrator. after and limit are as in Sessions, and so are the errors.
func (s *Service) SessionsOf(ctx context.Context, user, after string, limit int) (FoundSessions, error) {
	if limit <= 0 {
		limit = sessionPage
	}
	now := s.now()
	live := func(rec *Session, mark Mark) bool { return s.live(rec, mark, now) }
	return listOf(ctx, s.cfg.Sessions, user, after, min(limit, sessionPageMost), live)
}

// EndSession ends one of the person's own sessions. Ending an ended one is
// fine; ErrNotFound for one that they never had.
func (s *Service) EndSession(ctx context.Context, who *token.Access, sid string, by Client) error {
	if sid == who.SessionID {
		_, err := s.endAuthentic(ctx, SessionKey{User: who.Subject, ID: sid}, api.ReasonSignedOut, by)
		return err
	}
	return s.endKnown(ctx, SessionKey{User: who.Subject, ID: sid}, api.ReasonSignedOutElsewhere, by)
}

// EndSessionOf ends a session for an administrator; as EndSession otherwise.
// ErrAccessDenied as in UpdateUser.
func (s *Service) EndSessionOf(ctx context.Context, key SessionKey, by Client) error {
	if err := s.permit(ctx, key.User, nil); err != nil {
		return err
	}
	return s.endKnown(ctx, key, api.ReasonEndedByAdmin, by)
}

func (s *Service) endKnown(ctx context.Context, key SessionKey, reason string, by Client) error {
	_, found, err := s.endOrMeet(ctx, key, reason, by)
	if err == nil && !found {
		return api.ErrNotFound.With("There is no such session.")
	}
	return err
}

// EndOthers ends all of the person's sessions but the one that asks, and says
// how many there were. They are ended in batches, so that after an error some may be
// left: asking again ends them, and confirms what was ended before.
func (s *Service) EndOthers(ctx context.Context, who *token.Access, by Client) (n int, err error) {
	now := s.now()
	asked := false
	err = eachPiece(ctx, s.cfg.Sessions, who.Subject, func(piece []Session, mark Mark) (bool, error) {
		var ids []string
		for _, rec := range piece {
			if rec.ID != who.SessionID && s.live(&rec, mark, now) {
				ids = append(ids, rec.ID)
			}
		}
		if len(ids) == 0 {
			return true, nil
		}
		asked = true
		ended, err := s.endEach(ctx, who.Subject, ids, api.ReasonSignedOutElsewhere, by)
		n += ended
		return true, err
	})
	if err == nil && !asked {
		// The reply to an earlier call may have been lost.
		if _, err = s.endEach(ctx, who.Subject, nil, api.ReasonSignedOutElsewhere, by); err == nil {
			_ = s.readLog(ctx) // so that this node can make its ends again
		}
	}
	return n, err
}

// endEach ends sessions of a user in one step of the store, EndBatch at most, and
// says how many of them it ended.
func (s *Service) endEach(ctx context.Context, user string, ids []string, reason string, by Client) (int, error) {
	ctx = context.WithoutCancel(ctx) // as end
	at := s.now()
	ended, err := s.cfg.Sessions.EndEach(ctx, user, ids, reason, at)
	if err != nil {
		return 0, unavailable(err)
	}
	for _, id := range ended {
		e := endOfSession(SessionKey{User: user, ID: id}, reason, at)
		s.noteEnd(ctx, e, by)
	}
	if len(ended) == len(ids) {
		return len(ended), nil
	}
	for _, id := range ids { // others have ended the rest meanwhile
		if !slices.Contains(ended, id) {
			if _, err := s.end(ctx, SessionKey{User: user, ID: id}, reason, by); err != nil {
				return len(ended), err
			}
		}
	}
	return len(ended), nil
}

// EndUser ends all sessions of a user, and every access token they have. reason
// is one of package api. It says how many sessions there were. ErrAccessDenied
// as in UpdateUser.
func (s *Service) EndUser(ctx context.Context, user, reason string) (int, error) {
	if err := s.permit(ctx, user, nil); err != nil {
		return 0, err
	}
	return s.endUser(ctx, user, "", reason)
}

func (s *Service) endUser(ctx context.Context, user, keep, reason string) (int, error) {
	ctx = context.WithoutCancel(ctx) // as end
	now := s.now()
	mark, n, err := s.cfg.Sessions.EndUser(ctx, user, keep, reason, now)
	if err != nil {
		return 0, unavailable(err)
	}
	s.users.forget(user)
	s.revoke(LoggedEnd{Keep: keep, Revocation: token.Revocation{Kind: token.KindUser, ID: user, NotBefore: mark.NotBefore, Reason: reason, At: now}})
	s.emit(ctx, Event{At: now, Kind: EventUserEnded, User: user, Reason: reason})
	return n, nil
}

// endDisabled ends what a disabled user still has (SECURITY 25), idle sessions
// too: access tokens of theirs may live. It costs a write only while there is
// something to end.
func (s *Service) endDisabled(ctx context.Context, user string) {
	now, something := s.now(), false
	err := eachPiece(ctx, s.cfg.Sessions, user, func(piece []Session, _ Mark) (bool, error) {
		something = slices.ContainsFunc(piece, func(rec Session) bool { return now.Before(rec.Ends) })
		return !something, nil
	})
	if err == nil && something { // a failing store: the next reissue tries again
		_, _ = s.endUser(ctx, user, "", api.ReasonDisabled)
	}
}

// EndAll ends everyone's sessions and access tokens.
func (s *Service) EndAll(ctx context.Context, reason string) error {
	ctx = context.WithoutCancel(ctx) // as end
	now := s.now()
	mark, err := s.cfg.Sessions.EndAll(ctx, reason, now)
	if err != nil {
		return unavailable(err)
	}
	s.revoke(LoggedEnd{Revocation: token.Revocation{Kind: token.KindAll, NotBefore: mark.NotBefore, Reason: reason, At: now}})
	s.emit(ctx, Event{At: now, Kind: EventAllEnded, Reason: reason})
	return nil
}

// accessError maps a refused access token to the wire.
func accessError(err error) *api.Error {
	if errors.Is(err, token.ErrExpired) {
		return api.ErrTokenExpired.Wrap(err)
	}
	return api.ErrInvalidToken.Wrap(err)
}
