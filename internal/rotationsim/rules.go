package main

import (
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

type decideFunc func(*pawl.Session, pawl.Standing, pawl.Presented, time.Time, pawl.Policy) pawl.Decision

// rule is Decide, or Decide with one line changed to show what that line is for.
type rule struct {
	name         string
	decide       decideFunc
	cookieAtRow4 bool // row 4 sets the cookie, too
}

// pawlRule is the rule as it is.
var pawlRule = rule{name: "Decide", decide: pawl.Decide}

var (
	// parentForever answers the previous generation at any delay.
	parentForever = rule{name: "parent good for ever", decide: func(rec *pawl.Session, who pawl.Standing, p pawl.Presented, now time.Time, pol pawl.Policy) pawl.Decision {
		d := pawl.Decide(rec, who, p, now, pol)
		if d.Row == 7 && p.Refresh.Generation+1 == rec.Generation {
			return pawl.Decision{Row: 6, Outcome: pawl.Resend}
		}
		return d
	}}

	// ownExpiryFirst refuses a refresh token by its own exp, before the record is looked at.
	ownExpiryFirst = rule{name: "token's own exp first", decide: func(rec *pawl.Session, who pawl.Standing, p pawl.Presented, now time.Time, pol pawl.Policy) pawl.Decision {
		if !now.Before(p.Refresh.Expires) {
			return pawl.Decision{Row: 3, Outcome: pawl.Refuse, Err: api.LoginRequired(api.ReasonExpired)}
		}
		return pawl.Decide(rec, who, p, now, pol)
	}}

	// youngAdvances advances the current generation though its window is open.
	youngAdvances = rule{name: "row 4 advances", decide: func(rec *pawl.Session, who pawl.Standing, p pawl.Presented, now time.Time, pol pawl.Policy) pawl.Decision {
		d := pawl.Decide(rec, who, p, now, pol)
		if d.Row == 4 {
			pol.ReuseWindow = 0
			return pawl.Decide(rec, who, p, now, pol)
		}
		return d
	}}

	cookieAtRow4 = rule{name: "row 4 sets the cookie", decide: pawl.Decide, cookieAtRow4: true}

	// neverReopens re-sends by the key but leaves the window shut.
	neverReopens = rule{name: "row 6 never re-opens", decide: func(rec *pawl.Session, who pawl.Standing, p pawl.Presented, now time.Time, pol pawl.Policy) pawl.Decision {
		d := pawl.Decide(rec, who, p, now, pol)
		if d.Outcome == pawl.Reopen {
			return pawl.Decision{Row: 6, Outcome: pawl.Resend}
		}
		return d
	}}

	// alwaysReopens opens the window again at every late re-send.
	alwaysReopens = rule{name: "row 6 re-opens each time", decide: func(rec *pawl.Session, who pawl.Standing, p pawl.Presented, now time.Time, pol pawl.Policy) pawl.Decision {
		d := pawl.Decide(rec, who, p, now, pol)
		if d.Row == 6 && p.KeyHash != [32]byte{} && p.KeyHash == rec.LastKey && now.After(rec.Opened) {
			next := *rec
			next.Opened = now
			return pawl.Decision{Row: 6, Outcome: pawl.Reopen, Next: next}
		}
		return d
	}}

	// aheadIsReuse ends the session of a token that is ahead of the record.
	aheadIsReuse = rule{name: "no row 2", decide: func(rec *pawl.Session, who pawl.Standing, p pawl.Presented, now time.Time, pol pawl.Policy) pawl.Decision {
		d := pawl.Decide(rec, who, p, now, pol)
		if d.Row == 2 {
			return pawl.Decision{Row: 7, Outcome: pawl.EndReused, Err: api.LoginRequired(api.ReasonReused)}
		}
		return d
	}}
)
