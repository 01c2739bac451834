package legacy

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

const (
	redisPatience = 2 * time.Second // for an answer
	dialPatience  = 2 * time.Second
	redialAfter   = time.Second // between two tries to connect
	redisBuffer   = 8 << 10     // bytes a connection: the default is half a MiB each way
	redisRing     = 8           // 2^8 commands under way
)

// redisStore asks the old system's Redis. It sends GET and nothing else.
type redisStore struct {
	option rueidis.ClientOption
	key    string
	now    func() time.Time

	mu     sync.Mutex // one dial at a time: the others share its outcome
	client rueidis.Client
	tried  time.Time
	err    error
}

// CheckRedis says what is wrong with the URL of a Redis. It quotes nothing of
// it: there may be a password in it.
func CheckRedis(url string) error {
	_, err := redisOption(url)
	return err
}

// CheckRedisKey says what is wrong with a key pattern.
func CheckRedisKey(pattern string) error {
	if strings.Count(pattern, UserPart) != 1 {
		return errors.New("must name the user once, as " + UserPart + ": REFRESH_TOKEN:" + UserPart)
	}
	return nil
}

func redisOption(url string) (rueidis.ClientOption, error) {
	o, err := rueidis.ParseURL(url)
	if err != nil {
		return o, errors.New("must be a URL such as redis://:password@127.0.0.1:6379/0 or rediss://… by TLS")
	}
	o.Dialer.Timeout = dialPatience
	o.ConnWriteTimeout = redisPatience
	o.RingScaleEachConn = redisRing
	o.ReadBufferEachConn, o.WriteBufferEachConn = redisBuffer, redisBuffer
	o.PipelineMultiplex = -1 // one connection is enough for one question a session
	// Servers older than 6, and users who may GET and nothing else.
	o.AlwaysRESP2, o.DisableCache, o.ClientSetInfo = true, true, rueidis.DisableClientSetInfo
	o.ForceSingleClient = len(o.InitAddress) == 1 && o.Sentinel.MasterSet == ""
	return o, nil
}

func newRedisStore(o Options) (*redisStore, error) {
	option, err := redisOption(o.Redis)
	if err != nil {
		return nil, fmt.Errorf("legacy: the URL of the Redis %w", err)
	}
	if err := CheckRedisKey(o.RedisKey); err != nil {
		return nil, fmt.Errorf("legacy: the key %w", err)
	}
	return &redisStore{option: option, key: o.RedisKey, now: o.Now}, nil
}

// holds reports whether the user's token in Redis is this one. The old system's
// sign-out deletes it, and a sign-in elsewhere may replace it.
func (s *redisStore) holds(ctx context.Context, user, compact string) (bool, error) {
	c, err := s.connected()
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, redisPatience)
	defer cancel()
	key := strings.Replace(s.key, UserPart, user, 1)
	value, err := c.Do(ctx, c.B().Get().Key(key).Build()).ToString()
	if rueidis.IsRedisNil(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask the old system's Redis: %w", err)
	}
	return same(value, compact)
}

// same compares what Redis holds with the token. Spring's
// GenericJackson2JsonRedisSerializer writes text as a JSON string.
func same(value, compact string) (bool, error) {
	if strings.HasPrefix(value, "\xac\xed") {
		return false, errors.New("the old system's Redis holds values in Java serialization, which is not read; have the old system write them with a StringRedisSerializer")
	}
	if strings.HasPrefix(value, `"`) {
		var s string
		if json.Unmarshal([]byte(value), &s) == nil {
			value = s
		}
	}
	return subtle.ConstantTimeCompare([]byte(value), []byte(compact)) == 1, nil
}

// connected gives the client. It dials at the first use, and again after a
// failure: a Redis that is down must not keep Pawl from starting.
func (s *redisStore) connected() (rueidis.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client != nil {
		return s.client, nil
	}
	now := s.now()
	if since := now.Sub(s.tried); s.err != nil && since >= 0 && since < redialAfter {
		return nil, s.err
	}
	c, err := rueidis.NewClient(s.option)
	s.tried = now
	if err != nil {
		s.err = fmt.Errorf("connect to the old system's Redis: %w", err)
		return nil, s.err
	}
	s.client, s.err = c, nil
	return c, nil
}

func (s *redisStore) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client != nil {
		s.client.Close()
		s.client = nil
	}
}
