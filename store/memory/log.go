package memory

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pawlauth/pawl"
)

// revocationLog numbers its entries from 1. A cursor is "<epoch>:<number>".
type revocationLog struct {
	epoch string

	mu      sync.Mutex
	last    uint64
	entries []logEntry // by number
}

type logEntry struct {
	number uint64
	pawl.LoggedEnd
}

func (l *revocationLog) add(e pawl.LoggedEnd) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	e.Cursor = l.cursor(l.last)
	l.entries = append(l.entries, logEntry{l.last, e})
}

func (l *revocationLog) cursor(number uint64) string {
	return l.epoch + ":" + strconv.FormatUint(number, 10)
}

// position reads a cursor; ok is false for one that this log did not give.
func (l *revocationLog) position(cursor string) (number uint64, ok bool) {
	number, ok = parseCursor(l.epoch, cursor)
	if !ok || number > l.last {
		return 0, false
	}
	return number, true
}

// parseCursor reads a cursor; ok is false for one of another store.
func parseCursor(epoch, cursor string) (number uint64, ok bool) {
	own, text, _ := strings.Cut(cursor, ":")
	number, err := strconv.ParseUint(text, 10, 63)
	if own != epoch || err != nil {
		return 0, false
	}
	return number, true
}

// Revocations implements [pawl.SessionStore].
func (s *Store) Revocations(ctx context.Context, after string, limit int) (pawl.RevocationPage, error) {
	if err := ctx.Err(); err != nil {
		return pawl.RevocationPage{}, err
	}
	limit = max(limit, 1)
	l := &s.log
	l.mu.Lock()
	defer l.mu.Unlock()
	number, known := l.position(after)
	start, _ := slices.BinarySearchFunc(l.entries, number+1, func(e logEntry, n uint64) int {
		return int(int64(e.number) - int64(n))
	})
	rest := l.entries[start:]
	page := pawl.RevocationPage{Reset: !known, More: len(rest) > limit}
	for _, e := range rest[:min(limit, len(rest))] {
		page.Entries = append(page.Entries, e.LoggedEnd)
		number = e.number
	}
	page.Cursor = l.cursor(number)
	return page, nil
}

// forget deletes at most limit entries written before the given time.
func (l *revocationLog) forget(before time.Time, limit int) (deleted int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = slices.DeleteFunc(l.entries, func(e logEntry) bool {
		due := deleted < limit && e.At.Before(before)
		if due {
			deleted++
		}
		return due
	})
	return deleted
}
