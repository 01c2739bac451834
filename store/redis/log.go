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
	limit = max(limit, 1)
	at, known := parsePosition(after)
	if !known {
		at = position{}
	}
	heads, err := s.heads(ctx)
	if err != nil {
		return pawl.RevocationPage{}, err
	}
	pieces, lost, err := s.read(ctx, at, heads, limit)
	if err == nil && lost { // by a fail-over, or it was put back from a backup
		known, at = false, position{}
		pieces, _, err = s.read(ctx, at, heads, limit)
	}
	if err != nil {
		return pawl.RevocationPage{}, err
	}
	page := merge(at, pieces, limit)
	page.Reset = !known
	return page, nil
}

// heads gives the newest entry ever of each partition's log.
func (s *Store) heads(ctx context.Context) (heads position, err error) {
	if err := ctx.Err(); err != nil {
		return heads, err
	}
	texts, err := s.getAll(ctx, s.layout.heads())
	if err != nil {
		return heads, err
	}
	for p, text := range texts {
		var ok bool
		if heads[p], ok = parseEntryID(text); !ok {
			return heads, errDamaged
		}
	}
	return heads, nil
}

// getAll reads keys, one of each partition: by one command, where the server has
// no slots.
func (s *Store) getAll(ctx context.Context, keys []string) ([]string, error) {
	texts := make([]string, len(keys))
	b := s.client.B()
	if s.client.Mode() != rueidis.ClientModeCluster {
		all, err := s.client.Do(ctx, b.Mget().Key(keys...).Build()).ToArray()
		if err == nil && len(all) != len(keys) {
			err = errDamaged
		}
		for i, m := range all {
			texts[i] = bytesOf(m)
		}
		return texts, fault(err)
	}
	commands := make([]rueidis.Completed, len(keys))
	for i, key := range keys {
		commands[i] = b.Get().Key(key).Build()
	}
	for i, r := range s.client.DoMulti(ctx, commands...) {
		text, err := r.ToString()
		if err != nil && !rueidis.IsRedisNil(err) {
			return nil, fault(err)
		}
		texts[i] = text
	}
	return texts, nil
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
	token.Revocation
}

// read reads the partitions in which something is new. lost says that an entry
// at which the position stands is not known there any more.
func (s *Store) read(ctx context.Context, at, heads position, limit int) (pieces []piece, lost bool, err error) {
	for p := range partitions {
		if heads[p] != at[p] {
			pieces = append(pieces, piece{partition: p, head: heads[p]})
		}
	}
	if len(pieces) == 0 {
		return nil, false, nil
	}
	// A share of the page of each, so that long logs are not read 64 times over.
	count := min(limit, 4*limit/len(pieces)+1)
	calls := make([]call, len(pieces))
	for i, piece := range pieces {
		p := piece.partition
		calls[i] = call{logScript, []string{s.layout.log(p)}, []string{at[p].String(), strconv.Itoa(count)}}
	}
	for i, r := range s.doAll(ctx, calls) {
		known, err := pieces[i].fill(r)
		if err != nil {
			return nil, false, err
		}
		lost = lost || !known
		pieces[i].more = pieces[i].cut(count)
	}
	return pieces, lost, nil
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
	e = entry{id, token.Revocation{
		Kind: f.FieldValues["k"], ID: f.FieldValues["i"], Reason: f.FieldValues["r"],
		NotBefore: fromSeconds(nb), At: time.UnixMilli(at).UTC(),
	}}
	if e.Kind == token.KindSession {
		e.ID = sidText(e.ID)
	}
	return e, ok && err == nil && nbErr == nil
}

// merge puts the pieces in one order, as far as they reach: behind the last entry
// of a piece that has more, entries may come that were not read.
func merge(at position, pieces []piece, limit int) (page pawl.RevocationPage) {
	type placed struct {
		entry
		partition int
	}
	var all []placed
	reach := ^uint64(0)
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
	for _, e := range all {
		if page.More = len(page.Entries) == limit || e.id.micros > reach; page.More {
			break
		}
		at[e.partition] = e.id
		e.Cursor = at.String()
		page.Entries = append(page.Entries, e.Revocation)
	}
	page.More = page.More || reach != ^uint64(0)
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
