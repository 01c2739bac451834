package client

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/pawlauth/pawl/api"
)

// State is what of a session must outlive the program. It is secret: whoever has
// it has the session. It prints as "[state]".
type State struct {
	RefreshToken  string    `json:"refreshToken,omitempty"` // empty: nobody is signed in
	SessionID     string    `json:"sessionId,omitempty"`
	AccessToken   string    `json:"accessToken,omitempty"`
	Audience      string    `json:"audience,omitempty"`     // of AccessToken, as it was asked for: Options.Audience
	AccessExpires time.Time `json:"accessExpires,omitzero"` // by this machine's clock
	RefreshAt     time.Time `json:"refreshAt,omitzero"`     // when to reissue: a random point of the last tenth of its life
	Key           Key       `json:"key,omitzero"`
}

func (State) String() string       { return "[state]" }
func (State) GoString() string     { return "[state]" }
func (State) LogValue() slog.Value { return slog.StringValue("[state]") }

// A TokenStore keeps the state of one session. All methods must be safe for
// concurrent use.
type TokenStore interface {
	// Lock keeps everybody else who shares the tokens from reissuing them, until
	// unlock is called. It gives up when ctx ends.
	Lock(ctx context.Context) (unlock func(), err error)
	// Load gives what was saved last; the zero State if nothing was.
	Load(ctx context.Context) (State, error)
	// Save keeps s in place of what was there. It is on disk when Save returns,
	// whole; after an error, or a crash within, the state before is there.
	Save(ctx context.Context, s State) error
}

// Memory gives a store that the program's end empties.
func Memory() TokenStore { return &memory{turn: make(chan struct{}, 1)} }

type memory struct {
	turn chan struct{}
	mu   sync.Mutex
	s    State
}

func (m *memory) Lock(ctx context.Context) (func(), error) {
	select {
	case m.turn <- struct{}{}:
		return func() { <-m.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (m *memory) Load(context.Context) (State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.s, nil
}

func (m *memory) Save(_ context.Context, s State) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.s = s
	return nil
}

// take puts an answer's tokens into the state. The access token's life is
// counted from now, by this machine's clock, however wrong that is: it goes on
// while the machine sleeps, as time since a moment does not.
func (s *State) take(t api.TokenResponse, now time.Time) {
	life := time.Duration(t.ExpiresIn) * time.Second
	s.AccessToken, s.SessionID = t.AccessToken, t.SessionID
	s.AccessExpires = now.Round(0).Add(life)
	s.RefreshAt = s.AccessExpires.Add(-fraction(life / 10))
	if t.RefreshToken != "" {
		s.RefreshToken = t.RefreshToken
	}
}

// fresh: good, and not due.
func (s State) fresh(now time.Time) bool { return s.AccessToken != "" && now.Before(s.RefreshAt) }

func (s State) good(now time.Time) bool {
	return s.AccessToken != "" && now.Before(s.AccessExpires)
}
