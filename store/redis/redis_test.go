package redis_test

import (
	"crypto/rand"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/servertest"
	"github.com/pawlauth/pawl/store/redis"
	"github.com/pawlauth/pawl/store/storetest"
)

func openAt(t testing.TB, address string) *redis.Store {
	t.Helper()
	s, err := redis.Open(t.Context(), address, redis.Options{Log: slog.New(slog.DiscardHandler)})
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
			Node:   storetest.Node{Sessions: redis.Restless(openAt(t, address))},
			Second: storetest.Node{Sessions: redis.Restless(openAt(t, address))},
		}
	}
}

// suite is all of storetest that is about what this store is.
func suite(t *testing.T, address string) {
	t.Run("Sessions", func(t *testing.T) { storetest.Sessions(t, opening(address)) })
	t.Run("Records", func(t *testing.T) { storetest.Records(t, opening(address)) })
	t.Run("Throttle", func(t *testing.T) {
		storetest.Throttle(t, func(t testing.TB) pawl.Throttle { return openAt(t, fresh(t, address)) })
	})
}

// allowed is what a user of the server must be allowed, as docs/redis.md says.
const allowed = "-@all +ping +hello +select +client|setname +info +role +wait +time +subscribe +unsubscribe +publish " +
	"+evalsha +eval +get +mget +set +del +exists +pttl +pexpire +hget +hmget +hset +hdel +hlen +hkeys +hexists +hgetall " +
	"+xadd +xrange +xdel +xinfo|stream +asking +cluster|slots +cluster|shards"

func TestTheManualListsWhatAUserNeeds(t *testing.T) {
	text, err := os.ReadFile("../../docs/redis.md")
	if err != nil || !strings.Contains(string(text), " "+allowed+"\n") {
		t.Errorf("docs/redis.md does not have %q: %v", allowed, err)
	}
}

// limited is the address with a user who may do what is needed, and nothing else.
func limited(address string, servers ...*servertest.Redis) string {
	for _, server := range servers {
		server.Do(append([]string{"ACL", "SETUSER", "pawl", "on", ">secret", "~*", "&*"}, strings.Fields(allowed)...)...)
	}
	return strings.Replace(address, "://", "://pawl:secret@", 1)
}

func TestSingle(t *testing.T) {
	server := servertest.StartRedis(t)
	address := limited(server.URL+"/0", server)
	server.Do("ACL", "SETUSER", "default", "-@all", "+ping")
	suite(t, address)
}

func TestSentinel(t *testing.T) {
	servers := servertest.StartSentinel(t, 1)
	servers.DownAfter(time.Minute)
	suite(t, limited(servers.URL, servers.Nodes...))
}

func TestCluster(t *testing.T) {
	servers := servertest.StartCluster(t, "--cluster-node-timeout", "60000")
	suite(t, limited(servers.URL, servers.Nodes...))
}

func BenchmarkStore(b *testing.B) {
	storetest.Bench(b, opening(servertest.StartRedis(b, "--appendfsync", "everysec").URL))
}

func BenchmarkCluster(b *testing.B) {
	storetest.Bench(b, opening(servertest.StartCluster(b, "--appendfsync", "everysec").URL))
}
