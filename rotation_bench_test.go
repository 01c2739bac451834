package pawl_test

import (
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/token"
)

// BenchmarkDecide is the rule alone, row by row: what it adds to a reissue.
func BenchmarkDecide(b *testing.B) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	pol := pawl.Policy{
		AccessTTL: pawl.DefaultAccessTTL, RefreshTTL: pawl.DefaultRefreshTTL,
		SessionTTL: pawl.DefaultSessionTTL, ReuseWindow: pawl.DefaultReuseWindow,
	}
	rec := pawl.Session{
		SessionKey: pawl.SessionKey{User: "ann", ID: "s"}, Generation: 5,
		Created: at, Rotated: at, Opened: at, AuthTime: at,
		IdleExpires: at.Add(pol.RefreshTTL), Ends: at.Add(pol.SessionTTL), LastKey: [32]byte{1},
	}
	ended := rec
	ended.Ended, ended.EndReason = at, "signed_out"
	presented := func(generation uint64, key [32]byte) pawl.Presented {
		return pawl.Presented{Refresh: token.Refresh{Generation: generation, Issued: at, Expires: rec.IdleExpires}, KeyHash: key}
	}
	for _, c := range []struct {
		name  string
		rec   *pawl.Session
		p     pawl.Presented
		after time.Duration
		want  pawl.Outcome
	}{
		{"row=1", &ended, presented(5, [32]byte{}), time.Second, pawl.Refuse},
		{"row=2", &rec, presented(6, [32]byte{}), time.Second, pawl.Restore},
		{"row=3", &rec, presented(5, [32]byte{}), pol.RefreshTTL, pawl.Refuse},
		{"row=4", &rec, presented(5, [32]byte{}), time.Second, pawl.AccessOnly},
		{"row=5", &rec, presented(5, [32]byte{}), time.Hour, pawl.Advance},
		{"row=6", &rec, presented(4, [32]byte{}), time.Second, pawl.Resend},
		{"row=6-reopen", &rec, presented(4, [32]byte{1}), time.Hour, pawl.Reopen},
		{"row=7", &rec, presented(3, [32]byte{}), time.Second, pawl.EndReused},
	} {
		b.Run(c.name, func(b *testing.B) {
			now := at.Add(c.after)
			b.ReportAllocs()
			for b.Loop() {
				if d := pawl.Decide(c.rec, pawl.Standing{}, c.p, now, pol); d.Outcome != c.want {
					b.Fatalf("outcome %s, want %s", d.Outcome, c.want)
				}
			}
		})
	}
}
