package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// many stores n sessions of the user, each made a millisecond after the one before,
// a few of them in the same one.
func (f *fixture) many(user string, n int) (all []pawl.Session) {
	f.Helper()
	for i := range n {
		s := NewSession(user, noon.Add(time.Duration(i-i%4)*ms))
		f.create(s, pawl.Mark{})
		all = append(all, s)
	}
	return all
}

func ids(list []pawl.Session) (out []string) {
	for _, s := range list {
		out = append(out, s.ID)
	}
	return out
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

func (f *fixture) endEach(user string, which ...string) []string {
	f.Helper()
	ended, err := f.Sessions.EndEach(f.ctx, user, which, api.ReasonSignedOutElsewhere, noon.Add(345*ms))
	f.must(err)
	return sorted(ended)
}

// endEach is a table of what one call is given and what it ends.
func endEach(f *fixture) {
	for i, test := range []struct {
		name  string
		given func(all []pawl.Session) []string
		want  []int
	}{
		{"one", func(all []pawl.Session) []string { return ids(all[:1]) }, []int{0}},
		{"some", func(all []pawl.Session) []string { return ids(all[1:3]) }, []int{1, 2}},
		{"none", func([]pawl.Session) []string { return nil }, nil},
		{"one twice", func(all []pawl.Session) []string { return []string{all[0].ID, all[0].ID} }, []int{0}},
		{"what no session has", func(all []pawl.Session) []string {
			return []string{NewSession("u", noon).ID, "", strings.Repeat("*", 22), disguised(all[1].ID), all[0].ID + "A", all[2].ID}
		}, []int{2}},
	} {
		user := fmt.Sprint("user ", i)
		all, other := f.many(user, 4), f.signIn("other", noon)
		before := len(f.log())
		given := append(test.given(all), other.ID) // it is another user's
		if test.given(all) == nil {
			given = nil
		}
		var want []string
		for _, j := range test.want {
			want = append(want, all[j].ID)
		}
		if diff := cmp.Diff(sorted(want), f.endEach(user, given...)); diff != "" {
			f.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
		for _, s := range append(all, other) {
			got, mark := f.get(s.SessionKey)
			if ended := slices.Contains(want, s.ID); got.Live(mark, noon) == ended ||
				ended && (!got.Ended.Equal(noon.Add(345*ms)) || got.EndReason != api.ReasonSignedOutElsewhere) {
				f.Errorf("%s: %v", test.name, got)
			}
		}
		f.loggedEnds(test.name, f.log()[before:], user, want)
		if again := f.endEach(user, given...); len(again) > 0 || len(f.log()) != before+len(want) {
			f.Errorf("%s: once more: %v, %d log entries", test.name, again, len(f.log())-before)
		}
	}
}

// loggedEnds checks that the entries are of the ends, one of each.
func (f *fixture) loggedEnds(name string, log []pawl.LoggedEnd, user string, want []string) {
	f.Helper()
	var logged []string
	for _, e := range log {
		logged = append(logged, e.ID)
		e.ID = ""
		if diff := cmp.Diff(again(token.KindSession, "", time.Time{}, api.ReasonSignedOutElsewhere, user, ""), e); diff != "" {
			f.Errorf("%s: entry (-want +got):\n%s", name, diff)
		}
	}
	if diff := cmp.Diff(sorted(want), sorted(logged)); diff != "" {
		f.Errorf("%s: log (-want +got):\n%s", name, diff)
	}
}

func endEachBatch(f *fixture) {
	all := f.many("u", pawl.EndBatch+1)
	if ended := f.endEach("u", ids(all[1:])...); len(ended) != pawl.EndBatch {
		f.Errorf("%d ended, not %d", len(ended), pawl.EndBatch)
	}
	f.loggedEnds("batch", f.log(), "u", ids(all[1:]))
	if !f.live(all[0].SessionKey, noon) {
		f.Error("the one that was not named has ended")
	}
}

func endEachOver(f *fixture) {
	all := f.many("u", 3)
	if ok, err := f.Sessions.End(f.ctx, all[1].SessionKey, api.ReasonReused, noon); err != nil || !ok {
		f.Fatal(ok, err)
	}
	if got := f.endEach("u", ids(all[:2])...); !slices.Equal(got, []string{all[0].ID}) {
		f.Errorf("%v ended", got)
	}
	if got, _ := f.get(all[1].SessionKey); got.EndReason != api.ReasonReused {
		f.Errorf("reason %s", got.EndReason)
	}
	v := f.many("v", 2)
	f.endUser("v", "", noon)
	if got := f.endEach("v", ids(v)...); len(got) > 0 {
		f.Error("what the user's mark has ended is ended again")
	}
	f.endAll(noon)
	if got := f.endEach("u", all[2].ID); len(got) > 0 {
		f.Error("what everyone's mark has ended is ended again")
	}
	if n := len(f.log()); n != 4 {
		f.Errorf("%d log entries, not 4", n)
	}
}

func createBatch(f *fixture) {
	const limit, n = 3, pawl.EndBatch + 7
	all := f.many("u", n)
	var gone []string
	for i, want := range []int{pawl.EndBatch, 7 - limit + 1 + 1, 1} {
		at := noon.Add(time.Duration(n+i) * ms)
		s := NewSession("u", at)
		evicted, err := f.Sessions.Create(f.ctx, s, pawl.Mark{}, limit)
		f.must(err)
		if len(evicted) != want {
			f.Fatalf("sign-in %d ended %d, not %d", i, len(evicted), want)
		}
		for _, rec := range evicted {
			if rec.EndReason != api.ReasonSessionLimit || !rec.Ended.Equal(at) || slices.Contains(gone, rec.ID) {
				f.Errorf("evicted: %v", rec)
			}
		}
		all, gone = append(all, s), append(gone, ids(evicted)...)
	}
	left, _, err := f.Sessions.List(f.ctx, "u", pawl.ListPlace{}, 0)
	f.must(err)
	if diff := cmp.Diff(ids(all[len(all)-limit:]), ids(left)); diff != "" {
		f.Errorf("left (-want +got):\n%s", diff)
	}
}

func listPages(f *fixture) {
	all := f.many("u", 20)
	whole, _, err := f.Sessions.List(f.ctx, "u", pawl.ListPlace{}, 0)
	f.must(err)
	if diff := cmp.Diff(sorted(ids(all)), sorted(ids(whole))); diff != "" || !slices.IsSortedFunc(whole, func(a, b pawl.Session) int { return a.Created.Compare(b.Created) }) {
		f.Fatalf("whole (-want +got):\n%s", diff)
	}
	for _, limit := range []int{1, 3, 19, 20, 21} {
		var got []pawl.Session
		var at pawl.ListPlace
		for range 30 {
			piece, _, err := f.Second.Sessions.List(f.ctx, "u", at, limit)
			f.must(err)
			if len(piece) != min(limit, len(all)-len(got)) {
				f.Fatalf("limit %d: %d sessions behind %d", limit, len(piece), len(got))
			}
			if len(piece) == 0 {
				break
			}
			got = append(got, piece...)
			at = pawl.ListPlace{Created: got[len(got)-1].Created, ID: got[len(got)-1].ID}
		}
		if diff := cmp.Diff(whole, got); diff != "" {
			f.Errorf("limit %d (-want +got):\n%s", limit, diff)
		}
	}
	// A place stays good when its session has ended.
	at := pawl.ListPlace{Created: whole[9].Created, ID: whole[9].ID}
	f.endEach("u", whole[9].ID, whole[11].ID)
	piece, _, err := f.Sessions.List(f.ctx, "u", at, 2)
	f.must(err)
	if diff := cmp.Diff([]pawl.Session{whole[10], whole[12]}, piece); diff != "" {
		f.Errorf("behind one that has ended (-want +got):\n%s", diff)
	}
	_, _, err = f.Sessions.List(f.ctx, "u", pawl.ListPlace{Created: noon, ID: "x"}, 2)
	f.is(err, pawl.ErrNotFound)
}

// raceEndEach has calls that name overlapping sessions in other orders at once, with
// ends of single ones, sign-ins that evict and an end of all of them.
func raceEndEach(f *fixture) {
	for i := range rounds(5) {
		user := fmt.Sprint("user ", i)
		all := f.many(user, 40)
		before := len(f.log())
		var ended atomic.Int64
		f.together(12, func(j int, store pawl.SessionStore) {
			mine := slices.Clone(ids(all))
			if j%2 == 0 {
				slices.Reverse(mine)
			}
			switch j % 4 {
			case 3:
				ok, err := store.End(f.ctx, all[j].SessionKey, api.ReasonSignedOutElsewhere, noon.Add(345*ms))
				if f.check(err) && ok {
					ended.Add(1)
				}
			case 2:
				gone, err := store.Create(f.ctx, NewSession(user, noon.Add(time.Second)), pawl.Mark{}, 30)
				f.check(err)
				ended.Add(int64(len(gone)))
			default:
				gone, err := store.EndEach(f.ctx, user, mine, api.ReasonSignedOutElsewhere, noon.Add(345*ms))
				f.check(err)
				ended.Add(int64(len(gone)))
			}
		})
		log := f.log()[before:]
		seen := map[string]bool{}
		for _, e := range log {
			seen[e.ID] = true
		}
		if int(ended.Load()) != len(all) || len(log) != len(all) || len(seen) != len(all) {
			f.Fatalf("round %d: %d ended, %d entries of %d sessions", i, ended.Load(), len(log), len(seen))
		}
	}
}

func raceRotateEndEach(f *fixture) {
	all := f.many("u", 20)
	var over atomic.Bool
	var wg sync.WaitGroup
	for i, s := range all {
		node := []Node{f.Node, f.Second}[i%2]
		wg.Go(func() {
			for n := 0; ; n++ {
				after := over.Load()
				next := Advanced(s, noon.Add(time.Duration(n)*ms))
				ok, err := node.Sessions.Rotate(f.ctx, s, next)
				if !f.check(err) || !ok {
					return
				}
				if after {
					f.Error("rotated after the end had answered")
					return
				}
				s = next
			}
		})
	}
	time.Sleep(10 * ms)
	if n := len(f.endEach("u", ids(all)...)); n != len(all) {
		f.Errorf("%d of %d ended", n, len(all))
	}
	over.Store(true)
	wg.Wait()
}
