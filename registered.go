package pawl

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pawlauth/pawl/api"
)

// Scopes of registered clients.
const (
	ScopeUsers    = "users"    // administer users who are no administrators: a back end, a mailer of reset links
	ScopeSessions = "sessions" // start, find and end sessions of such users: a back end that has authenticated them itself
	ScopeFeed     = "feed"     // follow the revocations: a resource server's guard
)

// Scopes are all of them, sorted.
func Scopes() []string { return []string{ScopeFeed, ScopeSessions, ScopeUsers} }

// RegisteredClient is a program that may call the API on its own account
// (RFC 6749 section 2.2, a confidential client).
type RegisteredClient struct {
	ID      string
	Secret  [32]byte // SHA-256 of the secret, which has 256 random bits: no slower hash is needed
	Scopes  []string // sorted
	Created time.Time
}

// Has reports whether the client has the scope.
func (c RegisteredClient) Has(scope string) bool { return slices.Contains(c.Scopes, scope) }

// ClientStore holds the registered clients. Methods are safe for concurrent use.
type ClientStore interface {
	// AddClient adds a client; ErrConflict if the ID is taken.
	AddClient(ctx context.Context, c RegisteredClient) error

	// ClientByID gives a client; ErrNotFound.
	ClientByID(ctx context.Context, id string) (RegisteredClient, error)

	// ListClients gives all clients, by ID.
	ListClients(ctx context.Context) ([]RegisteredClient, error)

	// RemoveClient removes a client; ErrNotFound.
	RemoveClient(ctx context.Context, id string) error
}

// clientID is what a client's ID looks like: what needs no quoting anywhere.
var clientID = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// NewRegisteredClient makes a client and its secret, which nobody sees again.
// ErrInvalidRequest says what is wrong with the ID or the scopes.
func NewRegisteredClient(id string, scopes []string, now time.Time) (c RegisteredClient, secret string, err error) {
	if !clientID.MatchString(id) {
		return c, "", api.ErrInvalidRequest.With("A client's id is 1 to 64 of a-z, 0-9, '.', '_' and '-', and begins with a letter or a digit.")
	}
	if len(scopes) == 0 {
		return c, "", api.ErrInvalidRequest.With("A client needs a scope: one or more of %s.", strings.Join(Scopes(), ", "))
	}
	for _, s := range scopes {
		if !slices.Contains(Scopes(), s) {
			return c, "", api.ErrInvalidRequest.With("There is no such scope. Scopes are %s.", strings.Join(Scopes(), ", "))
		}
	}
	var b [32]byte
	rand.Read(b[:])
	secret = base64.RawURLEncoding.EncodeToString(b[:])
	own := slices.Compact(slices.Sorted(slices.Values(scopes)))
	return RegisteredClient{ID: id, Secret: sha256.Sum256([]byte(secret)), Scopes: own, Created: now}, secret, nil
}

// AuthenticateClient gives the registered client that the secret belongs to;
// ErrInvalidCredentials for an unknown ID and a wrong secret alike.
func (s *Service) AuthenticateClient(ctx context.Context, id, secret string) (RegisteredClient, error) {
	wrong := api.ErrInvalidCredentials.With("The client id or its secret is not right.")
	if s.cfg.Clients == nil || !clientID.MatchString(id) {
		return RegisteredClient{}, wrong
	}
	c, err := s.cfg.Clients.ClientByID(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return RegisteredClient{}, wrong
	}
	if err != nil {
		return RegisteredClient{}, unavailable(err)
	}
	hash := sha256.Sum256([]byte(secret))
	if subtle.ConstantTimeCompare(hash[:], c.Secret[:]) != 1 {
		return RegisteredClient{}, wrong
	}
	return c, nil
}

// noClients answers where registered clients are not configured.
var noClients = api.ErrNotFound.With("There are no registered clients here.")

// Clients lists the registered clients, by ID.
func (s *Service) Clients(ctx context.Context) ([]RegisteredClient, error) {
	if s.cfg.Clients == nil {
		return nil, noClients
	}
	list, err := s.cfg.Clients.ListClients(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	return list, nil
}

// AddClient registers a client and gives its secret, which is shown this once.
// ErrInvalidRequest; ErrConflict if the ID is taken.
func (s *Service) AddClient(ctx context.Context, id string, scopes []string) (c RegisteredClient, secret string, err error) {
	if s.cfg.Clients == nil {
		return c, "", noClients
	}
	c, secret, err = NewRegisteredClient(id, scopes, s.now())
	if err != nil {
		return c, "", err
	}
	switch err := s.cfg.Clients.AddClient(context.WithoutCancel(ctx), c); {
	case errors.Is(err, ErrConflict):
		return c, "", api.ErrConflict.With("There is a client %s already. Remove it first, or choose another id.", id)
	case err != nil:
		return c, "", unavailable(err)
	}
	s.emit(ctx, Event{Kind: EventClientAdded, Object: id})
	return c, secret, nil
}

// RemoveClient removes a client: its secret is refused from then on.
// ErrNotFound.
func (s *Service) RemoveClient(ctx context.Context, id string) error {
	if s.cfg.Clients == nil {
		return noClients
	}
	switch err := s.cfg.Clients.RemoveClient(context.WithoutCancel(ctx), id); {
	case errors.Is(err, ErrNotFound):
		return api.ErrNotFound.With("There is no client with this id.")
	case err != nil:
		return unavailable(err)
	}
	s.emit(ctx, Event{Kind: EventClientRemoved, Object: id})
	return nil
}
