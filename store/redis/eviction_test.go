package redis

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/pawlauth/pawl/internal/servertest"
)

// A server that is set to evict, or evicts, is noticed while the store is open: once
// when it begins and once when it is over.
func TestEvictionIsNoticed(t *testing.T) {
	server := servertest.StartRedis(t, "--maxmemory", "1gb")
	var log bytes.Buffer
	s, err := Open(t.Context(), server.URL, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.stop() // what it does in the background is done here
	for _, step := range []struct {
		do   func()
		want string
	}{
		{func() {}, ""},
		{func() { server.Do("CONFIG", "SET", "maxmemory-policy", "allkeys-lru") }, "what was ended could live again"},
		{func() {}, ""},
		{func() {
			server.Do("SET", "x", "y")
			server.Do("CONFIG", "SET", "maxmemory", "1")
			_ = server.Try("SET", "z", "y") // evicts
		}, "has evicted keys"},
		{func() { server.Do("CONFIG", "SET", "maxmemory", "1gb") }, "no further keys"},
		{func() { server.Do("CONFIG", "SET", "maxmemory-policy", "volatile-lru") }, "people would be signed out"},
		{func() { server.Do("CONFIG", "SET", "maxmemory", "0") }, "no keys any more"},
		{func() {}, ""},
	} {
		log.Reset()
		step.do()
		s.lookAtEviction(s.inform(t.Context(), "memory", "stats"))
		if n := strings.Count(log.String(), "msg="); n > 1 || (n == 0) != (step.want == "") || !strings.Contains(log.String(), step.want) {
			t.Errorf("%q: said %q", step.want, log.String())
		}
	}
}

// Without INFO nothing is known of eviction.
func TestInfoIsNeeded(t *testing.T) {
	server, url := restricted(t)
	server.Do("ACL", "SETUSER", "pawl", "-info")
	s, err := Open(t.Context(), url, Options{})
	if err == nil {
		s.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "grant the user +info") {
		t.Error(err)
	}
}
