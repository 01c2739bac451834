package token

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestRevocationCovers(t *testing.T) {
	a := access()
	for _, c := range []struct {
		name string
		r    Revocation
		want bool
	}{
		{"the session", Revocation{Kind: KindSession, ID: a.SessionID}, true},
		{"the session, whatever the times", Revocation{Kind: KindSession, ID: a.SessionID, NotBefore: epoch.Add(-time.Hour)}, true},
		{"another session", Revocation{Kind: KindSession, ID: SessionID([16]byte{2}), NotBefore: epoch}, false},
		{"a session without id", Revocation{Kind: KindSession, NotBefore: epoch}, false},
		{"SECURITY 28: the user, signed in before", Revocation{Kind: KindUser, ID: "u-1", NotBefore: epoch.Add(time.Second)}, true},
		{"SECURITY 28: the user, signed in that second", Revocation{Kind: KindUser, ID: "u-1", NotBefore: epoch}, true},
		{"SECURITY 28: the user, signed in that second, mark in milliseconds", Revocation{Kind: KindUser, ID: "u-1", NotBefore: epoch.Add(999 * time.Millisecond)}, true},
		{"the user, signed in after", Revocation{Kind: KindUser, ID: "u-1", NotBefore: epoch.Add(-time.Millisecond)}, false},
		{"another user", Revocation{Kind: KindUser, ID: "u-2", NotBefore: epoch.Add(time.Hour)}, false},
		{"the user id in another case", Revocation{Kind: KindUser, ID: "U-1", NotBefore: epoch}, false},
		{"a user without id", Revocation{Kind: KindUser, NotBefore: epoch}, false},
		{"a user id as session id", Revocation{Kind: KindSession, ID: "u-1"}, false},
		{"a session id as user id", Revocation{Kind: KindUser, ID: a.SessionID, NotBefore: epoch}, false},
		{"all, signed in that second", Revocation{Kind: KindAll, NotBefore: epoch}, true},
		{"all, signed in after", Revocation{Kind: KindAll, NotBefore: epoch.Add(-1)}, false},
		{"an unknown kind", Revocation{Kind: "Session", ID: a.SessionID, NotBefore: epoch}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.r.Covers(&a); got != c.want {
				t.Errorf("the entry says %t", got)
			}
			var s Revoked
			s.Add(c.r)
			if r, got := s.Covers(&a); got != c.want || got && (r.Kind != c.r.Kind || r.ID != c.r.ID) {
				t.Errorf("the set says %t, %v", got, r)
			}
		})
	}
	t.Run("a token without auth_time is older than any mark", func(t *testing.T) {
		if !(Revocation{Kind: KindAll, NotBefore: epoch}).Covers(&Access{}) {
			t.Error("not covered")
		}
	})
}

func TestRevoked(t *testing.T) {
	a := access()
	end := Revocation{Cursor: "c", Kind: KindSession, ID: a.SessionID, Reason: "signed_out", At: epoch.Add(1500 * time.Millisecond)}
	t.Run("the zero value is empty and ready", func(t *testing.T) {
		var s Revoked
		s.Forget(epoch)
		if _, ok := s.Covers(&a); ok || s.Len() != 0 {
			t.Error("not empty")
		}
	})
	t.Run("it says why and when", func(t *testing.T) {
		var s Revoked
		s.Add(end)
		want := end
		want.Cursor = ""
		got, _ := s.Covers(&a)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("adding again changes nothing", func(t *testing.T) {
		var s Revoked
		s.Add(end, end)
		s.Add(end)
		if s.Len() != 1 {
			t.Error(s.Len())
		}
	})
	t.Run("of two marks the later NotBefore wins, in any order", func(t *testing.T) {
		for _, kind := range []string{KindUser, KindAll} {
			early := Revocation{Kind: kind, ID: "u-1", Reason: "early", NotBefore: epoch.Add(-time.Hour), At: epoch}
			late := Revocation{Kind: kind, ID: "u-1", Reason: "late", NotBefore: epoch, At: epoch}
			for _, order := range [][]Revocation{{early, late}, {late, early}} {
				var s Revoked
				s.Add(order...)
				if r, ok := s.Covers(&a); !ok || r.Reason != "late" || s.Len() != 1 {
					t.Errorf("%s: %v %t %d", kind, r, ok, s.Len())
				}
			}
		}
	})
	t.Run("Forget drops what is older, and only that", func(t *testing.T) {
		var s Revoked
		s.Add(sessions(1000)...)
		s.Add(Revocation{Kind: KindUser, ID: "u-1", NotBefore: epoch, At: epoch}, Revocation{Kind: KindAll, NotBefore: epoch, At: epoch})
		s.Forget(epoch)
		if s.Len() != 1002 {
			t.Errorf("%d left", s.Len())
		}
		s.Forget(epoch.Add(400 * time.Second))
		if s.Len() != 600 {
			t.Errorf("%d left", s.Len())
		}
		for i := range 1000 {
			if _, ok := s.Covers(&Access{SessionID: sessionNumber(i), AuthTime: epoch}); ok != (i >= 400) {
				t.Errorf("session %d: %t", i, ok)
			}
		}
	})
	t.Run("Forget keeps a mark whose NotBefore is still to come", func(t *testing.T) {
		var s Revoked
		s.Add(Revocation{Kind: KindUser, ID: "u-1", NotBefore: epoch.Add(time.Hour), At: epoch})
		s.Forget(epoch.Add(time.Minute))
		if s.Len() != 1 {
			t.Error("dropped")
		}
	})
	t.Run("Holds tells an entry itself from one that covers the same tokens", func(t *testing.T) {
		user := Revocation{Kind: KindUser, ID: "u-1", NotBefore: epoch}
		all := Revocation{Kind: KindAll, NotBefore: epoch}
		for name, c := range map[string]struct {
			has, asked Revocation
			want       bool
		}{
			"the session":                      {end, end, true},
			"another session":                  {end, Revocation{Kind: KindSession, ID: SessionID([16]byte{2})}, false},
			"a session under everyone's":       {all, end, false},
			"a session under its user's":       {user, end, false},
			"the user":                         {user, user, true},
			"the user, an earlier mark":        {user, Revocation{Kind: KindUser, ID: "u-1", NotBefore: epoch.Add(-time.Second)}, true},
			"the user, a later mark":           {user, Revocation{Kind: KindUser, ID: "u-1", NotBefore: epoch.Add(time.Second)}, false},
			"the user under everyone's":        {all, user, false},
			"everyone":                         {all, all, true},
			"everyone, a later mark":           {all, Revocation{Kind: KindAll, NotBefore: epoch.Add(time.Second)}, false},
			"everyone where only a user's is":  {user, all, false},
			"an unknown kind":                  {all, Revocation{Kind: "x"}, false},
			"a session where only a user's is": {Revocation{Kind: KindUser, ID: a.SessionID, NotBefore: epoch}, end, false},
		} {
			var s Revoked
			if s.Holds(c.asked) {
				t.Errorf("%s: the empty set holds it", name)
			}
			if s.Add(c.has); s.Holds(c.asked) != c.want {
				t.Errorf("%s: %v", name, !c.want)
			}
		}
	})
	t.Run("Everyone is the latest of everyone's", func(t *testing.T) {
		var s Revoked
		if _, ok := s.Everyone(); ok {
			t.Error("the empty set has one")
		}
		s.Add(end, Revocation{Kind: KindAll, Reason: "early", NotBefore: epoch}, Revocation{Kind: KindAll, Reason: "late", NotBefore: epoch.Add(time.Second)})
		if r, ok := s.Everyone(); !ok || r.Reason != "late" || !r.NotBefore.Equal(epoch.Add(time.Second)) {
			t.Errorf("%v, %v", r, ok)
		}
	})
	t.Run("Reset replaces the whole", func(t *testing.T) {
		var s Revoked
		s.Add(sessions(100)...)
		s.Reset([]Revocation{end})
		if _, ok := s.Covers(&a); !ok || s.Len() != 1 {
			t.Error(s.Len())
		}
		s.Reset(nil)
		if _, ok := s.Covers(&a); ok || s.Len() != 0 {
			t.Error(s.Len())
		}
	})
	t.Run("a flood of different reasons is bounded", func(t *testing.T) {
		var s Revoked
		for i := range 3 * maxReasons {
			s.Add(Revocation{Kind: KindSession, ID: sessionNumber(i), Reason: fmt.Sprint(i), At: epoch})
		}
		first, _ := s.Covers(&Access{SessionID: sessionNumber(0)})
		last, ok := s.Covers(&Access{SessionID: sessionNumber(3*maxReasons - 1)})
		if first.Reason != "0" || !ok || last.Reason != "" {
			t.Errorf("%v %v", first, last)
		}
	})
	t.Run("times out of range are clamped, not wrapped", func(t *testing.T) {
		var s Revoked
		s.Add(Revocation{Kind: KindUser, ID: "u-1", NotBefore: time.Unix(1<<60, 0), At: time.Unix(-1<<60, 0)})
		if _, ok := s.Covers(&a); !ok {
			t.Error("not covered")
		}
	})
}

func TestRevokedLookupAllocatesNothing(t *testing.T) {
	for _, n := range []int{0, 1000, 50_000} {
		var s Revoked
		s.Add(sessions(n)...)
		s.Add(Revocation{Kind: KindUser, ID: "u-2", NotBefore: epoch, At: epoch})
		hit, miss := access(), access()
		hit.Subject = "u-2"
		if allocs := testing.AllocsPerRun(1000, func() { s.Covers(&hit); s.Covers(&miss) }); allocs != 0 {
			t.Errorf("%d entries: %v allocations", n, allocs)
		}
	}
}

func TestRevokedBytesPerEntry(t *testing.T) {
	const n = 100_000
	rs := sessions(n)
	var before, after runtime.MemStats
	var s Revoked
	runtime.GC()
	runtime.ReadMemStats(&before)
	s.Add(rs...)
	runtime.GC()
	runtime.ReadMemStats(&after)
	perEntry := float64(after.HeapAlloc-before.HeapAlloc) / n
	t.Logf("%.1f bytes an entry", perEntry)
	if perEntry > 97 {
		t.Errorf("%.1f bytes an entry", perEntry)
	}
	runtime.KeepAlive(rs)
	runtime.KeepAlive(&s)
}

// A list of everything, searched from end to end, is what the set must equal.
func TestRevokedAgreesWithAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Revoked
		var list []Revocation
		id := rapid.SampledFrom([]string{"a", "b", "c", "d"})
		seconds := rapid.Custom(func(t *rapid.T) time.Time {
			return epoch.Add(time.Duration(rapid.IntRange(0, 9).Draw(t, "s")) * time.Second)
		})
		revocation := rapid.Custom(func(t *rapid.T) Revocation {
			at := seconds.Draw(t, "at")
			return Revocation{
				Kind: rapid.SampledFrom([]string{KindSession, KindUser, KindAll}).Draw(t, "kind"),
				ID:   id.Draw(t, "id"), NotBefore: at, At: at,
			}
		})
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				r := revocation.Draw(t, "r")
				s.Add(r)
				list = append(list, r)
			},
			"forget": func(t *rapid.T) {
				before := seconds.Draw(t, "before")
				s.Forget(before)
				// What is merged is kept as long as its latest part.
				last := map[string]time.Time{}
				for _, r := range list {
					if k := mergeKey(r); r.At.After(last[k]) {
						last[k] = r.At
					}
				}
				list = slices.DeleteFunc(list, func(r Revocation) bool { return last[mergeKey(r)].Before(before) })
			},
			"reset": func(t *rapid.T) {
				list = rapid.SliceOfN(revocation, 0, 5).Draw(t, "live")
				s.Reset(list)
			},
			"": func(t *rapid.T) {
				a := &Access{Subject: id.Draw(t, "sub"), SessionID: id.Draw(t, "sid"), AuthTime: seconds.Draw(t, "auth_time")}
				want := slices.ContainsFunc(list, func(r Revocation) bool { return r.Covers(a) })
				r, got := s.Covers(a)
				if got != want || got && !r.Covers(a) {
					t.Fatalf("%v: the list says %t, the set %t %v", a, want, got, r)
				}
				keys := map[string]bool{}
				for _, r := range list {
					keys[mergeKey(r)] = true
				}
				if s.Len() != len(keys) {
					t.Fatalf("Len %d, want %d", s.Len(), len(keys))
				}
			},
		})
	})
}

func mergeKey(r Revocation) string {
	if r.Kind == KindAll {
		return KindAll
	}
	return r.Kind + " " + r.ID
}

// What was added before a look-up is found by it, whatever else goes on.
func TestRevokedUnderConcurrency(t *testing.T) {
	var s Revoked
	var added atomic.Int64
	const n = 5_000
	rs := sessions(n)
	stop := make(chan struct{})
	var writers, readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				have := int(added.Load())
				if have == 0 {
					runtime.Gosched()
					continue
				}
				a := Access{Subject: "u-1", SessionID: rs[(i*7919)%have].ID, AuthTime: epoch.Add(time.Hour)}
				if r, ok := s.Covers(&a); !ok || r.Reason != "signed_out" {
					t.Errorf("entry lost: %v", r)
					return
				}
			}
		})
	}
	writers.Go(func() {
		for i, r := range rs {
			s.Add(r)
			added.Store(int64(i + 1))
		}
	})
	writers.Go(func() {
		for i := range 50 {
			s.Forget(epoch) // nothing is that old, but every shard is looked through
			s.Add(Revocation{Kind: KindUser, ID: fmt.Sprint(i), NotBefore: epoch, At: epoch.Add(-time.Hour)})
			s.Add(Revocation{Kind: KindAll, NotBefore: epoch.Add(-time.Hour), At: epoch})
			s.Forget(epoch)
			s.Len()
		}
	})
	writers.Wait()
	s.Reset(rs)
	close(stop)
	readers.Wait()
	if s.Len() != n {
		t.Errorf("%d of %d", s.Len(), n)
	}
}
