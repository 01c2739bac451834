package api

import (
	"log/slog"
	"time"
)

// Delivery says where the refresh token goes.
const (
	DeliveryCookie = "cookie" // HttpOnly cookie, the default
	DeliveryBody   = "body"   // in the JSON body, for native clients; no cookie is set
)

// LoginRequest is the body of POST /api/login.
type LoginRequest struct {
	UserID   string `json:"userId"`
	Password string `json:"password"`
	Delivery string `json:"delivery,omitempty"` // DeliveryCookie if empty
	Label    string `json:"label,omitempty"`    // the device's name, for the list of sessions
}

// ReissueBody is the body of POST /api/reissue. All of it may be missing.
type ReissueBody struct {
	RefreshToken string `json:"refreshToken,omitempty"` // where no cookie carries it
	// Audience asks for an access token that is for it alone. AdminAudience is the
	// only one; empty: the configured audience.
	Audience string `json:"audience,omitempty"`
}

// LogoutBody is the body of POST /api/logout where no cookie carries the refresh
// token. With a cookie the body is empty or {}.
type LogoutBody struct {
	RefreshToken string `json:"refreshToken,omitempty"`
}

// PasswordRequest is the body of POST /api/password.
type PasswordRequest struct {
	CurrentPassword string `json:"currentPassword"`
	NewPassword     string `json:"newPassword"`
}

// SetupRequest is the body of POST /api/setup.
type SetupRequest struct {
	Code     string `json:"code"` // the one-time code that the server printed at its first start
	UserID   string `json:"userId"`
	Password string `json:"password"`
}

// TokenResponse answers login, reissue and password change.
type TokenResponse struct {
	AccessToken  string `json:"accessToken"`
	TokenType    string `json:"tokenType"` // always Bearer
	ExpiresIn    int64  `json:"expiresIn"` // seconds until the access token expires
	SessionID    string `json:"sessionId"`
	RefreshToken string `json:"refreshToken,omitempty"` // only where the client asked for it in the body
	SetCookie    string `json:"setCookie,omitempty"`    // POST /api/sessions: the Set-Cookie line that a back end sends on to a browser
}

// SessionInfo is one session in GET /api/sessions. Times are RFC 3339, UTC.
type SessionInfo struct {
	ID        string    `json:"id"`
	Current   bool      `json:"current"` // the session that asks
	Address   string    `json:"address,omitempty"`
	Agent     string    `json:"agent,omitempty"`
	Label     string    `json:"label,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
	LastUse   time.Time `json:"lastUse"` // the last reissue; to the hour for other sessions
	IdleAt    time.Time `json:"idleExpiresAt"`
	EndsAt    time.Time `json:"endsAt"` // no reissue goes past this
}

// SessionList is the body of GET /api/sessions.
type SessionList struct {
	Sessions []SessionInfo `json:"sessions"`
	Next     string        `json:"next,omitempty"` // the parameter after of the next page, where there is one
}

// Me is the body of GET /api/session: who the access token says you are.
type Me struct {
	Subject   string         `json:"sub"`
	SessionID string         `json:"sessionId"`
	Roles     []string       `json:"roles"`
	AuthTime  time.Time      `json:"authTime"`
	ExpiresAt time.Time      `json:"expiresAt"`
	Claims    map[string]any `json:"claims,omitempty"`
}

// Account is the body of GET /api/account: the person as the user table has
// them now.
type Account struct {
	Subject     string   `json:"sub"`
	UserID      string   `json:"userId,omitempty"` // what they type to sign in
	Roles       []string `json:"roles"`
	HasPassword bool     `json:"hasPassword"` // one that they can change here
}

// OwnEvent is something that happened to a person's account. At is to the hour.
type OwnEvent struct {
	At         time.Time `json:"at"`
	Kind       string    `json:"kind"` // as in the audit log
	Reason     string    `json:"reason,omitempty"`
	SessionID  string    `json:"sessionId,omitempty"`
	Current    bool      `json:"current"` // it is about the session that asks
	ByOperator bool      `json:"byOperator"`
	Address    string    `json:"address,omitempty"`
	Agent      string    `json:"agent,omitempty"`
}

// OwnEventList is the body of GET /api/events.
type OwnEventList struct {
	Events []OwnEvent `json:"events"` // newest first
}

// Ended is the body of DELETE /api/sessions.
type Ended struct {
	Ended int `json:"ended"` // how many sessions were ended
}

// Tokens is what a sign-in or a reissue gives, before it becomes a response.
// It prints as "[tokens]" so that it cannot reach a log by accident.
type Tokens struct {
	AccessToken   string
	AccessExpires time.Time
	RefreshToken  string // the current one; empty where none can be given
	// SetCookie says that RefreshToken is newer than what the client sent and
	// belongs in its cookie jar. Where it is false, writing the cookie could
	// overwrite a newer one (rotation row 4).
	SetCookie bool
	SessionID string
	Ends      time.Time // the session's absolute end
}

func (Tokens) String() string       { return "[tokens]" }
func (Tokens) GoString() string     { return "[tokens]" }
func (Tokens) LogValue() slog.Value { return slog.StringValue("[tokens]") }

// ReissueRequest is what a client presents to reissue its tokens or sign out.
type ReissueRequest struct {
	RefreshToken   string // compact JWT
	AccessToken    string // optional: a still valid one makes case 3 possible
	IdempotencyKey string // optional: proves that a repeated request is a retry
	Audience       string // of the access token: AdminAudience, or empty for the configured one
	Address, Agent string // who asks, for the audit trail
}

func (ReissueRequest) String() string       { return "[reissue request]" }
func (ReissueRequest) GoString() string     { return "[reissue request]" }
func (ReissueRequest) LogValue() slog.Value { return slog.StringValue("[reissue request]") }

// Created is the body of the answer to POST /api/setup.
type Created struct {
	ID     string `json:"id"` // the subject of this person's tokens
	UserID string `json:"userId"`
}
