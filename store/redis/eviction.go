package redis

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
)

// evictions is what is known of the servers' eviction. Safe for concurrent use.
type evictions struct {
	mu   sync.Mutex
	seen map[string]evicting
}

type evicting struct {
	policy string // what it would evict by; empty: it evicts nothing
	keys   uint64 // evicted so far
	now    bool   // more at the last look than at the one before
}

func readEvicting(text string) (e evicting) {
	if info(text, "maxmemory") != "0" && info(text, "maxmemory_policy") != "noeviction" {
		e.policy = info(text, "maxmemory_policy")
	}
	e.keys, _ = strconv.ParseUint(info(text, "evicted_keys"), 10, 64)
	return e
}

// firstEviction takes in what a server says when the store is opened. One that could evict
// the marks is refused, for what they ended would live again.
func (s *Store) firstEviction(addr, text string) error {
	e := readEvicting(text)
	s.evictions.mu.Lock()
	defer s.evictions.mu.Unlock()
	if s.evictions.seen == nil {
		s.evictions.seen = map[string]evicting{}
	}
	s.evictions.seen[addr] = e
	switch {
	case strings.HasPrefix(e.policy, "allkeys"):
		return fmt.Errorf("redis: %s evicts any key when its memory is full (maxmemory-policy %s): what was ended could live again; set maxmemory-policy noeviction", addr, e.policy)
	case e.policy != "":
		s.o.Log.Warn("Redis evicts sessions when its memory is full: people would be signed out. Set maxmemory-policy noeviction", "server", addr, "policy", e.policy)
	}
	return nil
}

// lookAtEviction logs once when a server begins to be set to evict, or to evict,
// and once when that is over.
func (s *Store) lookAtEviction(all map[string]informed) {
	s.evictions.mu.Lock()
	defer s.evictions.mu.Unlock()
	for addr, i := range all {
		if i.err != nil {
			continue
		}
		now := readEvicting(i.text)
		before, known := s.evictions.seen[addr]
		now.now = known && now.keys > before.keys
		s.evictions.seen[addr] = now
		s.sayEviction(s.o.Log.With("server", addr), before, now)
	}
}

func (s *Store) sayEviction(log *slog.Logger, before, now evicting) {
	switch {
	case now.policy == before.policy:
	case now.policy == "":
		log.Info("Redis evicts no keys any more")
	case strings.HasPrefix(now.policy, "allkeys"):
		log.Error("Redis evicts any key when its memory is full: what was ended could live again. Set maxmemory-policy noeviction", "policy", now.policy)
	default:
		log.Error("Redis evicts sessions when its memory is full: people would be signed out. Set maxmemory-policy noeviction", "policy", now.policy)
	}
	switch {
	case now.now && !before.now:
		log.Error("Redis has evicted keys: sessions are lost, or what had ended them. Raise maxmemory, and set maxmemory-policy noeviction", "evicted", now.keys)
	case !now.now && before.now:
		log.Info("Redis has evicted no further keys", "evicted", now.keys)
	}
}
