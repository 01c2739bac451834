package memory

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

// Scan implements [pawl.SessionStore]. It goes through the shards, and through
// each by user and id: a cursor is the shard and the last session given of it.
func (s *Store) Scan(ctx context.Context, after string, limit int) (pawl.SessionPage, error) {
	return s.scan(ctx, after, limit, false)
}

// ScanRecords implements [pawl.RecordScanner].
func (s *Store) ScanRecords(ctx context.Context, after string, limit int) (pawl.SessionPage, error) {
	return s.scan(ctx, after, limit, true)
}

func (s *Store) scan(ctx context.Context, after string, limit int, ended bool) (pawl.SessionPage, error) {
	page := pawl.SessionPage{Cursor: after}
	shard, key, ok := parseScan(s.log.epoch, after)
	if !ok {
		return page, pawl.ErrNotFound
	}
	for ; shard < shardCount; shard++ {
		if err := ctx.Err(); err != nil {
			return pawl.SessionPage{}, err
		}
		for _, rec := range s.inShard(shard, key, ended) {
			if len(page.Sessions) == max(limit, 1) {
				page.More = true
				return page, nil
			}
			page.Sessions = append(page.Sessions, rec)
			page.Cursor = fmt.Sprintf("%s.%d.%s.%s", s.log.epoch, shard, rec.ID, rec.User)
		}
		key = pawl.SessionKey{}
	}
	return page, nil
}

// inShard gives a shard's sessions behind the key.
func (s *Store) inShard(shard int, after pawl.SessionKey, ended bool) (list []pawl.MarkedSession) {
	s.everyone.mu.RLock()
	defer s.everyone.mu.RUnlock()
	sh := &s.shards[shard]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, a := range sh.accounts {
		for _, rec := range a.sessions {
			if (ended || rec.Ended.IsZero()) && compareKeys(rec.SessionKey, after) > 0 {
				list = append(list, pawl.MarkedSession{Session: *rec, Mark: a.mark.Later(s.everyone.mark)})
			}
		}
	}
	slices.SortFunc(list, func(a, b pawl.MarkedSession) int { return compareKeys(a.SessionKey, b.SessionKey) })
	return list
}

func compareKeys(a, b pawl.SessionKey) int {
	return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.ID, b.ID))
}

func parseScan(epoch, cursor string) (shard int, after pawl.SessionKey, ok bool) {
	if cursor == "" {
		return 0, after, true
	}
	parts := strings.SplitN(cursor, ".", 4) // a user may hold dots
	if len(parts) != 4 || parts[0] != epoch {
		return 0, after, false
	}
	shard, err := strconv.Atoi(parts[1])
	return shard, pawl.SessionKey{User: parts[3], ID: parts[2]}, err == nil && 0 <= shard && shard < shardCount
}

// CountLive implements [pawl.SessionStore].
func (s *Store) CountLive(ctx context.Context, now time.Time) (n int, err error) {
	for shard := range shardCount {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		for _, rec := range s.inShard(shard, pawl.SessionKey{}, false) {
			if rec.Live(rec.Mark, now) {
				n++
			}
		}
	}
	return n, nil
}
