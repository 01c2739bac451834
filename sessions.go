package pawl

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// Sessions lists the live sessions of the person whom the access token names,
// oldest first. Times are no finer than an hour: whoever has stolen a session
// could otherwise see when its owner rotates, and ride behind.
func (s *Service) Sessions(ctx context.Context, who *token.Access) ([]api.SessionInfo, error) {
	live, err := s.SessionsOf(ctx, who.Subject)
	if err != nil {
		return nil, err
	}
	infos := make([]api.SessionInfo, 0, len(live))
	for _, rec := range live {
		infos = append(infos, api.SessionInfo{
			ID: rec.ID, Current: rec.ID == who.SessionID,
			Address: rec.Client.Address, Agent: rec.Client.Agent, Label: rec.Client.Label,
			CreatedAt: rec.Created.Truncate(time.Hour), LastUse: rec.Rotated.Truncate(time.Hour),
			IdleAt: rec.IdleExpires.Truncate(time.Hour), EndsAt: rec.Ends.Truncate(time.Hour),
		})
	}
	return infos, nil
}

// SessionsOf gives a user's live sessions, oldest first, for an administrator.
func (s *Service) SessionsOf(ctx context.Context, user string) ([]Session, error) {
	all, mark, err := s.cfg.Sessions.List(ctx, user)
	if err != nil {
		return nil, unavailable(err)
	}
	now := s.now()
	live := all[:0]
	for _, rec := range all {
		if s.live(&rec, mark, now) {
			live = append(live, rec)
		}
	}
	return live, nil
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
// how many there were. After an error some may be left: asking again ends them.
func (s *Service) EndOthers(ctx context.Context, who *token.Access, by Client) (int, error) {
	live, err := s.SessionsOf(ctx, who.Subject)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, rec := range live {
		if rec.ID == who.SessionID {
			continue
		}
		ended, err := s.end(ctx, rec.SessionKey, api.ReasonSignedOutElsewhere, by)
		if err != nil {
			return n, err
		}
		if ended {
			n++
		}
	}
	return n, nil
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
	all, mark, err := s.cfg.Sessions.List(ctx, user)
	if err != nil {
		return // a failing store: the next reissue tries again
	}
	now := s.now()
	if slices.ContainsFunc(all, func(rec Session) bool { return !mark.Covers(rec.AuthTime) && now.Before(rec.Ends) }) {
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
