package storetest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

// Audit checks a [pawl.AuditStore] (SECURITY 55, 57, 58).
func Audit(t *testing.T, open Open) {
	for _, test := range []struct {
		name string
		run  func(*fixture)
	}{
		{"entries are read as they were written, on every node", auditRoundTrip},
		{"SECURITY 57: text is kept byte for byte and steers nothing", auditHostile},
		{"every condition of a query holds", auditFilters},
		{"pages join without a gap or an overlap", auditPages},
		{"a cursor of another log is refused", auditCursors},
		{"SECURITY 58: entries have one order, whoever writes at once", auditOrder},
		{"entries go by age only, in batches, and no id comes twice", auditSweep},
		{"a call that was given up adds nothing", auditCancelled},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(newFixture(t, open))
		})
	}
}

func (f *fixture) append(e ...pawl.Event) {
	f.Helper()
	f.must(f.Audit.Append(f.ctx, e...))
}

// audit reads all that q asks for, page by page.
func (f *fixture) audit(q pawl.AuditQuery) []pawl.AuditEntry {
	f.Helper()
	var all []pawl.AuditEntry
	for {
		page, err := f.Audit.Audit(f.ctx, q)
		f.must(err)
		if len(page.Entries) > max(q.Limit, 1) || page.Cursor == "" {
			f.Fatalf("limit %d: page %+v", q.Limit, page)
		}
		all = append(all, page.Entries...)
		if q.After = page.Cursor; !page.More {
			return all
		}
	}
}

func events(entries []pawl.AuditEntry) []pawl.Event {
	list := make([]pawl.Event, len(entries))
	for i, e := range entries {
		list[i] = e.Event
	}
	return list
}

func fullEvent() pawl.Event {
	return pawl.Event{
		At: noon.Add(7 * ms), Kind: pawl.EventReused, User: "u", Login: "ada", Session: "s", Reason: api.ReasonReused, Row: 7,
		Client: pawl.Client{Address: "203.0.113.7", Agent: "Firefox on Linux", Label: "laptop"}, Key: "k", By: "root", Why: "because", Object: "o",
	}
}

func auditRoundTrip(f *fixture) {
	if got := f.audit(pawl.AuditQuery{Limit: 10}); len(got) != 0 {
		f.Fatalf("a new log has entries: %v", got)
	}
	f.append()
	exact := fullEvent()
	exact.At = exact.At.In(time.FixedZone("", 3600)).Add(999 * time.Microsecond)
	f.append(exact, pawl.Event{At: noon, Kind: pawl.EventSignIn}) // the order of the calls, not of At
	want := []pawl.Event{fullEvent(), {At: noon, Kind: pawl.EventSignIn}}
	for _, node := range []Node{f.Node, f.Second} {
		page, err := node.Audit.Audit(f.ctx, pawl.AuditQuery{Limit: 10})
		f.must(err)
		if diff := cmp.Diff(want, events(page.Entries)); diff != "" {
			f.Errorf("entries (-want +got):\n%s", diff)
		}
	}
}

func auditHostile(f *fixture) {
	for i, text := range []string{"'; DROP TABLE audit; --", "a\nb\r\x1b[2J", "%s\x00after", "\xff\xfe", `{"kind":"x"}`, strings.Repeat("é", 5000)} {
		e := fullEvent()
		e.User, e.Login, e.Session, e.Reason, e.Key, e.By, e.Client = text, text, text, text, text, text, pawl.Client{Address: text, Agent: text, Label: text}
		f.append(e)
		if diff := cmp.Diff([]pawl.Event{e}, events(f.audit(pawl.AuditQuery{User: text, Session: text, Limit: 10}))); diff != "" {
			f.Errorf("text %d (-want +got):\n%s", i, diff)
		}
	}
	if n := len(f.audit(pawl.AuditQuery{Kind: "' OR '1'='1", Limit: 10})); n != 0 {
		f.Errorf("%d entries of no kind", n)
	}
}

func auditFilters(f *fixture) {
	var all []pawl.Event
	for i := range 24 {
		e := pawl.Event{
			At: second((i * 7) % 24), User: fmt.Sprint("u", i%2), Session: fmt.Sprint("s", i%3),
			Kind: []string{pawl.EventSignIn, pawl.EventSessionEnded}[i/12],
		}
		all = append(all, e)
	}
	f.append(all...)
	for _, q := range []pawl.AuditQuery{
		{},
		{User: "u1"},
		{User: "nobody"},
		{Session: "s2"},
		{Kind: pawl.EventSessionEnded},
		{From: second(5)},
		{From: second(5).Add(1)}, // a fraction of a millisecond
		{To: second(5)},
		{To: second(5).Add(1)},
		{From: second(3), To: second(9)},
		{From: second(99)},
		{User: "u0", Session: "s1", Kind: pawl.EventSignIn, From: second(1), To: second(20)},
	} {
		var want []pawl.Event
		for _, e := range all {
			if (q.User == "" || q.User == e.User) && (q.Session == "" || q.Session == e.Session) && (q.Kind == "" || q.Kind == e.Kind) &&
				!e.At.Before(q.From) && (q.To.IsZero() || e.At.Before(q.To)) {
				want = append(want, e)
			}
		}
		for _, limit := range []int{0, 1, 5, 100} {
			q.Limit = limit
			if got := events(f.audit(q)); !cmp.Equal(want, got) && len(want)+len(got) > 0 {
				f.Errorf("%+v: %s", q, cmp.Diff(want, got))
			}
		}
	}
}

func auditPages(f *fixture) {
	const n = 23
	for i := range n {
		f.append(pawl.Event{At: second(i), Kind: pawl.EventSignIn, User: fmt.Sprint(i)})
	}
	for _, limit := range []int{1, 5, n - 1, n, n + 1} {
		for i, e := range f.audit(pawl.AuditQuery{Limit: limit}) {
			if e.User != fmt.Sprint(i) {
				f.Fatalf("limit %d: entry %d is %s", limit, i, e.User)
			}
		}
	}
	end, err := f.Audit.Audit(f.ctx, pawl.AuditQuery{Limit: 100})
	f.must(err)
	f.append(pawl.Event{At: noon, Kind: pawl.EventSignIn, User: "later"})
	next, err := f.Second.Audit.Audit(f.ctx, pawl.AuditQuery{After: end.Cursor, Limit: 100})
	if err != nil || len(end.Entries) != n || len(next.Entries) != 1 || next.Entries[0].User != "later" || next.More {
		f.Errorf("what was added after the end: %+v, %v", next, err)
	}
}

func auditCursors(f *fixture) {
	f.append(pawl.Event{At: noon, Kind: pawl.EventSignIn})
	page, err := f.Audit.Audit(f.ctx, pawl.AuditQuery{Limit: 1})
	f.must(err)
	for name, cursor := range map[string]string{
		"garbage": "garbage", "foreign": "x" + page.Cursor, "not text": "\xff\x00", "very long": strings.Repeat("9", 10_000),
		"ahead": page.Cursor + "99", // a log put back from a backup
	} {
		if _, err := f.Audit.Audit(f.ctx, pawl.AuditQuery{After: cursor, Limit: 1}); err == nil {
			f.Errorf("%s: no error", name)
		} else {
			f.is(err, pawl.ErrNotFound)
		}
	}
}

func auditOrder(f *fixture) {
	const writers, each = 8, 12
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				user, node := fmt.Sprint(w), []Node{f.Node, f.Second}[w%2]
				first := pawl.Event{At: second(i), Kind: pawl.EventSignIn, User: user, Row: 2 * i}
				second := pawl.Event{At: second(i), Kind: pawl.EventSignIn, User: user, Row: 2*i + 1}
				if err := node.Audit.Append(f.ctx, first, second); err != nil {
					f.Error(err)
				}
			}
		})
	}
	var followed []pawl.AuditEntry
	wg.Go(func() { // an entry that came in front of those already read would be missed
		for after := ""; len(followed) < writers*each*2 && f.ctx.Err() == nil; {
			page, err := f.Second.Audit.Audit(f.ctx, pawl.AuditQuery{After: after, Limit: 7})
			if err != nil {
				f.Error(err)
				return
			}
			followed, after = append(followed, page.Entries...), page.Cursor
			if f.Failed() {
				return
			}
		}
	})
	wg.Wait()
	next, last := map[string]int{}, int64(0)
	for _, e := range f.audit(pawl.AuditQuery{Limit: 50}) {
		if e.ID <= last || e.Row != next[e.User] {
			f.Fatalf("id %d after %d, entry %d of %s where %d is due", e.ID, last, e.Row, e.User, next[e.User])
		}
		last, next[e.User] = e.ID, e.Row+1
	}
	if diff := cmp.Diff(f.audit(pawl.AuditQuery{Limit: 50}), followed); diff != "" {
		f.Errorf("what a reader had meanwhile (-all +reader):\n%s", diff)
	}
	for w := range writers {
		if n := next[fmt.Sprint(w)]; n != 2*each {
			f.Errorf("writer %d has %d entries", w, n)
		}
	}
}

func auditSweep(f *fixture) {
	for i := range 10 {
		f.append(pawl.Event{At: second(9 - i), Kind: pawl.EventSignIn, Row: 9 - i})
	}
	before := f.audit(pawl.AuditQuery{Limit: 100})
	for _, want := range []int{4, 2, 0} { // 6 are due, in batches of 4
		n, err := f.Second.Audit.SweepAudit(f.ctx, second(6), 4)
		if err != nil || n != want {
			f.Fatalf("%d deleted, not %d, %v", n, want, err)
		}
	}
	if diff := cmp.Diff(before[:4], f.audit(pawl.AuditQuery{Limit: 100})); diff != "" {
		f.Errorf("what is left (-want +got):\n%s", diff)
	}
	_, err := f.Audit.SweepAudit(f.ctx, second(100), 100)
	f.must(err)
	f.append(pawl.Event{At: noon, Kind: pawl.EventSignIn})
	if got := f.audit(pawl.AuditQuery{Limit: 100}); len(got) != 1 || got[0].ID <= before[9].ID {
		f.Errorf("an id was used again: %v after %d", got, before[9].ID)
	}
}

func auditCancelled(f *fixture) {
	ctx, cancel := context.WithCancel(f.ctx)
	cancel()
	f.is(f.Audit.Append(ctx, fullEvent()), context.Canceled)
	_, err := f.Audit.Audit(ctx, pawl.AuditQuery{})
	f.is(err, context.Canceled)
	_, err = f.Audit.SweepAudit(ctx, second(100), 1)
	f.is(err, context.Canceled)
	if got := f.audit(pawl.AuditQuery{Limit: 10}); len(got) != 0 {
		f.Errorf("entries %v", got)
	}
}
