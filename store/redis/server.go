package redis

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// Now is the time by the server's clock, of the one that holds what the partitions
// have in common.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	if err := ctx.Err(); err != nil {
		return time.Time{}, err
	}
	r, err := s.do(ctx, call{timeScript, []string{s.layout.lease()}, nil}).AsStrSlice()
	if err != nil {
		return time.Time{}, fault(err)
	}
	if len(r) != 2 {
		return time.Time{}, errDamaged
	}
	sec, secErr := strconv.ParseInt(r[0], 10, 64)
	micros, err := strconv.ParseInt(r[1], 10, 64)
	if secErr != nil || err != nil {
		return time.Time{}, errDamaged
	}
	return time.Unix(sec, micros*1000).UTC(), nil
}

var timeScript = newScript("time")

// Stats gives how much memory the servers use, in bytes, of all primaries
// together and with whatever else they hold. Nothing waits in this process.
func (s *Store) Stats() (waiting int, bytes int64) {
	for _, i := range s.inform(context.Background(), "memory", "replication") {
		if i.err == nil && info(i.text, "role") != "slave" {
			used, _ := strconv.ParseInt(info(i.text, "used_memory"), 10, 64)
			bytes += used
		}
	}
	return 0, bytes
}

// info gives a field of the answer to INFO.
func info(text, name string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// check refuses servers that cannot do, and warns of those that would lose what
// they are given.
func (s *Store) check(ctx context.Context) error {
	if _, err := s.Now(ctx); err != nil {
		return err
	}
	for addr, i := range s.inform(ctx, "server", "memory", "stats", "persistence", "replication", "keyspace") {
		switch {
		case refusesInfo(i.err):
			return fmt.Errorf("redis: %s does not answer INFO (%w): grant the user +info, by which Pawl sees whether the server evicts what ended sessions", addr, i.err)
		case i.err != nil: // another node of a cluster may be away
			continue
		}
		if err := s.checkServer(addr, i.text); err != nil {
			return err
		}
	}
	return nil
}

// refusesInfo holds where the user may not ask, or the command is hidden.
func refusesInfo(err error) bool {
	e, ok := rueidis.IsRedisErr(err)
	return ok && (strings.HasPrefix(e.Error(), "NOPERM") || strings.Contains(e.Error(), "unknown command"))
}

func (s *Store) checkServer(addr, text string) error {
	if major, _ := strconv.Atoi(strings.Split(info(text, "redis_version"), ".")[0]); major < 7 {
		return fmt.Errorf("redis: %s is Redis %s; Pawl needs 7.0 or later", addr, info(text, "redis_version"))
	}
	if err := s.firstEviction(addr, text); err != nil {
		return err
	}
	if info(text, "aof_enabled") == "0" {
		s.o.Log.Warn("Redis writes no append-only file: a crash loses what was written since its last snapshot. Set appendonly yes", "server", addr)
	}
	return nil
}
