package pawl

import (
	"context"
	"slices"
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// Bounds of OwnEvents.
const (
	ownEvents      = 50 // most that are given
	ownEventPage   = 200
	ownEventsPages = 10 // most that are read of one span
)

// ownSpans is how far back OwnEvents looks, the nearest first: somebody who fails
// to sign in thousands of times must not bury what happened just now.
var ownSpans = []time.Duration{time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour}

// OwnEvents gives what the audit log holds about the person whom the access token
// names, the newest first, of the last thirty days and fifty at most. Times are
// no finer than an hour, as in Sessions. Who acted for an operator is not told,
// nor where from. Without an audit log there are none.
func (s *Service) OwnEvents(ctx context.Context, who *token.Access) ([]api.OwnEvent, error) {
	if s.audit.store == nil {
		return []api.OwnEvent{}, nil
	}
	var found []AuditEntry
	now := s.now()
	for _, span := range ownSpans {
		all, whole, err := s.auditSince(ctx, who.Subject, now.Add(-span))
		if err != nil {
			return nil, err
		}
		if whole || found == nil {
			found = all
		}
		if !whole || len(found) >= ownEvents {
			break
		}
	}
	out := []api.OwnEvent{}
	for _, e := range slices.Backward(found[max(0, len(found)-ownEvents):]) {
		out = append(out, ownEvent(e, who.SessionID))
	}
	return out, nil
}

// auditSince reads a user's entries and gives the last of them, oldest first, at
// most ownEvents; whole says that all of them were read.
func (s *Service) auditSince(ctx context.Context, user string, from time.Time) (all []AuditEntry, whole bool, err error) {
	q := AuditQuery{User: user, From: from, Limit: ownEventPage}
	for range ownEventsPages {
		page, err := s.Audit(ctx, q)
		if err != nil {
			return nil, false, err
		}
		all = append(all, page.Entries...)
		if len(all) > ownEvents {
			all = slices.Clone(all[len(all)-ownEvents:])
		}
		if !page.More {
			return all, true, nil
		}
		q.After = page.Cursor
	}
	return all, false, nil
}

func ownEvent(e AuditEntry, sid string) api.OwnEvent {
	out := api.OwnEvent{
		At: e.At.Truncate(time.Hour), Kind: e.Kind, Reason: e.Reason,
		SessionID: e.Session, Current: e.Session != "" && e.Session == sid,
		ByOperator: e.By != "",
	}
	if !out.ByOperator { // an operator's address is theirs
		out.Address, out.Agent = e.Client.Address, e.Client.Agent
	}
	return out
}

// Account gives the person whom the access token names, as they are in the user
// table now. ErrLoginRequired with reason disabled for somebody who is kept out
// or gone.
func (s *Service) Account(ctx context.Context, who *token.Access) (api.Account, error) {
	u, found, err := freshUser(ctx, s.cfg.Users, who.Subject)
	switch {
	case err != nil:
		return api.Account{}, unavailable(err)
	case !found || u.Disabled:
		return api.Account{}, api.LoginRequired(api.ReasonDisabled)
	}
	_, settable := s.cfg.Users.(PasswordSetter)
	return api.Account{
		Subject: u.ID, UserID: u.Login, Roles: append([]string{}, u.Roles...),
		HasPassword: settable && u.PasswordHash != "",
	}, nil
}

// PasswordBounds is how long a new password is at least and at most, in
// characters.
func (s *Service) PasswordBounds() (least, most int) { return s.cfg.PasswordPolicy.Bounds() }
