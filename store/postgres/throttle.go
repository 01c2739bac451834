package postgres

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pawlauth/pawl"
)

// Take implements [pawl.Throttle]. Callers who share a bucket take turns, on
// whatever nodes they are.
func (s *Store) Take(ctx context.Context, now time.Time, tries ...pawl.Try) (retry time.Duration, err error) {
	s.forgetPassed(ctx, now)
	err = s.transacting(ctx, func(ctx context.Context, tx pgx.Tx) error {
		drained, err := lockTries(ctx, tx, tries)
		if err != nil {
			return err
		}
		refused := map[pawl.ThrottleKey]time.Time{}
		retry = 0
		for _, try := range tries {
			next, wait := try.Rate.Take(drained[try.Key], now)
			if wait > 0 {
				refused[try.Key] = next
			}
			retry = max(retry, wait)
		}
		if retry > 0 {
			return keepTries(ctx, tx, refused)
		}
		for _, try := range tries {
			drained[try.Key], _ = try.Rate.Take(drained[try.Key], now)
		}
		return keepTries(ctx, tx, drained)
	})
	return retry, err
}

// GiveBack implements [pawl.Throttle].
func (s *Store) GiveBack(ctx context.Context, _ time.Time, tries ...pawl.Try) error {
	return s.transacting(ctx, func(ctx context.Context, tx pgx.Tx) error {
		drained, err := lockTries(ctx, tx, tries)
		if err != nil {
			return err
		}
		for _, try := range tries {
			if at, ok := drained[try.Key]; ok {
				drained[try.Key] = try.Rate.GiveBack(at)
			}
		}
		return keepTries(ctx, tx, drained)
	})
}

// lockTries locks the buckets, in an order of their own so that no two callers
// wait for each other, and gives the state of those that there are.
func lockTries(ctx context.Context, tx pgx.Tx, tries []pawl.Try) (map[pawl.ThrottleKey]time.Time, error) {
	locks := make([]int32, len(tries))
	keys := make([][]byte, len(tries))
	for i, try := range tries {
		locks[i], keys[i] = lockOf(string(try.Key[:])), bytes.Clone(try.Key[:])
	}
	slices.Sort(locks)
	b := &pgx.Batch{}
	for _, l := range slices.Compact(locks) {
		b.Queue(takeLock, lockTry, l)
	}
	drained := map[pawl.ThrottleKey]time.Time{}
	b.Queue(`SELECT key, drained FROM pawl.throttle_tries WHERE key = ANY($1)`, keys).Query(func(rows pgx.Rows) error {
		var key text
		var at number
		_, err := pgx.ForEachRow(rows, []any{&key, &at}, func() error {
			drained[pawl.ThrottleKey([]byte(key))] = fromMillis(at)
			return nil
		})
		return err
	})
	return drained, tx.SendBatch(ctx, b).Close()
}

const upsertTries = `INSERT INTO pawl.throttle_tries (key, drained) SELECT * FROM unnest($1::bytea[], $2::bigint[])
	ON CONFLICT (key) DO UPDATE SET drained = excluded.drained`

func keepTries(ctx context.Context, tx pgx.Tx, drained map[pawl.ThrottleKey]time.Time) error {
	if len(drained) == 0 {
		return nil
	}
	var keys [][]byte
	var at []int64
	for key, t := range drained {
		keys, at = append(keys, bytes.Clone(key[:])), append(at, millis(t))
	}
	_, err := tx.Exec(ctx, upsertTries, keys, at)
	return err
}

// Remember implements [pawl.Throttle].
func (s *Store) Remember(ctx context.Context, key pawl.ThrottleKey, _, until time.Time) error {
	return s.writing(ctx, func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, `INSERT INTO pawl.throttle_known AS k (key, until) VALUES ($1, $2)
			ON CONFLICT (key) DO UPDATE SET until = excluded.until WHERE k.until < excluded.until`, key[:], millis(until))
		return err
	})
}

// Remembers implements [pawl.Throttle].
func (s *Store) Remembers(ctx context.Context, key pawl.ThrottleKey, now time.Time) (known bool, err error) {
	err = s.reading(ctx, func(ctx context.Context, c *pgx.Conn) error {
		return c.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pawl.throttle_known WHERE key = $1 AND until > $2)`, key[:], millis(now)).Scan(&known)
	})
	return known, err
}

// forgetting is when this node last forgot what has passed.
type forgetting struct {
	mu   sync.Mutex
	last time.Time
}

const (
	forgetEvery = time.Minute
	forgetAfter = time.Hour // a clock that was set back a little finds its buckets
	forgetTries = `DELETE FROM pawl.throttle_tries WHERE key = ANY (ARRAY(
		SELECT key FROM pawl.throttle_tries WHERE drained < $1 LIMIT 10000 FOR UPDATE SKIP LOCKED))`
	forgetKnown = `DELETE FROM pawl.throttle_known WHERE key = ANY (ARRAY(
		SELECT key FROM pawl.throttle_known WHERE until < $1 LIMIT 10000 FOR UPDATE SKIP LOCKED))`
)

// forgetPassed deletes what counts no more, now and then. It is nobody's fault if
// that fails: the next one tries again.
func (s *Store) forgetPassed(ctx context.Context, now time.Time) {
	f := &s.forget
	f.mu.Lock()
	due := now.Sub(f.last) >= forgetEvery || now.Before(f.last)
	if due {
		f.last = now
	}
	f.mu.Unlock()
	if !due {
		return
	}
	_ = s.writing(ctx, func(ctx context.Context, c *pgx.Conn) error {
		b := &pgx.Batch{}
		b.Queue(forgetTries, millis(now.Add(-forgetAfter)))
		b.Queue(forgetKnown, millis(now.Add(-forgetAfter)))
		return c.SendBatch(ctx, b).Close()
	})
}
