package gojose

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/time/rate"
)

// Pawl publishes a key ten minutes before it signs. A copy of the keys is renewed
// every five; while that fails it is good for an hour.
const (
	renewAfter = 5 * time.Minute
	keptFor    = time.Hour
)

// keySet is a copy of the published keys.
type keySet struct {
	client *http.Client
	url    string
	limit  *rate.Limiter // of fetches: garbage with made-up key IDs must not cause one each

	mu      sync.RWMutex
	keys    jose.JSONWebKeySet
	fetched time.Time
}

func newKeySet(client *http.Client, url string) *keySet {
	return &keySet{client: client, url: url, limit: rate.NewLimiter(rate.Every(10*time.Second), 3)}
}

// find gives the key with the ID. Nobody waits for a fetch but who causes it.
func (s *keySet) find(ctx context.Context, id string) (jose.JSONWebKey, error) {
	key, known, age := s.kept(id)
	if known && age < renewAfter {
		return key, nil
	}
	var err error
	if s.limit.Allow() {
		err = s.fetch(ctx)
		key, known, age = s.kept(id)
	}
	if known && age < keptFor {
		return key, nil
	}
	return jose.JSONWebKey{}, errors.Join(fmt.Errorf("no key %q", id), err)
}

func (s *keySet) kept(id string) (key jose.JSONWebKey, known bool, age time.Duration) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if found := s.keys.Key(id); len(found) == 1 {
		key, known = found[0], true
	}
	return key, known, time.Since(s.fetched)
}

func (s *keySet) fetch(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", s.url, resp.Status)
	}
	var keys jose.JSONWebKeySet
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&keys); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys, s.fetched = keys, time.Now()
	return nil
}
