package pawl

import (
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// Policy is the part of the configuration that the rotation rule needs.
type Policy struct {
	AccessTTL   time.Duration // life of an access token
	RefreshTTL  time.Duration // idle life: a session without a reissue for so long is over
	SessionTTL  time.Duration // absolute life: no reissue goes past it
	ReuseWindow time.Duration // how long the previous refresh token is still answered; at most 60 s
}

// Presented is what a client brings to a reissue, verified.
type Presented struct {
	Refresh     token.Refresh // authentic; its own exp is not judged
	KeyHash     [32]byte      // SHA-256 of the Idempotency-Key; zero: none came
	AccessValid bool          // a valid access token of the same session came along (case 3)
	Client      Client        // who asks; Label is ignored
	// Audience is what the access token is to be for; empty: the configured one. It
	// is no matter of the rotation rule: Decide does not look at it.
	Audience string
}

// Standing is what is known of the session's user besides the record.
type Standing struct {
	Disabled bool // or gone
	Mark     Mark
	// Known is an end that this node made or saw. A store that lost writes may
	// have lost it; the zero value ended nothing.
	Known token.Revocation
}

// Outcome says what to do with a reissue.
type Outcome string

const (
	Refuse     Outcome = "refuse"      // answer Decision.Err; write nothing
	AccessOnly Outcome = "access_only" // a new access token; the refresh token stays, and no cookie is set
	Advance    Outcome = "advance"     // write Next, then answer with a new pair
	Resend     Outcome = "resend"      // answer with the current pair again
	Reopen     Outcome = "reopen"      // write Next, then as Resend
	Restore    Outcome = "restore"     // write Next, then decide again
	EndReused  Outcome = "end_reused"  // end the session, raise the alarm, answer Decision.Err
)

// Decision is what Decide answers. Next is set where the outcome says "write
// Next": one conditional write (SessionStore.Rotate). Where it does not apply,
// read and decide again.
type Decision struct {
	Row     int // of the table in docs/rotation.md
	Outcome Outcome
	Next    Session
	Err     *api.Error
}

// Decide is the rotation rule, whole. rec is nil where the store knows no such
// session. Row 0 (not authentic) and row 8 (the store fails) are the caller's:
// there is nothing to decide.
func Decide(rec *Session, who Standing, p Presented, now time.Time, pol Policy) Decision {
	// Row 1: ended beats everything.
	if reason := over(rec, who, now); reason != "" {
		return Decision{Row: 1, Outcome: Refuse, Err: api.LoginRequired(reason)}
	}

	// Row 2: only we can have made a token ahead of the record, so the store
	// lost writes. Without this, a fail-over would look like nobody's session.
	gen := p.Refresh.Generation
	if gen > rec.Generation {
		return Decision{Row: 2, Outcome: Restore, Next: restored(*rec, p.Refresh)}
	}

	// Row 3: idle for too long, unless the access token proves who it is.
	if !now.Before(rec.IdleExpires) && !(p.AccessValid && gen == rec.Generation) {
		return Decision{Row: 3, Outcome: Refuse, Err: api.LoginRequired(api.ReasonExpired)}
	}

	open := windowOpen(rec, now, pol)
	if gen == rec.Generation {
		if open {
			return Decision{Row: 4, Outcome: AccessOnly}
		}
		return Decision{Row: 5, Outcome: Advance, Next: advanced(*rec, p, now, pol)}
	}

	// Row 6: a sibling tab, or a reply that got lost.
	if gen == rec.Generation-1 {
		switch retry := provesRetry(rec, p); {
		case open, retry && !rec.Opened.Equal(rec.Rotated):
			return Decision{Row: 6, Outcome: Resend}
		case retry: // once a generation, so that a thief cannot freeze rotation
			next := *rec
			next.Opened = now
			return Decision{Row: 6, Outcome: Reopen, Next: next}
		}
	}

	// Row 7: somebody else has turned this session on.
	return Decision{Row: 7, Outcome: EndReused, Err: api.LoginRequired(api.ReasonReused)}
}

// over gives the reason why the session cannot go on, or "".
func over(rec *Session, who Standing, now time.Time) string {
	switch {
	case rec == nil:
		return api.ReasonUnknown
	case !rec.Ended.IsZero():
		return rec.EndReason
	case who.Mark.Covers(rec.AuthTime):
		return who.Mark.Reason
	case who.Known.Covers(rec.proof()): // what a node knows to be ended stays ended
		return who.Known.Reason
	case who.Disabled:
		return api.ReasonDisabled
	case !now.Before(rec.Ends):
		return api.ReasonExpired
	}
	return ""
}

// windowOpen: a clock that stepped back leaves the window open, which signs
// nobody out.
func windowOpen(rec *Session, now time.Time, pol Policy) bool {
	return max(0, now.Sub(rec.Opened)) < pol.ReuseWindow
}

// provesRetry: absent never equals absent.
func provesRetry(rec *Session, p Presented) bool {
	return p.KeyHash != [32]byte{} && p.KeyHash == rec.LastKey
}

func advanced(rec Session, p Presented, now time.Time, pol Policy) Session {
	rec.Generation++
	rec.Rotated, rec.Opened = now, now
	rec.IdleExpires = earlier(now.Add(pol.RefreshTTL), rec.Ends)
	rec.LastKey = p.KeyHash
	rec.Client.Address, rec.Client.Agent = p.Client.Address, p.Client.Agent
	return rec
}

// restored takes from the token what the record lost. The absolute end stays
// (SECURITY 22), and the key of the lost advance is not known.
func restored(rec Session, t token.Refresh) Session {
	rec.Generation = t.Generation
	rec.Rotated, rec.Opened = t.Issued, t.Issued
	rec.IdleExpires = earlier(t.Expires, rec.Ends)
	rec.LastKey = [32]byte{}
	return rec
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
