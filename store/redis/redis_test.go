package redis_test

import (
	"crypto/rand"
	"net/url"
	"testing"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/servertest"
	"github.com/pawlauth/pawl/store/redis"
	"github.com/pawlauth/pawl/store/storetest"
)

func openAt(t testing.TB, address string) *redis.Store {
	t.Helper()
	s, err := redis.Open(t.Context(), address, redis.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// fresh is the address of a store of its own on the same servers.
func fresh(t testing.TB, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("prefix", rand.Text()+":")
	u.RawQuery = q.Encode()
	return u.String()
}

func opening(address string) storetest.Open {
	return func(t testing.TB) storetest.Backend {
		address := fresh(t, address)
		return storetest.Backend{
			Node:   storetest.Node{Sessions: openAt(t, address)},
			Second: storetest.Node{Sessions: openAt(t, address)},
		}
	}
}

// suite is all of storetest that is about what this store is.
func suite(t *testing.T, address string) {
	t.Run("Sessions", func(t *testing.T) { storetest.Sessions(t, opening(address)) })
	t.Run("Throttle", func(t *testing.T) {
		storetest.Throttle(t, func(t testing.TB) pawl.Throttle { return openAt(t, fresh(t, address)) })
	})
}

func TestSingle(t *testing.T)   { suite(t, servertest.StartRedis(t).URL) }
func TestSentinel(t *testing.T) { suite(t, servertest.StartSentinel(t, 1).URL) }
func TestCluster(t *testing.T)  { suite(t, servertest.StartCluster(t).URL) }

func BenchmarkStore(b *testing.B) {
	storetest.Bench(b, opening(servertest.StartRedis(b, "--appendfsync", "everysec").URL))
}
