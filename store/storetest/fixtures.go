package storetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// noon is when tests begin.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const ms = time.Millisecond

// NewSession is a session such as a service makes at a sign-in.
func NewSession(user string, at time.Time) pawl.Session {
	return pawl.Session{
		SessionKey:  pawl.SessionKey{User: user, ID: token.SessionID(token.NewSecret())},
		Created:     at,
		Rotated:     at,
		Opened:      at,
		IdleExpires: at.Add(14 * 24 * time.Hour),
		Ends:        at.Add(90 * 24 * time.Hour),
		AuthTime:    at.Truncate(time.Second),
		Client:      pawl.Client{Address: "203.0.113.7", Agent: "Firefox on Linux"},
	}
}

// Advanced is the session after its next rotation.
func Advanced(s pawl.Session, at time.Time) pawl.Session {
	s.Generation++
	s.Rotated, s.Opened = at, at
	s.IdleExpires = at.Add(14 * 24 * time.Hour)
	s.LastKey = sha256.Sum256(fmt.Append(nil, s.ID, s.Generation))
	return s
}

// fixture is what a test works with: a new store, and checks that end the test.
type fixture struct {
	testing.TB
	Backend
	ctx context.Context
}

func newFixture(t testing.TB, open Open) *fixture {
	t.Helper()
	return &fixture{TB: t, Backend: open(t), ctx: t.Context()}
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) is(err, want error) {
	f.Helper()
	if !errors.Is(err, want) {
		f.Fatalf("error is %v, not %v", err, want)
	}
}

// signIn stores a new session of the user.
func (f *fixture) signIn(user string, at time.Time) pawl.Session {
	f.Helper()
	mark := f.mark(user)
	s := NewSession(user, at)
	if mark.Covers(s.AuthTime) { // as the service stamps it
		s.AuthTime = mark.NotBefore.Add(time.Second)
	}
	f.create(s, mark)
	return s
}

func (f *fixture) create(s pawl.Session, seen pawl.Mark) {
	f.Helper()
	_, err := f.Sessions.Create(f.ctx, s, seen, 0)
	f.must(err)
}

func (f *fixture) mark(user string) pawl.Mark {
	f.Helper()
	m, err := f.Sessions.Mark(f.ctx, user)
	f.must(err)
	return m
}

func (f *fixture) get(k pawl.SessionKey) (pawl.Session, pawl.Mark) {
	f.Helper()
	s, m, err := f.Sessions.Get(f.ctx, k)
	f.must(err)
	return s, m
}

func (f *fixture) live(k pawl.SessionKey, at time.Time) bool {
	f.Helper()
	s, m := f.get(k)
	return s.Live(m, at)
}

func (f *fixture) rotate(from, next pawl.Session) bool {
	f.Helper()
	ok, err := f.Sessions.Rotate(f.ctx, from, next)
	f.must(err)
	return ok
}

func (f *fixture) endUser(user, keep string, at time.Time) (pawl.Mark, int) {
	f.Helper()
	m, n, err := f.Sessions.EndUser(f.ctx, user, keep, api.ReasonEndedByAdmin, at)
	f.must(err)
	return m, n
}

func (f *fixture) endAll(at time.Time) pawl.Mark {
	f.Helper()
	m, err := f.Sessions.EndAll(f.ctx, api.ReasonEndedByAdmin, at)
	f.must(err)
	return m
}

// log reads the whole revocation log, without the cursors. What is said again of
// everyone's end is left out.
func (f *fixture) log() []pawl.LoggedEnd {
	f.Helper()
	var log []pawl.LoggedEnd
	cursor := ""
	for {
		p, err := f.Sessions.Revocations(f.ctx, cursor, 100)
		f.must(err)
		for _, e := range p.Entries {
			e.Cursor = ""
			if e.Kind != token.KindAll || !slices.Contains(log, e) {
				log = append(log, e)
			}
		}
		if cursor = p.Cursor; !p.More {
			return log
		}
	}
}
