package pawl

import (
	"context"
	"errors"
	"time"

	"github.com/pawlauth/pawl/api"
)

// moveIn turns the old system's token into a session. done is false where
// another request was first, and it must be decided again.
func (s *Service) moveIn(ctx context.Context, o *oldToken, p Presented, mark Mark, now time.Time) (t api.Tokens, done bool, err error) {
	// Past the cache, and after the mark was read: a ban in between is seen by
	// Create.
	u, found, err := freshUser(ctx, s.cfg.Users, o.user.ID)
	if err != nil {
		return t, true, unavailable(err)
	}
	rec := s.moved(o, p, now)
	reason, err := s.barred(ctx, o, &rec, Standing{Disabled: !found || u.Disabled, Mark: mark, Known: s.knownEnd(&rec)}, now)
	if err != nil {
		return t, true, err
	}
	if reason != "" {
		return t, true, s.refuseOld(ctx, o, reason, p.Client, now)
	}
	if !p.mayHave(u) {
		return t, true, notForThem
	}
	evicted, err := s.cfg.Sessions.Create(ctx, rec, mark, s.cfg.SessionsPerUser)
	if errors.Is(err, ErrConflict) || errors.Is(err, ErrEnded) {
		return t, false, nil
	}
	if err != nil {
		return t, true, unavailable(err)
	}
	for _, e := range evicted {
		s.noteEnd(ctx, endOfSession(e.SessionKey, api.ReasonSessionLimit, now), p.Client)
	}
	s.emit(ctx, Event{At: now, Kind: EventMovedIn, User: u.ID, Login: u.Login, Session: rec.ID, Row: 5, Client: p.Client})
	t, err = s.pair(rec, o.Secret, u, now, p.Audience)
	return t, true, err
}

// moved is the record of the session that the token becomes: as after the
// advance (row 5) of a session signed in when the person last proved, to the old
// system, who they are.
func (s *Service) moved(o *oldToken, p Presented, now time.Time) Session {
	auth := earlier(o.auth, now.Truncate(time.Second))
	ends := auth.Add(s.cfg.Policy.SessionTTL)
	return Session{
		SessionKey: o.key(), Generation: 1,
		Created: now, Rotated: now, Opened: now,
		IdleExpires: earlier(now.Add(s.cfg.Policy.RefreshTTL), ends),
		Ends:        ends, AuthTime: auth,
		Client: p.Client, LastKey: p.KeyHash,
	}
}

// barred gives the reason why the token's first use is refused, or "".
func (s *Service) barred(ctx context.Context, o *oldToken, rec *Session, who Standing, now time.Time) (string, error) {
	reason := over(rec, who, now)
	switch {
	case reason == api.ReasonDisabled && !who.Mark.Covers(rec.AuthTime):
		// A mark makes it last: who is enabled again signs in again (SECURITY 25),
		// and is not ended once more by what the mark covers.
		_, err := s.endUser(ctx, o.user.ID, "", reason)
		return reason, err
	case reason != "":
		return reason, nil
	case !now.Before(o.dies):
		return api.ReasonExpired, nil
	}
	if taken, err := s.placeTaken(ctx, o, now); err != nil {
		return "", err
	} else if taken {
		return api.ReasonSessionLimit, s.endOld(ctx, o, api.ReasonSessionLimit, Client{})
	}
	current, err := s.cfg.Legacy.Current(ctx, o.LegacyToken, o.compact)
	if err != nil {
		return "", unavailable(err)
	}
	if !current {
		return api.ReasonUnknown, nil
	}
	return "", nil
}

// placeTaken reports whether newer sign-ins have used up the sessions that a
// user may have. Had the old session been one of Pawl's, they would have ended
// it; letting it in now would end one of them.
func (s *Service) placeTaken(ctx context.Context, o *oldToken, now time.Time) (bool, error) {
	limit := s.cfg.SessionsPerUser
	if limit <= 0 {
		return false, nil
	}
	newer := 0
	err := eachPiece(ctx, s.cfg.Sessions, o.user.ID, func(piece []Session, mark Mark) (bool, error) {
		for _, rec := range piece {
			if s.live(&rec, mark, now) && rec.AuthTime.After(o.auth) {
				newer++
			}
		}
		return newer < limit, nil
	})
	return newer >= limit, err
}

func (s *Service) refuseOld(ctx context.Context, o *oldToken, reason string, by Client, now time.Time) error {
	e := Event{At: now, Kind: EventReissueRefused, Reason: reason, Row: 1, Client: by}
	if o.found {
		e.User, e.Session = o.user.ID, o.key().ID
	}
	s.emit(ctx, e)
	return api.LoginRequired(reason)
}

// endOld ends the session that the token is of. One that has not moved in is
// recorded first, so that its token is used up.
func (s *Service) endOld(ctx context.Context, o *oldToken, reason string, by Client) error {
	if !o.found {
		return nil // nobody can use it
	}
	ctx = context.WithoutCancel(ctx) // as end
	for range 8 {
		now := s.now()
		_, mark, err := s.cfg.Sessions.Get(ctx, o.key())
		if err == nil {
			_, err = s.end(ctx, o.key(), reason, by)
			return err
		}
		if !errors.Is(err, ErrNotFound) {
			return unavailable(err)
		}
		if mark.Covers(o.auth) || !now.Before(o.dies) {
			return nil // it was over before
		}
		_, err = s.cfg.Sessions.Create(ctx, s.moved(o, Presented{Client: by}, now), mark, 0)
		if err != nil && !errors.Is(err, ErrConflict) && !errors.Is(err, ErrEnded) {
			return unavailable(err)
		}
	}
	return unavailable(errors.New("the user's sessions are ended all the time"))
}
