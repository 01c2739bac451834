package redis

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/servertest"
	"github.com/pawlauth/pawl/store/storetest"
	"github.com/pawlauth/pawl/token"
)

// everyEnd is each way in which something ends, of a session that there is.
func everyEnd(s *Store, rec pawl.Session) map[string]func(context.Context) error {
	again := func(kind, id, user string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := s.EndAgain(ctx, pawl.LoggedEnd{Revocation: token.Revocation{
				Kind: kind, ID: id, Reason: api.ReasonSignedOut, NotBefore: noon, At: noon,
			}, User: user}, false)
			return err
		}
	}
	return map[string]func(context.Context) error{
		"End": func(ctx context.Context) error {
			_, err := s.End(ctx, rec.SessionKey, api.ReasonSignedOut, noon)
			return err
		},
		"EndUser": func(ctx context.Context) error {
			_, _, err := s.EndUser(ctx, rec.User, "", api.ReasonDisabled, noon)
			return err
		},
		"EndAll": func(ctx context.Context) error { _, err := s.EndAll(ctx, api.ReasonEndedByAdmin, noon); return err },
		"Create": func(ctx context.Context) error {
			mark, err := s.Mark(ctx, rec.User)
			if err == nil {
				_, err = s.Create(ctx, storetest.NewSession(rec.User, noon), mark, 1)
			}
			return err
		},
		"the session's EndAgain": again(token.KindSession, rec.ID, rec.User),
		"the user's EndAgain":    again(token.KindUser, rec.User, ""),
		"everyone's EndAgain":    again(token.KindAll, "", ""),
	}
}

// restricted is a server with a user who may do what docs/redis.md lists.
func restricted(t *testing.T) (server *servertest.Redis, url string) {
	t.Helper()
	server = servertest.StartRedis(t)
	server.Do("ACL", "SETUSER", "pawl", "on", ">secret", "~*", "&*", "+@all")
	return server, "redis://pawl:secret@" + server.Addr
}

// ends has each end made on a store of its own, while the server refuses something
// and then again when it does not, with what must hold each time.
func ends(t *testing.T, server *servertest.Redis, url string, refuse func(*Store), refused bool, permit func()) {
	for name := range everyEnd(nil, pawl.Session{}) {
		t.Run(name, func(t *testing.T) {
			s := openTest(t, url+"?prefix="+strings.ReplaceAll(name, " ", "")+":")
			rec := newIdle(t, s, "u")
			refuse(s)
			err := everyEnd(s, rec)[name](t.Context())
			if (err != nil) != refused {
				t.Errorf("while it is refused: %v", err)
			}
			checkEnded(t, s, rec, !refused)
			permit()
			if err := everyEnd(s, rec)[name](t.Context()); err != nil && !errors.Is(err, pawl.ErrEnded) {
				t.Errorf("when it is not: %v", err)
			}
			checkEnded(t, s, rec, true)
		})
	}
}

// checkEnded holds a session against the log: what has ended has its entry. A mark
// may have moved in the first step of everyone's end, which is logged in the second.
func checkEnded(t *testing.T, s *Store, rec pawl.Session, want bool) {
	t.Helper()
	got, mark, err := s.Get(t.Context(), rec.SessionKey)
	if err != nil {
		t.Fatal(err)
	}
	log := logOf(t, s)
	if ended := !got.Live(mark, noon); want && (!ended || len(log) == 0) || !want && (len(log) > 0 || !got.Ended.IsZero()) {
		t.Errorf("ended: %v, which is not %v; the log has %v", ended, want, log)
	}
}

// SECURITY 86: where the entry cannot be written nothing ends, and the next try ends it.
func TestNothingEndsWithoutItsEntry(t *testing.T) {
	server, url := restricted(t)
	ends(t, server, url,
		func(*Store) { server.Do("ACL", "SETUSER", "pawl", "-xadd") }, true,
		func() { server.Do("ACL", "SETUSER", "pawl", "+xadd") })
}

func TestEndsGoOnWithoutPublish(t *testing.T) {
	server, url := restricted(t)
	ends(t, server, url,
		func(*Store) { server.Do("ACL", "SETUSER", "pawl", "-publish") }, false,
		func() { server.Do("ACL", "SETUSER", "pawl", "+publish") })
}

// A log whose newest entry is of a server whose clock was ahead, and whose head was
// lost.
func TestTheLogGoesOnWithoutItsHead(t *testing.T) {
	server, url := restricted(t)
	ends(t, server, url, func(s *Store) {
		ahead := entryID{uint64(time.Now().Add(1000 * time.Hour).UnixMicro()), 7}.String()
		p := partition("u")
		server.Do("XADD", s.layout.log(p), ahead, "k", "user", "i", "x", "r", api.ReasonDisabled, "n", "1", "a", "1")
		server.Do("XDEL", s.layout.log(p), ahead) // its last id stays
	}, false, func() {})
}

// Entries without a user and a kept session are read.
func TestEntriesOfEarlierReleases(t *testing.T) {
	server := servertest.StartRedis(t)
	s := openTest(t, server.URL)
	raw := "0123456789abcdef"
	id := entryID{uint64(time.Now().UnixMicro()), 7}.String()
	server.Do("XADD", s.layout.log(3), id, "k", "session", "i", raw, "r", api.ReasonSignedOut, "n", "0", "a", "1")
	server.Do("SET", s.layout.head(3), id)
	log := logOf(t, s)
	if len(log) != 1 || log[0].ID != sidText(raw) || log[0].User != "" || log[0].Keep != "" {
		t.Errorf("%+v", log)
	}
}
