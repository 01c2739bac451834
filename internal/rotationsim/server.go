package main

import (
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

const (
	second = int64(1000)
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

// begin is when simulated time begins; any moment would do.
var begin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func at(ms int64) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }

// server is the issuer and its store with one session, as the service applies
// a rule to them. A request is one moment: what happens between reading and
// writing a record is the linearizability test's.
type server struct {
	rule rule
	pol  pawl.Policy
	rec  *pawl.Session // nil: the store does not know it
	past []written     // the record before its last writes, oldest first
	rows [9]int        // how often each row of the table was taken
}

type written struct {
	at     int64
	before *pawl.Session
}

// answer is what a client is told.
type answer struct {
	ok        bool
	refresh   token.Refresh // the current refresh token
	setCookie bool
	row       int
	reason    string // where ok is false
}

func (s *server) signIn(now int64) token.Refresh {
	t := at(now)
	rec := pawl.Session{
		SessionKey: pawl.SessionKey{User: "u", ID: "s"},
		Created:    t, Rotated: t, Opened: t,
		IdleExpires: t.Add(s.pol.RefreshTTL), Ends: t.Add(s.pol.SessionTTL),
		AuthTime: t.Truncate(time.Second),
	}
	s.past = nil
	s.write(now, &rec)
	return claims(&rec)
}

func (s *server) write(now int64, rec *pawl.Session) {
	if len(s.past) == 4 {
		s.past = append(s.past[:0], s.past[1:]...)
	}
	s.past = append(s.past, written{now, s.rec})
	s.rec = rec
}

// reissue decides and applies, as Service.Reissue does. clock is what the
// deciding node takes for the time.
func (s *server) reissue(t token.Refresh, key [32]byte, now, clock int64) answer {
	p := pawl.Presented{Refresh: t, KeyHash: key}
	for {
		d := s.rule.decide(s.rec, pawl.Standing{}, p, at(clock), s.pol)
		s.rows[d.Row]++
		switch d.Outcome {
		case pawl.Refuse:
			return answer{row: d.Row, reason: d.Err.Reason}
		case pawl.EndReused:
			ended := *s.rec
			ended.Ended, ended.EndReason = at(now), api.ReasonReused
			s.rec = &ended
			return answer{row: d.Row, reason: d.Err.Reason}
		case pawl.Advance, pawl.Reopen, pawl.Restore:
			next := d.Next
			s.write(now, &next)
			if d.Outcome == pawl.Restore {
				continue
			}
		}
		set := d.Outcome != pawl.AccessOnly || s.rule.cookieAtRow4
		return answer{ok: true, row: d.Row, refresh: claims(s.rec), setCookie: set}
	}
}

// failOver loses the writes of the last lag milliseconds. Ends are kept: every
// node applies them again.
func (s *server) failOver(now, lag int64) {
	if s.rec == nil || !s.rec.Ended.IsZero() {
		return
	}
	for n := len(s.past); n > 0 && s.past[n-1].at > now-lag; n-- {
		s.rec, s.past = s.past[n-1].before, s.past[:n-1]
	}
}

// claims are the refresh token of the record's generation: whole seconds, as
// in the token's bytes.
func claims(r *pawl.Session) token.Refresh {
	return token.Refresh{
		Subject: r.User, Generation: r.Generation, Issued: r.Rotated.Truncate(time.Second),
		Expires: r.IdleExpires.Truncate(time.Second), End: r.Ends.Truncate(time.Second), AuthTime: r.AuthTime,
	}
}
