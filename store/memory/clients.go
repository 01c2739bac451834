package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/pawlauth/pawl"
)

// clientTable holds the registered clients.
type clientTable struct {
	mu   sync.RWMutex
	byID map[string]pawl.RegisteredClient
}

// AddClient implements [pawl.ClientStore].
func (s *Store) AddClient(ctx context.Context, c pawl.RegisteredClient) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t := &s.clients
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, taken := t.byID[c.ID]; taken {
		return pawl.ErrConflict
	}
	c.Scopes, c.Created = slices.Clone(c.Scopes), whole(c.Created, time.Millisecond)
	t.byID[c.ID] = c
	return nil
}

// ClientByID implements [pawl.ClientStore].
func (s *Store) ClientByID(ctx context.Context, id string) (pawl.RegisteredClient, error) {
	if err := ctx.Err(); err != nil {
		return pawl.RegisteredClient{}, err
	}
	t := &s.clients
	t.mu.RLock()
	defer t.mu.RUnlock()
	c, found := t.byID[id]
	if !found {
		return pawl.RegisteredClient{}, pawl.ErrNotFound
	}
	c.Scopes = slices.Clone(c.Scopes)
	return c, nil
}

// ListClients implements [pawl.ClientStore].
func (s *Store) ListClients(ctx context.Context) ([]pawl.RegisteredClient, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t := &s.clients
	t.mu.RLock()
	defer t.mu.RUnlock()
	list := slices.SortedFunc(maps.Values(t.byID), func(a, b pawl.RegisteredClient) int { return cmp.Compare(a.ID, b.ID) })
	for i := range list {
		list[i].Scopes = slices.Clone(list[i].Scopes)
	}
	return list, nil
}

// RemoveClient implements [pawl.ClientStore].
func (s *Store) RemoveClient(ctx context.Context, id string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t := &s.clients
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, found := t.byID[id]; !found {
		return pawl.ErrNotFound
	}
	delete(t.byID, id)
	return nil
}
