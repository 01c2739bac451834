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
	var over bool // the session's time is over by itself
	var old *oldToken
	var firstErr error
	if r.RefreshToken != "" {
		t, err := s.verifyRefresh(ctx, r.RefreshToken)
		if err == nil {
			found, over = append(found, SessionKey{User: t.Subject, ID: t.SessionID()}), !s.now().Before(t.End)
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
	end := s.endAuthentic
	if over {
		end = s.end
	}
	for _, key := range found {
		if _, err := end(ctx, key, api.ReasonSignedOut, c); err != nil {
			return err
		}
	}
	return nil
}

// end ends one session, in the store and in the live set, and says so. It does
// so too for a page that was closed in the same instant: whoever signs out and
// leaves must not stay signed in.
func (s *Service) end(ctx context.Context, key SessionKey, reason string, by Client) (bool, error) {
	ended, _, err := s.endOrMeet(ctx, key, reason, by)
	return ended, err
}

// endAuthentic is end for a session whose token is known to be authentic. Where the
// store does not know it, a fail-over may have lost it: its access tokens are
// revoked all the same, and it is ended if an old primary brings it back (SECURITY
// 85).
func (s *Service) endAuthentic(ctx context.Context, key SessionKey, reason string, by Client) (bool, error) {
	ended, found, err := s.endOrMeet(ctx, key, reason, by)
	if err != nil || ended || found {
		return ended, err
	}
	e := endOfSession(key, reason, s.now())
	if known, _ := s.memory.of(e.Revocation); known.made {
		return false, nil // to have read of it is not enough: the store may have lost it since
	}
	ctx = context.WithoutCancel(ctx)
	if ended, err = s.cfg.Sessions.EndAgain(ctx, e, false); err != nil {
		return false, unavailable(err)
	}
	if ended {
		s.noteEnd(ctx, e, by)
	}
	return ended, nil
}

// endOrMeet ends a session; found says whether the store has it. Where it had ended
// already, by a call whose answer may have been lost, this node remembers that end
// as its own.
func (s *Service) endOrMeet(ctx context.Context, key SessionKey, reason string, by Client) (ended, found bool, err error) {
	ctx = context.WithoutCancel(ctx)
	e := endOfSession(key, reason, s.now())
	if ended, err = s.cfg.Sessions.End(ctx, key, reason, e.At); err != nil {
		return false, false, unavailable(err)
	}
	if ended {
		s.noteEnd(ctx, e, by)
		return true, true, nil
	}
	rec, mark, err := s.cfg.Sessions.Get(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return false, false, nil
	}
	if err != nil {
		return false, false, unavailable(err)
	}
	s.meet(&rec, mark, true)
	return false, true, nil
}

// meet remembers the end that a record tells of, if this node has not read it in
// the log: its reply was lost, or another node has just made it. What marks end has
// no entry of its own.
func (s *Service) meet(rec *Session, mark Mark, confirmed bool) {
	if rec.Ended.IsZero() || mark.Covers(rec.AuthTime) || s.now().Sub(rec.Ended) > rememberEnds {
		return
	}
	if e := endOfSession(rec.SessionKey, rec.EndReason, rec.Ended); !s.revoked.Holds(e.Revocation) {
		s.revokeMet(e, confirmed)
	}
}

// noteEnd makes an end that the store holds felt here at once.
func (s *Service) noteEnd(ctx context.Context, e LoggedEnd, by Client) {
	s.revoke(e)
	s.emit(ctx, Event{At: e.At, Kind: EventSessionEnded, User: e.User, Session: e.ID, Reason: e.Reason, Client: by})
}

func endOfSession(key SessionKey, reason string, at time.Time) LoggedEnd {
	return LoggedEnd{User: key.User, Revocation: token.Revocation{Kind: token.KindSession, ID: key.ID, Reason: reason, At: at}}
}
