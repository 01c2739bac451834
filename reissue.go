package pawl

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// Reissue turns a refresh token into a new access token and, by the rotation
// rule, a new refresh token. Errors: ErrInvalidToken (row 0; also where no token
// came), ErrLoginRequired with a reason (rows 1, 3, 7), ErrInvalidRequest (a
// malformed Idempotency-Key, an unknown audience), ErrAccessDenied (the
// administration's audience, for a user who is no administrator now; nothing was
// rotated), ErrUnavailable (row 8).
func (s *Service) Reissue(ctx context.Context, r api.ReissueRequest) (api.Tokens, error) {
	p, old, err := s.presented(ctx, r)
	if err != nil {
		return api.Tokens{}, err
	}
	if old != nil && !old.found {
		return api.Tokens{}, s.refuseOld(ctx, old, api.ReasonUnknown, p.Client, s.now())
	}
	if err := s.endsApplied(ctx); err != nil {
		return api.Tokens{}, err
	}
	key := SessionKey{User: p.Refresh.Subject, ID: p.Refresh.SessionID()}
	u, found, err := s.userFor(ctx, p)
	if err != nil {
		return api.Tokens{}, unavailable(err)
	}
	contradicted := 0 // how often the record contradicted what is known here
	// Each round means that another request changed the record meanwhile, and
	// then the reuse window is open: more than a few rounds is a sick store.
	for range 8 {
		// Before the record is read: what it decides must not outlive an end that
		// comes after the reading.
		now := s.now()
		rec, mark, err := s.cfg.Sessions.Get(ctx, key)
		known := &rec
		if errors.Is(err, ErrNotFound) {
			known = nil
		} else if err != nil {
			return api.Tokens{}, unavailable(err)
		}
		if known == nil && old != nil {
			t, done, err := s.moveIn(ctx, old, p, mark, now)
			if done {
				return t, err
			}
			continue
		}
		who := Standing{Disabled: !found || u.Disabled, Mark: mark, Known: s.knownEnd(known)}
		if who.Known != (token.Revocation{}) && !rec.ended(mark) && contradicted < 2 {
			if err := s.contradicted(ctx, key, who.Known, contradicted); err != nil {
				return api.Tokens{}, err
			}
			contradicted++
			continue
		}
		if known != nil {
			s.meet(known, mark, false)
		}
		d := Decide(known, who, p, now, s.cfg.Policy)
		// A session that ended for reason disabled says so for ever: whoever has
		// been enabled again must not be ended by it once more.
		if who.Disabled && d.Outcome == Refuse {
			s.endDisabled(ctx, key.User)
		}
		// Before anything is written: what is refused must not rotate.
		if d.Err == nil && !p.mayHave(u) {
			return api.Tokens{}, notForThem
		}
		t, done, err := s.apply(ctx, rec, d, p, u, now)
		if done {
			return t, err
		}
	}
	return api.Tokens{}, unavailable(errors.New("the session changes all the time"))
}

// userFor reads the user of a reissue: past the cache where the answer depends on
// the role that they have at this moment.
func (s *Service) userFor(ctx context.Context, p Presented) (User, bool, error) {
	if p.Audience != "" {
		return freshUser(ctx, s.cfg.Users, p.Refresh.Subject)
	}
	return s.users.byID(ctx, p.Refresh.Subject)
}

// mayHave reports whether the user may have a token of the audience that is asked
// for.
func (p Presented) mayHave(u User) bool { return p.Audience == "" || u.IsAdmin() }

var notForThem = api.ErrAccessDenied.With("Access tokens for the administration are for users with the role %s. If you were given it a moment ago, sign in again.", RoleAdmin)

// presented verifies what came along. old is set for a token of the old system.
func (s *Service) presented(ctx context.Context, r api.ReissueRequest) (p Presented, old *oldToken, err error) {
	if r.Audience != "" && r.Audience != s.AdminAudience() {
		return p, nil, api.ErrInvalidRequest.With("There is no such audience to ask for: the administration's is %s. Without one, the access token is for the configured audience.", s.AdminAudience())
	}
	if r.RefreshToken == "" {
		return p, nil, api.ErrInvalidToken.With("No refresh token came with the request. Sign in.")
	}
	refresh, err := s.verifyRefresh(ctx, r.RefreshToken)
	if errors.Is(err, api.ErrInvalidToken) && s.cfg.Legacy != nil {
		if old, err = s.oldToken(ctx, r.RefreshToken); err == nil {
			refresh = old.presented()
		}
	}
	if err != nil {
		return p, nil, err
	}
	p = Presented{Refresh: refresh, Client: Client{Address: r.Address, Agent: r.Agent}, Audience: r.Audience}
	if p.KeyHash, err = hashIdempotencyKey(r.IdempotencyKey); err != nil {
		return p, nil, err
	}
	if r.AccessToken != "" {
		a, err := s.access.Verify(s.KeySet(), r.AccessToken, s.now())
		_, ended := s.revoked.Covers(&a)
		p.AccessValid = err == nil && !ended && a.SessionID == refresh.SessionID() && a.Subject == refresh.Subject
	}
	return p, old, nil
}

// verifyRefresh is row 0. A key that this node does not know may be another
// node's newest: it is refused only once the keys have been read again.
func (s *Service) verifyRefresh(ctx context.Context, compact string) (token.Refresh, error) {
	refresh, err := s.refresh.Verify(s.keys.Load().refresh, compact)
	if errors.Is(err, token.ErrUnknownKey) {
		if err := s.keysOfNow(ctx); err != nil {
			return token.Refresh{}, unavailable(err)
		}
		refresh, err = s.refresh.Verify(s.keys.Load().refresh, compact)
	}
	if err != nil {
		return token.Refresh{}, api.ErrInvalidToken.Wrap(err)
	}
	return refresh, nil
}

// keysOfNow reads the keys again, at most once a second: whoever makes up key
// ids must not keep the store busy. Who comes meanwhile waits, and shares the
// outcome: while the store fails nobody is told that their token is not valid.
func (s *Service) keysOfNow(ctx context.Context) error {
	s.keysRead.Lock()
	defer s.keysRead.Unlock()
	now := s.now()
	if age := now.Sub(s.keysRead.at); age < 0 || age >= time.Second {
		// One caller's disconnecting is not the others' failure.
		s.keysRead.err = s.loadKeys(context.WithoutCancel(ctx))
		s.keysRead.at = now
	}
	return s.keysRead.err
}

// hashIdempotencyKey gives zero for no key. 22 characters carry 128 random
// bits; a shorter or stranger value was not made as the contract asks.
func hashIdempotencyKey(k string) (h [32]byte, err error) {
	if k == "" {
		return h, nil
	}
	if len(k) < 22 || len(k) > 255 {
		return h, api.ErrInvalidRequest.With("Idempotency-Key must have 22 to 255 characters, made from at least 128 random bits.")
	}
	for i := range len(k) {
		if k[i] < '!' || k[i] > '~' {
			return h, api.ErrInvalidRequest.With("Idempotency-Key must be visible ASCII.")
		}
	}
	return sha256.Sum256([]byte(k)), nil
}

// apply carries a decision out. done is false where it must be made again.
func (s *Service) apply(ctx context.Context, rec Session, d Decision, p Presented, u User, now time.Time) (t api.Tokens, done bool, err error) {
	key := SessionKey{User: p.Refresh.Subject, ID: p.Refresh.SessionID()}
	event := Event{At: now, Kind: EventReissue, User: key.User, Session: key.ID, Row: d.Row, Client: p.Client}

	switch d.Outcome {
	case Refuse:
		event.Kind, event.Reason = EventReissueRefused, d.Err.Reason
		s.emit(ctx, event)
		return t, true, d.Err

	case EndReused:
		ended, err := s.cfg.Sessions.End(context.WithoutCancel(ctx), key, api.ReasonReused, now)
		if err != nil {
			return t, true, unavailable(err)
		}
		if !ended { // it ended otherwise meanwhile: say how
			return t, false, nil
		}
		s.revoke(endOfSession(key, api.ReasonReused, now))
		event.Kind, event.Reason = EventReused, api.ReasonReused
		s.emit(ctx, event)
		return t, true, d.Err

	case Advance, Reopen, Restore:
		applied, err := s.cfg.Sessions.Rotate(ctx, rec, d.Next)
		if err != nil {
			return t, true, unavailable(err)
		}
		if d.Outcome == Restore && applied {
			event.Kind = EventRestored
			s.emit(ctx, event)
		}
		if !applied || d.Outcome == Restore {
			return t, false, nil
		}
	}

	elsewhere := rec.Client.Address != p.Client.Address || rec.Client.Agent != p.Client.Agent
	if d.Row == 6 && elsewhere && s.audit.newResend(key.ID, rec.Generation, p.Client) {
		resent := event
		resent.Kind = EventResentElsewhere
		s.emit(ctx, resent)
	}
	t, err = s.answer(rec, d, p, u, now)
	if err == nil && d.Outcome == Advance {
		s.limiter.know(ctx, u.Login, p.Client.Address)
	}
	if err == nil {
		s.emit(ctx, event)
	}
	return t, true, err
}

// answer signs what the outcome gives.
func (s *Service) answer(rec Session, d Decision, p Presented, u User, now time.Time) (api.Tokens, error) {
	if d.Outcome == Advance {
		rec = d.Next
	}
	t, err := s.pair(rec, p.Refresh.Secret, u, now, p.Audience)
	// Row 4 leaves the cookie alone: a newer one may have been set meanwhile.
	t.SetCookie = d.Outcome != AccessOnly
	return t, err
}
