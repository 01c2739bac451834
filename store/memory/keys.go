package memory

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/pawlauth/pawl"
)

// keyTable holds the list of keys; a list that was stored is never changed.
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
	return copyKeys(s.keys.keys), nil
}

// ReplaceKeys implements [pawl.KeyStore].
func (s *Store) ReplaceKeys(ctx context.Context, from, to []pawl.KeyRecord) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t := &s.keys
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.EqualFunc(t.keys, from, sameKey) {
		return pawl.ErrConflict
	}
	t.keys = copyKeys(to)
	for i := range t.keys {
		k := &t.keys[i]
		k.Created, k.SignsFrom = whole(k.Created, time.Millisecond), whole(k.SignsFrom, time.Millisecond)
		k.Life = k.Life.Truncate(time.Millisecond)
	}
	return nil
}

func sameKey(a, b pawl.KeyRecord) bool { return a.ID == b.ID && bytes.Equal(a.Sealed, b.Sealed) }

func copyKeys(keys []pawl.KeyRecord) []pawl.KeyRecord {
	list := slices.Clone(keys)
	for i := range list {
		list[i].Sealed = slices.Clone(list[i].Sealed)
	}
	return list
}
