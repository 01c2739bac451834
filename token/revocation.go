package token

import "time"

// The kinds of revocation.
const (
	KindSession = "session" // every access token of one session
	KindUser    = "user"    // of one user, signed in at or before NotBefore
	KindAll     = "all"     // of everybody signed in at or before NotBefore
)

// A Revocation is one entry of the revocation feed.
type Revocation struct {
	Cursor string // the entry's place in the feed; opaque
	Kind   string // KindSession, KindUser or KindAll
	ID     string // session id or user id; empty for KindAll
	Reason string // why, as told to the person

	NotBefore time.Time // users and all: tokens with auth_time up to here are dead
	At        time.Time // when it happened
}

// Covers reports whether r revokes a. A token without auth_time counts as
// older than any mark. An unknown kind or an empty id covers nothing.
func (r Revocation) Covers(a *Access) bool {
	switch r.Kind {
	case KindSession:
		return r.ID != "" && r.ID == a.SessionID
	case KindUser:
		return r.ID != "" && r.ID == a.Subject && !a.AuthTime.After(r.NotBefore)
	case KindAll:
		return !a.AuthTime.After(r.NotBefore)
	}
	return false
}
