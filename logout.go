package pawl

import (
	"context"
	"errors"
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// Logout ends the session of the refresh token, whatever its generation and
// expiry, and that of the access token, if it is valid. It is idempotent: an
// ended or forgotten session is signed out already. A token of the old system
// (Config.Legacy) that has not moved in is used up. ErrUnauthenticated if
// neither token came; ErrInvalidToken if none that came is authentic;
// ErrUnavailable if the store failed, and then the session may live on.
func (s *Service) Logout(ctx context.Context, r api.ReissueRequest) error {
	if r.RefreshToken == "" && r.AccessToken == "" {
		return api.ErrUnauthenticated
	}
	var found []SessionKey
	var old *oldToken
	var firstErr error
	if r.RefreshToken != "" {
		t, err := s.verifyRefresh(ctx, r.RefreshToken)
		if err == nil {
			found = append(found, SessionKey{User: t.Subject, ID: t.SessionID()})
		} else if errors.Is(err, api.ErrInvalidToken) && s.cfg.Legacy != nil {
			old, err = s.oldToken(ctx, r.RefreshToken)
		}
		if errors.Is(err, api.ErrUnavailable) {
			return err // not known whose it is: it must not count as signed out
		}
		firstErr = err
	}
	if r.AccessToken != "" {
		if a, err := s.access.Verify(s.KeySet(), r.AccessToken, s.now()); err == nil {
			found = append(found, SessionKey{User: a.Subject, ID: a.SessionID})
		} else if firstErr == nil {
			firstErr = accessError(err)
		}
	}
	if len(found) == 0 && old == nil {
		return firstErr
	}
	c := Client{Address: r.Address, Agent: r.Agent}
	if old != nil {
		if err := s.endOld(ctx, old, api.ReasonSignedOut, c); err != nil {
			return err
		}
	}
	for _, key := range found {
		if _, err := s.end(ctx, key, api.ReasonSignedOut, c); err != nil {
			return err
		}
	}
	return nil
}

// end ends one session, in the store and in the live set, and says so. It does
// so too for a page that was closed in the same instant: whoever signs out and
// leaves must not stay signed in.
func (s *Service) end(ctx context.Context, key SessionKey, reason string, by Client) (bool, error) {
	ctx = context.WithoutCancel(ctx)
	now := s.now()
	ended, err := s.cfg.Sessions.End(ctx, key, reason, now)
	if err != nil {
		return false, unavailable(err)
	}
	if ended {
		s.noteEnd(ctx, key, reason, now, by)
	}
	return ended, nil
}

// noteEnd makes an end that the store holds felt here at once.
func (s *Service) noteEnd(ctx context.Context, key SessionKey, reason string, at time.Time, by Client) {
	s.revoke(endOfSession(key, reason, at))
	s.emit(ctx, Event{At: at, Kind: EventSessionEnded, User: key.User, Session: key.ID, Reason: reason, Client: by})
}

func endOfSession(key SessionKey, reason string, at time.Time) pastEnd {
	return pastEnd{user: key.User, Revocation: token.Revocation{Kind: token.KindSession, ID: key.ID, Reason: reason, At: at}}
}
