package api

import "time"

// FeedPath is where the feed of revocations is, below the issuer's URL.
const FeedPath = "/api/revocations"

// The events of the feed (server-sent events, WHATWG HTML section 9.2), and
// what their data is.
const (
	FeedReset   = "reset"   // {}: everything that is live follows, from the beginning
	FeedRevoked = "revoked" // a FeedEntry
	FeedKeys    = "keys"    // a FeedKeySet: at the start, and when the keys change
	FeedCurrent = "current" // a FeedNow: all up to here was told; after the start, and each second
)

// FeedEntry is one revocation. Its event's id is a cursor: sent back as
// Last-Event-ID, the feed goes on behind it.
type FeedEntry struct {
	Kind      string     `json:"kind"`         // "session", "user" or "all"
	ID        string     `json:"id,omitempty"` // the sid or sub that access tokens carry; none for "all"
	Reason    string     `json:"reason"`
	NotBefore *time.Time `json:"notBefore,omitempty"` // of "user" and "all": tokens with auth_time up to here are dead
	At        time.Time  `json:"at"`                  // when it happened
}

// FeedKeySet names the keys that are in force. A key that is not named must not
// be accepted any more.
type FeedKeySet struct {
	KeyIDs []string `json:"kids"`
}

// FeedNow is the issuer's clock. Entries may be forgotten KeepSeconds after
// their At, or their NotBefore where that is later, by this clock and by that of
// whoever checks the tokens: where that lags, tokens live longer.
type FeedNow struct {
	Time        time.Time `json:"time"`
	KeepSeconds int64     `json:"keepSeconds"`
}
