package redis

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pawlauth/pawl"
)

var countScript = newScript("count")

// walkStep is how many users a walk looks at in one round trip, and by one script.
const walkStep = 16

// Scan implements [pawl.SessionStore]. A cursor is the partition, the entry in
// the register of the user of the last session given, and that session.
func (s *Store) Scan(ctx context.Context, after string, limit int) (pawl.SessionPage, error) {
	return s.scan(ctx, after, limit, false)
}

// ScanRecords implements [pawl.RecordScanner].
func (s *Store) ScanRecords(ctx context.Context, after string, limit int) (pawl.SessionPage, error) {
	return s.scan(ctx, after, limit, true)
}

func (s *Store) scan(ctx context.Context, after string, limit int, ended bool) (pawl.SessionPage, error) {
	page := pawl.SessionPage{Cursor: after}
	at, ok := parseScan(after)
	if !ok {
		return page, pawl.ErrNotFound
	}
	limit = max(limit, 1)
	for at.partition < partitions {
		users, err := s.next(ctx, at, min(limit, walkStep))
		if err != nil {
			return pawl.SessionPage{}, err
		}
		if len(users) == 0 {
			at = place{partition: at.partition + 1}
			continue
		}
		full, err := s.scanUsers(ctx, &page, at, users, limit, ended)
		if err != nil {
			return pawl.SessionPage{}, err
		}
		if full {
			break
		}
		at = place{partition: at.partition, entry: users[len(users)-1].entry}
	}
	return page, nil
}

// scanUsers adds the users' sessions to the page, until it is full.
func (s *Store) scanUsers(ctx context.Context, page *pawl.SessionPage, at place, users []registered, limit int, ended bool) (full bool, err error) {
	calls := make([]call, len(users))
	for i, u := range users {
		calls[i] = s.listCall(u.user)
	}
	for i, r := range s.doAll(ctx, calls) {
		u := users[i]
		list, mark, entry, err := readUser(u.user, r, ended)
		if err != nil {
			return false, err
		}
		if entry != u.entry {
			continue // the hash is gone, or was made anew and is met further on
		}
		slices.SortFunc(list, func(a, b pawl.Session) int { return cmp.Compare(a.ID, b.ID) })
		for _, rec := range list {
			if u.entry == at.entry && rec.ID <= at.session {
				continue
			}
			if len(page.Sessions) == limit {
				page.More = true
				return true, nil
			}
			page.Sessions = append(page.Sessions, pawl.MarkedSession{Session: rec, Mark: mark})
			page.Cursor = fmt.Sprintf("%d.%s.%s", at.partition, u.entry, rec.ID)
		}
	}
	return false, nil
}

func parseScan(cursor string) (at place, ok bool) {
	if cursor == "" {
		return at, true
	}
	parts := strings.Split(cursor, ".")
	if len(parts) != 3 || !validEntry(parts[1]) {
		return at, false
	}
	p, err := strconv.Atoi(parts[0])
	_, sidErr := sidBytes(parts[2])
	return place{p, parts[1], parts[2]}, err == nil && sidErr == nil && 0 <= p && p < partitions
}

// CountLive implements [pawl.SessionStore].
func (s *Store) CountLive(ctx context.Context, now time.Time) (n int, err error) {
	for at := (place{}); at.partition < partitions; {
		users, err := s.next(ctx, at, walkStep)
		if err != nil {
			return 0, err
		}
		if len(users) == 0 {
			at = place{partition: at.partition + 1}
			continue
		}
		keys, args := []string{s.layout.everyone(at.partition)}, []string{decimal(millis(now))}
		for _, u := range users {
			keys, args = append(keys, s.layout.user(u.user)), append(args, u.entry)
		}
		live, err := s.do(ctx, call{countScript, keys, args}).AsInt64()
		if err != nil {
			return 0, fault(err)
		}
		n += int(live)
		at.entry = users[len(users)-1].entry
	}
	return n, nil
}
