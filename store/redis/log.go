package redis

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/token"
)

var logScript = newScript("log")

// Revocations implements [pawl.SessionStore]. It gives what the partitions' logs
// have, by the time at which it was written. Where nothing is new, that takes one
// look at the newest entry of each.
func (s *Store) Revocations(ctx context.Context, after string, limit int) (pawl.RevocationPage, error) {
	doubt := s.replicas.doubt()
	if doubt != nil && !s.clustered() {
		return pawl.RevocationPage{}, doubt
	}
	at, known := parsePosition(after)
	if !known {
		at = position{}
	}
	l := look{Store: s, limit: max(limit, 1)}
	page := l.read(ctx, at, known)
	if l.nothing() {
		return pawl.RevocationPage{}, joined(l.unread[:])
	}
	return page, joined(append(l.unread[:], doubt))
}

// look is one look at the log. A partition that cannot be read stays where it is.
type look struct {
	*Store
	limit  int
	unread [partitions]error
}

func (l *look) nothing() bool {
	for _, err := range l.unread {
		if err == nil {
			return false
		}
	}
	return true
}

func (l *look) read(ctx context.Context, at position, known bool) pawl.RevocationPage {
	heads := l.heads(ctx)
	pieces, lost := l.pieces(ctx, at, heads)
	if lost { // by a fail-over, or it was put back from a backup
		known, at = false, l.anew()
		pieces, _ = l.pieces(ctx, at, heads)
	}
	page := merge(at, pieces, l.limit)
	page.Reset = !known
	return page
}

// void is an entry that no log has. A partition that could not be read when the
// others were read from the beginning is read so, too, once it can be, whatever it
// has lost meanwhile.
var void = entryID{micros: 1 << 62}

// anew is where to read from once something was lost.
func (l *look) anew() (at position) {
	for p, err := range l.unread {
		if err != nil {
			at[p] = void
		}
	}
	return at
}

// heads gives the newest entry ever of each partition's log.
func (l *look) heads(ctx context.Context) (heads position) {
	texts := l.getAll(ctx, l.layout.heads(), &l.unread)
	for p, text := range texts {
		var ok bool
		if heads[p], ok = parseEntryID(text); !ok {
			l.unread[p] = errDamaged
		}
	}
	return heads
}

// piece is what was read of a partition's log.
type piece struct {
	partition int
	entries   []entry
	more      bool    // it has more
	head      entryID // the newest entry ever
}

type entry struct {
	id entryID
	pawl.LoggedEnd
}

// pieces reads the partitions in which something is new. lost says that an entry
// at which the position stands is not known there any more.
func (l *look) pieces(ctx context.Context, at, heads position) (pieces []piece, lost bool) {
	var due []piece
	for p := range partitions {
		if heads[p] != at[p] && l.unread[p] == nil {
			due = append(due, piece{partition: p, head: heads[p]})
		}
	}
	if len(due) == 0 {
		return nil, false
	}
	// A share of the page of each, so that long logs are not read 64 times over.
	count := min(l.limit, 4*l.limit/len(due)+1)
	calls := make([]call, len(due))
	for i, piece := range due {
		p := piece.partition
		calls[i] = call{logScript, []string{l.layout.log(p)}, []string{at[p].String(), strconv.Itoa(count)}}
	}
	for i, r := range l.doAll(ctx, calls) {
		piece := due[i]
		known, err := piece.fill(r)
		if err != nil {
			l.unread[piece.partition] = err
			continue
		}
		lost = lost || !known
		piece.more = piece.cut(count)
		pieces = append(pieces, piece)
	}
	return pieces, lost
}

// cut reports whether more entries follow those that were asked for.
func (p *piece) cut(count int) bool {
	return len(p.entries) == count && p.entries[count-1].id.micros < p.head.micros
}

// fill reads what logScript answers.
func (p *piece) fill(r rueidis.RedisResult) (known bool, err error) {
	answer, err := r.ToArray()
	if err != nil {
		return false, fault(err)
	}
	if len(answer) != 2 {
		return false, errDamaged
	}
	found, err := answer[1].AsXRange()
	if err != nil {
		return false, errDamaged
	}
	for _, f := range found {
		e, ok := readEntry(f)
		if !ok {
			return false, errDamaged
		}
		p.entries = append(p.entries, e)
	}
	n, err := answer[0].AsInt64()
	return n == 1, err
}

func readEntry(f rueidis.XRangeEntry) (e entry, ok bool) {
	id, ok := parseEntryID(f.ID)
	at, err := strconv.ParseInt(f.FieldValues["a"], 10, 64)
	nb, nbErr := strconv.ParseUint(f.FieldValues["n"], 10, 64)
	e = entry{id, pawl.LoggedEnd{
		Revocation: token.Revocation{
			Kind: f.FieldValues["k"], ID: f.FieldValues["i"], Reason: f.FieldValues["r"],
			NotBefore: fromSeconds(nb), At: time.UnixMilli(at).UTC(),
		},
		User: f.FieldValues["u"], // earlier releases wrote neither
		Keep: f.FieldValues["k2"],
	}}
	if e.Kind == token.KindSession {
		e.ID = sidText(e.ID)
	}
	if e.Keep != "" {
		e.Keep = sidText(e.Keep)
	}
	return e, ok && err == nil && nbErr == nil
}

// placed is an entry with its partition.
type placed struct {
	entry
	partition int
}

// inOrder puts the pieces in one order. They reach so far: behind the last entry of
// a piece that has more, entries may come that were not read.
func inOrder(pieces []piece) (all []placed, reach uint64) {
	reach = everything
	for _, p := range pieces {
		for _, e := range p.entries {
			all = append(all, placed{e, p.partition})
		}
		if p.more {
			reach = min(reach, p.entries[len(p.entries)-1].id.micros)
		}
	}
	slices.SortFunc(all, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.id.micros, b.id.micros), cmp.Compare(a.partition, b.partition))
	})
	return all, reach
}

const everything = ^uint64(0)

// merge makes a page of the pieces. Everyone's end is in the log of each partition,
// and is given once.
func merge(at position, pieces []piece, limit int) (page pawl.RevocationPage) {
	all, reach := inOrder(pieces)
	given := map[pawl.LoggedEnd]bool{}
	for _, e := range all {
		repeated := e.Kind == token.KindAll && given[e.LoggedEnd]
		if page.More = !repeated && len(page.Entries) == limit || e.id.micros > reach; page.More {
			break
		}
		at[e.partition] = e.id
		if repeated {
			continue
		}
		given[e.LoggedEnd] = true
		e.Cursor = at.String()
		page.Entries = append(page.Entries, e.LoggedEnd)
	}
	page.More = page.More || reach != everything
	if !page.More {
		pass(&at, pieces)
	}
	page.Cursor = at.String()
	return page
}

// pass moves behind entries that were swept before they were read.
func pass(at *position, pieces []piece) {
	for _, p := range pieces {
		if p.head.micros > at[p.partition].micros {
			at[p.partition] = p.head
		}
	}
}
