package pawl_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

func newAudited(t *testing.T, change ...func(*pawl.Config)) *fixture {
	t.Helper()
	return newFixture(t, append(change, func(c *pawl.Config) {
		if c.Audit == nil {
			c.Audit = c.Sessions.(pawl.AuditStore)
		}
	})...)
}

// audited gives the entries from the given one on.
func (f *fixture) audited(from int) []pawl.AuditEntry {
	f.t.Helper()
	page, err := f.store.Audit(f.t.Context(), pawl.AuditQuery{Limit: 1000})
	if err != nil {
		f.t.Fatal(err)
	}
	return page.Entries[from:]
}

// SECURITY 55: what is in the audit log after each act, and what is not.
func TestAudit(t *testing.T) {
	ctx := t.Context()
	for _, tc := range []struct {
		name string
		act  func(f *fixture, in api.Tokens) // in: a session that was there before
		want string
	}{
		{"sign-in", func(f *fixture, _ api.Tokens) { f.login() }, "sign_in 192.0.2.1"},
		{"wrong password", func(f *fixture, _ api.Tokens) {
			_, _ = f.Login(ctx, pawl.SignIn{Login: "ann", Password: "wrong", Client: elsewhere})
		}, "sign_in_failed/invalid_credentials 198.51.100.7"},
		{"unknown login", func(f *fixture, _ api.Tokens) {
			_, _ = f.Login(ctx, pawl.SignIn{Login: "who", Password: "wrong", Client: elsewhere})
		}, "sign_in_failed/invalid_credentials 198.51.100.7"},
		{"reissues of rows 4, 5 and 6", func(f *fixture, in api.Tokens) {
			f.mustReissue(in.RefreshToken, "", "")
			f.advance(2 * time.Minute)
			f.mustReissue(in.RefreshToken, "", "")
			f.mustReissue(in.RefreshToken, "", "")
		}, ""},
		{"a refused reissue", func(f *fixture, in api.Tokens) {
			f.advance(100 * 24 * time.Hour)
			_, _ = f.reissue(in.RefreshToken, "", "")
		}, ""},
		{"a re-send elsewhere", func(f *fixture, in api.Tokens) {
			f.advance(2 * time.Minute)
			f.mustReissue(in.RefreshToken, "", "")
			for range 3 {
				_, _ = f.Reissue(ctx, api.ReissueRequest{RefreshToken: in.RefreshToken, Address: elsewhere.Address, Agent: elsewhere.Agent})
			}
		}, "resent_elsewhere 198.51.100.7"},
		{"reuse", func(f *fixture, in api.Tokens) {
			f.advance(2 * time.Minute)
			f.mustReissue(in.RefreshToken, "", "")
			f.advance(2 * time.Minute)
			_, _ = f.reissue(in.RefreshToken, "", "")
		}, "reused/reused 192.0.2.1"},
		{"sign-out, twice", func(f *fixture, in api.Tokens) {
			for range 2 {
				_ = f.Logout(ctx, api.ReissueRequest{RefreshToken: in.RefreshToken, Address: home.Address})
			}
		}, "session_ended/signed_out 192.0.2.1"},
		{"an administrator ends one", func(f *fixture, in api.Tokens) {
			_ = f.EndSessionOf(pawl.WithActor(ctx, pawl.Actor{By: "root"}), pawl.SessionKey{User: "id-ann", ID: in.SessionID}, home)
		}, "session_ended/ended_by_admin 192.0.2.1 by root"},
		{"all of a user, everybody's", func(f *fixture, _ api.Tokens) {
			_, _ = f.EndUser(ctx, "id-ann", api.ReasonEndedByAdmin)
			_ = f.EndAll(ctx, api.ReasonEndedByAdmin)
		}, "user_sessions_ended/ended_by_admin; all_sessions_ended/ended_by_admin"},
		{"password", func(f *fixture, in api.Tokens) {
			ctx := pawl.WithActor(ctx, pawl.Actor{Client: home})
			_, _ = f.ChangePassword(ctx, f.claims(in.AccessToken), "wrong", "nine quiet otters")
			_, _ = f.ChangePassword(ctx, f.claims(in.AccessToken), goodPassword, "nine quiet otters")
		}, "password_refused/invalid_credentials 192.0.2.1; user_sessions_ended/password_changed 192.0.2.1; password_changed 192.0.2.1"},
		{"a new user", func(f *fixture, _ api.Tokens) {
			_, _ = f.CreateUser(ctx, pawl.NewUser{Login: "bob", Password: "nine quiet otters"})
		}, "user_created"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newAudited(t)
			in := f.login()
			before := len(f.audited(0))
			tc.act(f, in)
			var got []string
			for _, e := range f.audited(before) {
				s := e.Kind
				if e.Reason != "" {
					s += "/" + e.Reason
				}
				if e.Client.Address != "" {
					s += " " + e.Client.Address
				}
				if e.By != "" {
					s += " by " + e.By
				}
				got = append(got, s)
				if !e.At.Equal(f.clock()) || e.At.Location() != time.UTC {
					t.Errorf("%s at %v", e.Kind, e.At)
				}
			}
			if s := strings.Join(got, "; "); s != tc.want {
				t.Errorf("got  %s\nwant %s", s, tc.want)
			}
		})
	}
	keys := newAudited(t).audited(0)
	if len(keys) != 2 || keys[0].Kind != pawl.EventKeyAdded || keys[0].Key == "" || keys[0].Reason != pawl.UseAccess {
		t.Errorf("a new service has made keys: %+v", keys)
	}
}

// What costs a stranger nothing must not fill the disk.
func TestAuditedEvents(t *testing.T) {
	for _, tc := range []struct {
		e    pawl.Event
		want bool
	}{
		{pawl.Event{Kind: pawl.EventSignIn}, true},
		{pawl.Event{Kind: pawl.EventSignInFailed, Reason: api.CodeInvalidCredentials}, true},
		{pawl.Event{Kind: pawl.EventSignInFailed, Reason: api.ReasonDisabled}, true},
		{pawl.Event{Kind: pawl.EventSignInFailed, Reason: api.CodeUnavailable}, false},
		{pawl.Event{Kind: pawl.EventSignInFailed, Reason: api.CodeRateLimited}, false},
		{pawl.Event{Kind: pawl.EventRestored}, true},
		{pawl.Event{Kind: pawl.EventReissue}, false},
		{pawl.Event{Kind: pawl.EventReissueRefused}, false},
		{pawl.Event{Kind: "a kind to come"}, true},
	} {
		if got := pawl.Audited(tc.e); got != tc.want {
			t.Errorf("%s %s: %v", tc.e.Kind, tc.e.Reason, got)
		}
	}
}

// Whoever has a session cannot fill the audit log by going to and fro.
func TestReSendsElsewhereAreBounded(t *testing.T) {
	f := newAudited(t)
	in := f.login()
	f.advance(2 * time.Minute)
	f.mustReissue(in.RefreshToken, "", "")
	for i := range 100 {
		_, err := f.Reissue(t.Context(), api.ReissueRequest{RefreshToken: in.RefreshToken, Address: elsewhere.Address, Agent: fmt.Sprint("agent ", i)})
		if err != nil {
			t.Fatal(err)
		}
	}
	n := len(slices.DeleteFunc(f.audited(0), func(e pawl.AuditEntry) bool { return e.Kind != pawl.EventResentElsewhere }))
	if n < 2 || n > 10 {
		t.Errorf("%d entries", n)
	}
}

// auditFault is an audit store whose writes fail, or look at their context.
type auditFault struct {
	pawl.AuditStore
	append func(ctx context.Context) error
}

func (a *auditFault) Append(ctx context.Context, e ...pawl.Event) error {
	if err := a.append(ctx); err != nil {
		return err
	}
	return a.AuditStore.Append(ctx, e...)
}

func TestALostAuditEntryIsLoudAndFailsNothing(t *testing.T) {
	var log bytes.Buffer
	var broken error
	f := newAudited(t, func(c *pawl.Config) {
		c.Audit = &auditFault{c.Sessions.(pawl.AuditStore), func(context.Context) error { return broken }}
		c.Log = slog.New(slog.NewTextHandler(&log, nil))
	})
	before := len(f.audited(0))
	broken = errors.New("the disk is full")
	in := f.login()
	if err := f.Logout(t.Context(), api.ReissueRequest{RefreshToken: in.RefreshToken}); err != nil {
		t.Errorf("a sign-out that happened is reported as failed: %v", err)
	}
	if n := f.AuditLost(); n != 2 {
		t.Errorf("%d entries are counted as lost", n)
	}
	for _, want := range []string{
		`level=ERROR msg="audit entry lost" error="the disk is full"`,
		"entry.kind=sign_in entry.user=id-ann", "entry.address=192.0.2.1", "entry.kind=session_ended", "entry.session=" + in.SessionID, "entry.reason=signed_out",
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, log.String())
		}
	}
	broken = nil
	f.login()
	if n := len(f.audited(before)); n != 1 || f.AuditLost() != 2 {
		t.Errorf("after it is mended: %d entries, %d lost", n, f.AuditLost())
	}
}

// A client that hangs up cannot keep what it did out of the audit log.
func TestAuditOutlivesTheRequest(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	armed := false
	f := newAudited(t, func(c *pawl.Config) {
		c.Audit = &auditFault{c.Sessions.(pawl.AuditStore), func(write context.Context) error {
			if armed {
				cancel()
			}
			if _, bounded := write.Deadline(); !bounded {
				t.Error("a store that hangs would hold the answer for ever")
			}
			return write.Err()
		}}
	})
	before := len(f.audited(0))
	armed = true
	_, _ = f.Login(ctx, pawl.SignIn{Login: "ann", Password: goodPassword, Client: home})
	if got := f.audited(before); len(got) != 1 || got[0].Kind != pawl.EventSignIn {
		t.Errorf("entries %v", got)
	}
}

func TestAuditRetention(t *testing.T) {
	for _, tc := range []struct {
		keep time.Duration
		left int
	}{{time.Hour, 1}, {0, 3}} {
		synctest.Test(t, func(t *testing.T) {
			f := newAudited(t, func(c *pawl.Config) { c.AuditRetention = tc.keep })
			f.advance(time.Hour + time.Second)
			f.login() // the keys' two entries are older
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			if n := len(f.audited(0)); n != tc.left {
				t.Errorf("kept for %v: %d entries, not %d", tc.keep, n, tc.left)
			}
			f.Close()
		})
	}
	if _, err := pawl.New(t.Context(), pawl.Config{
		Issuer: "x", Audience: []string{"x"}, Sessions: newFixture(t).store, Users: newFixture(t).store, Keys: newFixture(t).store,
		MasterKey: pawl.NewMasterKey(), AuditRetention: -1,
	}); err == nil {
		t.Error("a negative retention is taken")
	}
}

func TestSigningSince(t *testing.T) {
	f := newFixture(t)
	for _, use := range []string{pawl.UseAccess, pawl.UseRefresh} {
		if got := f.SigningSince(use); !got.Equal(f.clock()) {
			t.Errorf("%s: %v", use, got)
		}
	}
	if !f.SigningSince("no use").IsZero() {
		t.Error("an unknown use has a key")
	}
}
