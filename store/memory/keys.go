package memory

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/pawlauth/pawl"
)

// keyTable holds the keys in the order in which they were added.
type keyTable struct {
	mu   sync.Mutex
	keys []pawl.KeyRecord
}

// Keys implements [pawl.KeyStore].
func (s *Store) Keys(ctx context.Context) ([]pawl.KeyRecord, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.keys.mu.Lock()
	defer s.keys.mu.Unlock()
	list := slices.Clone(s.keys.keys)
	for i := range list {
		list[i].Sealed = slices.Clone(list[i].Sealed)
	}
	return list, nil
}

// AddKey implements [pawl.KeyStore].
func (s *Store) AddKey(ctx context.Context, k pawl.KeyRecord, latest string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t := &s.keys
	t.mu.Lock()
	defer t.mu.Unlock()
	newest := ""
	for _, have := range t.keys {
		if have.ID == k.ID {
			return pawl.ErrConflict
		}
		if have.Use == k.Use {
			newest = have.ID
		}
	}
	if newest != latest {
		return pawl.ErrConflict
	}
	k.Sealed = slices.Clone(k.Sealed)
	k.Created, k.SignsFrom = whole(k.Created, time.Millisecond), whole(k.SignsFrom, time.Millisecond)
	k.Life = k.Life.Truncate(time.Millisecond)
	t.keys = append(t.keys, k)
	return nil
}

// RemoveKey implements [pawl.KeyStore].
func (s *Store) RemoveKey(ctx context.Context, id string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t := &s.keys
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.IndexFunc(t.keys, func(k pawl.KeyRecord) bool { return k.ID == id })
	if i < 0 {
		return pawl.ErrNotFound
	}
	t.keys = slices.Delete(t.keys, i, i+1)
	return nil
}
