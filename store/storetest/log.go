package storetest

import (
	"fmt"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

func logEntries(f *fixture) {
	at := noon.Add(9 * ms)
	s := f.signIn("u", noon)
	_, err := f.Sessions.End(f.ctx, s.SessionKey, api.ReasonSignedOut, at)
	f.must(err)
	first := f.signIn("u", noon)
	_, err = f.Sessions.Create(f.ctx, NewSession("u", at), pawl.Mark{}, 1)
	f.must(err)
	kept := f.signIn("w", noon)
	f.endUser("u", "", at)
	f.endUser("w", kept.ID, at)
	mark := f.endAll(at)
	want := []pawl.LoggedEnd{
		{Revocation: token.Revocation{Kind: token.KindSession, ID: s.ID, Reason: api.ReasonSignedOut, At: at}, User: "u"},
		{Revocation: token.Revocation{Kind: token.KindSession, ID: first.ID, Reason: api.ReasonSessionLimit, At: at}, User: "u"},
		{Revocation: token.Revocation{Kind: token.KindUser, ID: "u", Reason: api.ReasonEndedByAdmin, NotBefore: noon, At: at}},
		{Revocation: token.Revocation{Kind: token.KindUser, ID: "w", Reason: api.ReasonEndedByAdmin, NotBefore: noon, At: at}, Keep: kept.ID},
		{Revocation: token.Revocation{Kind: token.KindAll, Reason: api.ReasonEndedByAdmin, NotBefore: mark.NotBefore, At: at}},
	}
	if diff := cmp.Diff(want, f.log()); diff != "" {
		f.Errorf("log (-want +got):\n%s", diff)
	}
}

func logPages(f *fixture) {
	empty, err := f.Sessions.Revocations(f.ctx, "", 10)
	f.must(err)
	if len(empty.Entries) > 0 || empty.Cursor == "" || empty.More || !empty.Reset {
		f.Errorf("an empty log: %+v", empty)
	}
	const n = 23
	for i := range n {
		f.endUser(fmt.Sprint(i), "", noon)
	}
	for _, limit := range []int{1, 5, 22, 23, 24} {
		cursor, got := empty.Cursor, 0
		for more := true; more; {
			page, err := f.Second.Sessions.Revocations(f.ctx, cursor, limit) // a cursor is good on every node
			f.must(err)
			if len(page.Entries) > limit || page.Reset {
				f.Fatalf("limit %d: %d entries, reset %v", limit, len(page.Entries), page.Reset)
			}
			for _, e := range page.Entries {
				if e.ID != fmt.Sprint(got) {
					f.Fatalf("limit %d: entry %d is %s", limit, got, e.ID)
				}
				got++
				next, err := f.Sessions.Revocations(f.ctx, e.Cursor, 1) // from any entry
				f.must(err)
				if got < n && (len(next.Entries) != 1 || next.Entries[0].ID != fmt.Sprint(got)) {
					f.Fatalf("after entry %s: %v", e.ID, next)
				}
			}
			cursor, more = page.Cursor, page.More
		}
		if got != n {
			f.Errorf("limit %d: %d entries, not %d", limit, got, n)
		}
		end, err := f.Sessions.Revocations(f.ctx, cursor, limit)
		if err != nil || len(end.Entries) > 0 || end.Reset || end.More {
			f.Errorf("at the end: %+v, %v", end, err)
		}
	}
}

func logReset(f *fixture) {
	f.endUser("u", "", noon)
	f.endUser("v", "", noon)
	good, err := f.Sessions.Revocations(f.ctx, "", 10)
	f.must(err)
	for name, cursor := range map[string]string{
		"empty":     "",
		"garbage":   "garbage",
		"foreign":   "x" + good.Cursor,
		"not text":  "\xff\x00",
		"very long": strings.Repeat("9", 10_000),
		"ahead":     good.Cursor + "99", // a log put back from a backup
	} {
		page, err := f.Sessions.Revocations(f.ctx, cursor, 1)
		f.must(err)
		if !page.Reset || len(page.Entries) != 1 || page.Entries[0].ID != "u" || !page.More {
			f.Errorf("%s: %+v", name, page)
		}
		next, err := f.Sessions.Revocations(f.ctx, page.Cursor, 1)
		f.must(err)
		if next.Reset || next.More || len(next.Entries) != 1 || next.Entries[0].ID != "v" {
			f.Errorf("after %s: %+v", name, next)
		}
	}
}
