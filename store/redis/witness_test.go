package redis

import (
	"testing"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/servertest"
	"github.com/pawlauth/pawl/token"
)

// SECURITY 29: what finds an end made already gives its connection something to
// wait for. On Valkey WAIT covers what its connection has written and no more, so
// that a script that only read would be answered without any replica.
func TestWhatFindsAnEndMadeWritesToo(t *testing.T) {
	server := servertest.StartRedis(t)
	s := openTest(t, server.URL)
	rec, other := newIdle(t, s, "u"), newIdle(t, s, "u")
	ended := pawl.LoggedEnd{User: "u", Revocation: token.Revocation{Kind: token.KindSession, ID: rec.ID, Reason: api.ReasonSignedOut, At: noon}}
	if _, err := s.End(t.Context(), rec.SessionKey, api.ReasonSignedOut, noon); err != nil {
		t.Fatal(err)
	}
	usersEnd := pawl.LoggedEnd{User: "u", Revocation: token.Revocation{Kind: token.KindUser, ID: "u", Reason: api.ReasonDisabled, NotBefore: noon.AddDate(-1, 0, 0), At: noon}}
	if _, err := s.EndAgain(t.Context(), usersEnd, false); err != nil { // ends nobody: it is of a year ago
		t.Fatal(err)
	}
	for name, ask := range map[string]func() error{
		"End": func() error { _, err := s.End(t.Context(), rec.SessionKey, api.ReasonSignedOut, noon); return err },
		"End of no session": func() error {
			_, err := s.End(t.Context(), pawl.SessionKey{User: "u", ID: token.NewID()}, api.ReasonSignedOut, noon)
			return err
		},
		"EndEach": func() error {
			_, err := s.EndEach(t.Context(), "u", []string{rec.ID}, api.ReasonSignedOut, noon)
			return err
		},
		"EndEach of none":       func() error { _, err := s.EndEach(t.Context(), "u", nil, api.ReasonSignedOut, noon); return err },
		"EndAgain of a session": func() error { _, err := s.EndAgain(t.Context(), ended, false); return err },
		"EndAgain of a user":    func() error { _, err := s.EndAgain(t.Context(), usersEnd, false); return err },
		"on another connection": func() error { return s.awaitPartition(t.Context(), partition("u")) },
		"the last step of EndAll": func() error {
			return s.replicated(t.Context(), home, call{strikeScript, []string{s.layout.ending(), s.layout.everyone(home)}, []string{"0"}}).Error()
		},
	} {
		p := partition("u")
		if name == "the last step of EndAll" {
			p = home
		}
		server.Do("HDEL", s.layout.everyone(p), "w")
		if err := ask(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if server.Do("HEXISTS", s.layout.everyone(p), "w") != "1" {
			t.Errorf("%s writes nothing: there is nothing to wait for", name)
		}
	}
	if got, mark, err := s.Get(t.Context(), other.SessionKey); err != nil || !got.Live(mark, noon) {
		t.Errorf("the other session: %v, %v", mark, err)
	}
}
