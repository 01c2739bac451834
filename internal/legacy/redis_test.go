package legacy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/legacy"
	"github.com/pawlauth/pawl/internal/legacy/legacytest"
)

const prefix = "REFRESH_TOKEN:"

func TestWhatTheOldRedisHolds(t *testing.T) {
	r := legacytest.StartRedis(t)
	v := verifier(t, legacy.Options{Redis: r.URL, RedisKey: prefix + legacy.UserPart})
	r.SetAll(prefix, map[string]string{
		"raw":     fixture,
		"quoted":  `"` + fixture + `"`,
		"other":   legacytest.Sign(legacytest.HeaderHS512, payload, secret) + "x",
		"prefix":  fixture[:len(fixture)-1],
		"half":    `"` + fixture,
		"empty":   "",
		"java":    "\xac\xed\x00\x05t\x00\xb5" + fixture,
		"with:it": fixture,
	}, time.Hour)
	r.Do("HSET", prefix+"hash", "token", fixture)
	for _, c := range []struct {
		user string
		held bool
		err  string
	}{
		{"raw", true, ""},
		{"quoted", true, ""},
		{"with:it", true, ""},
		{"other", false, ""},
		{"prefix", false, ""},
		{"half", false, ""},
		{"empty", false, ""},
		{"nobody", false, ""},
		{"java", false, "Java serialization"},
		{"hash", false, "WRONGTYPE"},
	} {
		held, err := v.Current(t.Context(), pawl.LegacyToken{User: c.user}, fixture)
		if held != c.held || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v, %v", c.user, held, err)
		}
	}
	t.Run("a sign-out of the old system counts", func(t *testing.T) {
		r.Do("DEL", prefix+"raw")
		if held, err := v.Current(t.Context(), pawl.LegacyToken{User: "raw"}, fixture); held || err != nil {
			t.Error(held, err)
		}
	})
	t.Run("down: not known", func(t *testing.T) {
		r.Stop()
		for range 2 {
			_, err := v.Current(t.Context(), pawl.LegacyToken{User: "quoted"}, fixture)
			if err == nil || strings.Contains(err.Error(), legacytest.Password) {
				t.Error(err)
			}
		}
	})
}

func TestARedisThatIsDownAtFirst(t *testing.T) {
	now := issued
	r := legacytest.StartRedis(t)
	r.Stop()
	v := verifier(t, legacy.Options{Redis: r.URL, RedisKey: prefix + legacy.UserPart, Now: func() time.Time { return now }})
	for range 3 {
		if _, err := v.Current(t.Context(), pawl.LegacyToken{User: "u"}, fixture); err == nil || strings.Contains(err.Error(), legacytest.Password) {
			t.Error(err)
		}
		now = now.Add(time.Second)
	}
	r.Restart()
	r.SetAll(prefix, map[string]string{"u": fixture}, time.Hour)
	now = now.Add(time.Second)
	if held, err := v.Current(t.Context(), pawl.LegacyToken{User: "u"}, fixture); !held || err != nil {
		t.Error(held, err)
	}
}

// An operator may let Pawl GET these keys and nothing else.
func TestARedisUserWhoMayOnlyRead(t *testing.T) {
	r := legacytest.StartRedis(t)
	r.SetAll(prefix, map[string]string{"u": fixture}, time.Hour)
	r.Do("ACL", "SETUSER", "pawl", "on", ">s3cret", "~"+prefix+"*", "+get", "+ping")
	v := verifier(t, legacy.Options{Redis: "redis://pawl:s3cret@" + r.Addr, RedisKey: prefix + legacy.UserPart})
	if held, err := v.Current(t.Context(), pawl.LegacyToken{User: "u"}, fixture); !held || err != nil {
		t.Error(held, err)
	}
}
