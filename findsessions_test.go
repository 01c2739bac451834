package pawl_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

func TestFindSessions(t *testing.T) {
	f := newFixture(t)
	begin := f.clock()
	var ids []string // one a minute, over three users and two networks
	for i := range 12 {
		user := fmt.Sprint("user/", i%3)
		tokens, err := f.StartFor(t.Context(), pawl.Newcomer{UserID: user, Client: pawl.Client{Address: fmt.Sprintf("10.0.%d.%d", i%2, i)}})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, tokens.SessionID)
		f.advance(time.Minute)
	}
	end := func(i int) {
		if err := f.EndSessionOf(t.Context(), pawl.SessionKey{User: fmt.Sprint("user/", i%3), ID: ids[i]}, home); err != nil {
			t.Fatal(err)
		}
	}
	end(4)
	if _, err := f.EndUser(t.Context(), "user/2", api.ReasonEndedByAdmin); err != nil { // 2, 5, 8, 11: by the mark
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		q    pawl.SessionQuery
		want []int
	}{
		{"all", pawl.SessionQuery{}, []int{0, 1, 3, 6, 7, 9, 10}},
		{"a user's", pawl.SessionQuery{User: "user/1"}, []int{1, 7, 10}},
		{"an ended user's", pawl.SessionQuery{User: "user/2"}, nil},
		{"nobody's", pawl.SessionQuery{User: "user"}, nil},
		{"of a network", pawl.SessionQuery{Address: netip.MustParsePrefix("10.0.1.0/24")}, []int{1, 3, 7, 9}},
		{"of an address", pawl.SessionQuery{Address: netip.MustParsePrefix("10.0.0.6/32")}, []int{6}},
		{"of everywhere by IPv6", pawl.SessionQuery{Address: netip.MustParsePrefix("::/0")}, nil},
		{"from then", pawl.SessionQuery{From: begin.Add(7 * time.Minute)}, []int{7, 9, 10}},
		{"before then", pawl.SessionQuery{To: begin.Add(7 * time.Minute)}, []int{0, 1, 3, 6}},
		{"between, of a user", pawl.SessionQuery{User: "user/0", From: begin.Add(3 * time.Minute), To: begin.Add(9 * time.Minute)}, []int{3, 6}},
	} {
		for _, limit := range []int{1, 3, 100} {
			var got, want []string
			q := c.q
			q.Limit = limit
			for pages := 0; ; pages++ {
				found, err := f.FindSessions(t.Context(), q)
				if err != nil || pages > 50 {
					t.Fatalf("%s: %v, page %d", c.name, err, pages)
				}
				if len(found.Sessions) > 2*limit && c.q.User == "" {
					t.Errorf("%s: %d on a page of %d", c.name, len(found.Sessions), limit)
				}
				for _, rec := range found.Sessions {
					got = append(got, rec.ID)
				}
				if q.After = found.Cursor; !found.More {
					break
				}
			}
			for _, i := range c.want {
				want = append(want, ids[i])
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%s by %d: %d found, want %d", c.name, limit, len(got), len(want))
			}
		}
	}
	_, err := f.FindSessions(t.Context(), pawl.SessionQuery{After: "made up"})
	wantError(t, "a cursor that is not known", err, api.ErrInvalidRequest)
	if n, err := f.CountLive(t.Context()); err != nil || n != 7 {
		t.Errorf("%v, %d live", err, n)
	}
	if err := f.EndAll(t.Context(), api.ReasonEndedByAdmin); err != nil {
		t.Fatal(err)
	}
	if found, err := f.FindSessions(t.Context(), pawl.SessionQuery{}); err != nil || len(found.Sessions) != 0 {
		t.Errorf("after the end of all: %v, %d", err, len(found.Sessions))
	}
}
