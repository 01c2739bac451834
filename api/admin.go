package api

import "time"

// NewUser is the body of POST /admin/api/users. There is no password in it: the
// person sets one with a reset code.
type NewUser struct {
	UserID string         `json:"userId"`
	Roles  []string       `json:"roles,omitempty"`
	Claims map[string]any `json:"claims,omitempty"`
}

// UserPatch is the body of PATCH /admin/api/users/{user}: what is absent stays
// as it is.
type UserPatch struct {
	UserID   *string         `json:"userId,omitempty"`
	Roles    *[]string       `json:"roles,omitempty"` // a new administrator has no sessions, reset code or password of before
	Claims   *map[string]any `json:"claims,omitempty"`
	Disabled *bool           `json:"disabled,omitempty"` // true ends all sessions
}

// UserInfo is a user as administrators see them.
type UserInfo struct {
	ID          string         `json:"id"`               // the subject of this person's tokens
	UserID      string         `json:"userId,omitempty"` // what the person types to sign in; absent: nobody signs in by it
	Disabled    bool           `json:"disabled"`
	HasPassword bool           `json:"hasPassword"`
	Roles       []string       `json:"roles"`
	Claims      map[string]any `json:"claims,omitempty"`
}

// UserPage is the body of GET /admin/api/users.
type UserPage struct {
	Users []UserInfo `json:"users"`
	More  bool       `json:"more"`
	Next  string     `json:"next,omitempty"` // the parameter after of the next page, where there is one
}

// ResetOffer is the body of the answer to POST /admin/api/users/{user}/reset: a
// secret for that user alone.
type ResetOffer struct {
	Code      string    `json:"code"`
	Link      string    `json:"link,omitempty"` // the page that takes the code, where one is configured
	ExpiresAt time.Time `json:"expiresAt"`
}

// ResetRequest is the body of POST /api/password/reset.
type ResetRequest struct {
	Code        string `json:"code"`
	NewPassword string `json:"newPassword"`
}

// StartRequest is the body of POST /api/sessions: a person whom a back end has
// authenticated.
type StartRequest struct {
	UserID  string          `json:"userId"`            // becomes the subject of the tokens
	Roles   *[]string       `json:"roles,omitempty"`   // absent: as they were
	Claims  *map[string]any `json:"claims,omitempty"`  // absent: as they were
	Address string          `json:"address,omitempty"` // the person's
	Agent   string          `json:"agent,omitempty"`   // the User-Agent of the person's browser
	Label   string          `json:"label,omitempty"`   // the device's name, for the list of sessions
}

// AdminSession is a session as administrators see it. Times are exact.
type AdminSession struct {
	ID        string    `json:"id"`
	User      string    `json:"user"` // subject
	Address   string    `json:"address,omitempty"`
	Agent     string    `json:"agent,omitempty"`
	Label     string    `json:"label,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
	LastUse   time.Time `json:"lastUse"`
	IdleAt    time.Time `json:"idleExpiresAt"`
	EndsAt    time.Time `json:"endsAt"`
}

// SessionPage is the body of GET /admin/api/sessions and of
// GET /admin/api/users/{user}/sessions.
type SessionPage struct {
	Sessions []AdminSession `json:"sessions"`
	More     bool           `json:"more"` // there may be more, even where Sessions is empty
	Next     string         `json:"next,omitempty"`
}

// NewClient is the body of POST /admin/api/clients.
type NewClient struct {
	ID     string   `json:"id"`
	Scopes []string `json:"scopes"`
}

// ClientInfo is a registered client.
type ClientInfo struct {
	ID        string    `json:"id"`
	Scopes    []string  `json:"scopes"`
	CreatedAt time.Time `json:"createdAt"`
}

// ClientList is the body of GET /admin/api/clients.
type ClientList struct {
	Clients []ClientInfo `json:"clients"`
	Next    string       `json:"next,omitempty"` // the parameter after of the next page, where there is one
}

// AddedClient is the body of the answer to POST /admin/api/clients. Nobody sees
// the secret again.
type AddedClient struct {
	ID        string    `json:"id"`
	Scopes    []string  `json:"scopes"`
	CreatedAt time.Time `json:"createdAt"`
	Secret    string    `json:"secret"`
}

// RotateRequest is the body of POST /admin/api/keys.
type RotateRequest struct {
	Use string `json:"use"` // access or refresh
}

// KeyInfo is a signing key without its secret.
type KeyInfo struct {
	ID        string     `json:"kid"`
	Use       string     `json:"use"` // access or refresh
	Algorithm string     `json:"algorithm"`
	CreatedAt time.Time  `json:"createdAt"`
	SignsFrom time.Time  `json:"signsFrom"` // published before, signs from then on
	State     string     `json:"state"`     // waits, signs or retired
	DiesAt    *time.Time `json:"diesAt,omitempty"`
}

// KeyList is the body of GET /admin/api/keys.
type KeyList struct {
	Keys []KeyInfo `json:"keys"`
}

// KeyChange is the body of the answer to DELETE /admin/api/keys/{kid}.
type KeyChange struct {
	Removed []KeyInfo `json:"removed"`
	Added   []KeyInfo `json:"added"` // what took the place of a key that signed
}

// AuditEntry is something that happened.
type AuditEntry struct {
	ID      int64     `json:"id"`
	At      time.Time `json:"at"`
	Kind    string    `json:"kind"`
	User    string    `json:"user,omitempty"`    // subject
	Login   string    `json:"login,omitempty"`   // what the person types as userId
	Session string    `json:"session,omitempty"` // sid
	Reason  string    `json:"reason,omitempty"`
	Row     int       `json:"row,omitempty"` // of the rotation table
	Address string    `json:"address,omitempty"`
	Agent   string    `json:"agent,omitempty"`
	Key     string    `json:"key,omitempty"`    // kid
	Object  string    `json:"object,omitempty"` // what else it is about: a client's id
	By      string    `json:"by,omitempty"`     // who did it, where that is not the user
	Why     string    `json:"why,omitempty"`    // as they said
}

// AuditPage is the body of GET /admin/api/audit.
type AuditPage struct {
	Entries []AuditEntry `json:"entries"`
	More    bool         `json:"more"` // there is more to read now
	Next    string       `json:"next"` // the parameter after of the next page, now or later
}

// FollowerList is the body of GET /admin/api/feed: who follows the feed of
// revocations at the node that answers.
type FollowerList struct {
	Followers []FollowerInfo `json:"followers"`
	Next      string         `json:"next,omitempty"` // the parameter after of the next page, where there is one
}

// FollowerInfo is one connection to the feed.
type FollowerInfo struct {
	ClientID    string    `json:"clientId"`
	Address     string    `json:"address,omitempty"`
	ConnectedAt time.Time `json:"connectedAt"`
	// CurrentAt is up to when everything was sent; absent: not everything yet.
	CurrentAt     *time.Time `json:"currentAt,omitempty"`
	BehindSeconds float64    `json:"behindSeconds"` // since CurrentAt, or ConnectedAt; up to a second is normal
	Position      string     `json:"position"`      // the cursor behind what was sent
}
