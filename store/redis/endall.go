package redis

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/pawlauth/pawl"
)

var (
	bumpScript   = newScript("bump")
	levelScript  = newScript("level")
	strikeScript = newScript("strike")
)

// EndAll implements [pawl.SessionStore]. Everyone's mark lies in each partition,
// beside the sessions that it ends: one step over all of them there cannot be. It
// moves in each, then it is made the same in each, with an entry in that
// partition's log. The first step notes what was begun and the last one strikes it
// out: [Store.Sweep] finishes what was cut short.
func (s *Store) EndAll(ctx context.Context, reason string, at time.Time) (pawl.Mark, error) {
	begun, err := s.Now(ctx)
	if err != nil {
		return pawl.Mark{}, err
	}
	note := strings.Join([]string{decimal(millis(begun)), decimal(millis(at)), reason, newTag()}, " ")
	marks, err := s.bump(ctx, note, reason, at)
	if err != nil {
		return pawl.Mark{}, err
	}
	return s.level(ctx, marks, reason, begun, at)
}

// level makes everyone's mark the same in each partition: the highest. Then the end
// is complete, and what was noted of it is struck out.
func (s *Store) level(ctx context.Context, marks [partitions]pawl.Mark, reason string, begun, at time.Time) (pawl.Mark, error) {
	mark := pawl.Mark{Reason: reason}
	for _, m := range marks {
		mark.Version, mark.NotBefore = max(mark.Version, m.Version), later(mark.NotBefore, m.NotBefore)
	}
	if mark.Version > 0 { // a fail-over can leave a note alone
		if err := s.raiseTo(ctx, mark, at); err != nil {
			return pawl.Mark{}, err
		}
	}
	strike := call{strikeScript, []string{s.layout.ending(), s.layout.everyone(home)}, []string{decimal(millis(begun))}}
	return mark, fault(s.replicated(ctx, home, strike).Error())
}

// raiseTo moves everyone's mark in each partition to the one given, and logs it
// there.
func (s *Store) raiseTo(ctx context.Context, mark pawl.Mark, at time.Time) error {
	return s.everywhere(ctx, home, func(p int) call {
		return call{levelScript, s.everyoneKeys(p), []string{
			s.layout.channel(), newTag(), decimal(mark.Version), decimal(seconds(mark.NotBefore)), mark.Reason, decimal(millis(at)),
		}}
	}, func(_ int, r rueidis.RedisResult) (bool, error) { return true, r.Error() })
}

// everyoneKeys are what a script needs that moves everyone's mark in a partition.
func (s *Store) everyoneKeys(p int) []string {
	return []string{s.layout.everyone(p), s.layout.log(p), s.layout.head(p)}
}

// bump moves everyone's mark in each partition: from then on no sign-in passes
// that has seen the mark before. The home partition, with the note, comes first.
func (s *Store) bump(ctx context.Context, note, reason string, at time.Time) (marks [partitions]pawl.Mark, err error) {
	moved := func(p int, r rueidis.RedisResult) (bool, error) {
		packed, err := r.ToString()
		if err == nil {
			marks[p], err = readMark(packed)
		}
		return true, err
	}
	args := []string{decimal(seconds(at)), reason}
	noted := call{bumpScript, []string{s.layout.everyone(home), s.layout.ending()}, append(args[:2:2], note)}
	if _, err := moved(home, s.replicated(ctx, home, noted)); err != nil {
		return marks, fault(err)
	}
	return marks, s.everywhere(ctx, home+1, func(p int) call {
		return call{bumpScript, []string{s.layout.everyone(p)}, args}
	}, moved)
}

// everywhere runs a script in each partition from the first on. take takes what it
// answers there, and says whether it has written, so that replicas must have it.
func (s *Store) everywhere(ctx context.Context, first int, c func(p int) call, take func(p int, r rueidis.RedisResult) (bool, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var calls []call
	for p := first; p < partitions; p++ {
		calls = append(calls, c(p))
	}
	var errs [partitions]error
	var due []int
	for i, r := range s.doAll(ctx, calls) {
		p := first + i
		wrote, err := take(p, r)
		errs[p] = fault(err)
		if err == nil && (wrote || s.o.Replicas > 0) {
			due = append(due, p)
		}
	}
	s.awaitPartitions(ctx, due, &errs)
	return joined(errs[:])
}

// awaitPartitions is awaitPartition for several, some at a time. One server has them
// all.
func (s *Store) awaitPartitions(ctx context.Context, due []int, errs *[partitions]error) {
	if !s.clustered() && len(due) > 0 {
		due = due[:1]
	}
	const workers = 8
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(due); i += workers {
				errs[due[i]] = fault(s.awaitPartition(ctx, due[i]))
			}
		})
	}
	wg.Wait()
}

// endingPatience is after how long an end of everyone's sessions counts as cut
// short.
const endingPatience = 30 * time.Second

// finishEndings completes ends of everyone's sessions that were cut short, or whose
// note a fail-over has brought back: as far as they came when they began. To begin
// them anew would end the sessions that began since.
func (s *Store) finishEndings(ctx context.Context, now time.Time) error {
	b := s.client.B()
	notes, err := s.client.Do(ctx, b.Hkeys().Key(s.layout.ending()).Build()).AsStrSlice()
	if err != nil || len(notes) == 0 {
		return fault(err)
	}
	for _, note := range notes {
		begun, at, reason, ok := parseNote(note)
		if !ok || now.Sub(begun) < endingPatience {
			continue
		}
		marks, err := s.everyonesMarks(ctx)
		if err != nil {
			return err
		}
		if _, err := s.level(ctx, marks, reason, begun, at); err != nil {
			return err
		}
		s.o.Log.Warn("an end of everyone's sessions had been cut short, and was finished now", "reason", reason, "begun", begun)
	}
	return nil
}

// everyonesMarks returns everyone's mark in each partition; the zero mark where
// nothing was ended.
func (s *Store) everyonesMarks(ctx context.Context) (marks [partitions]pawl.Mark, err error) {
	var asked rueidis.Commands
	for p := range partitions {
		asked = append(asked, s.client.B().Hget().Key(s.layout.everyone(p)).Field("m").Build())
	}
	for p, r := range s.client.DoMulti(ctx, asked...) {
		packed, err := r.ToString()
		if err != nil && !rueidis.IsRedisNil(err) {
			return marks, fault(err)
		}
		if marks[p], err = readMark(packed); err != nil {
			return marks, err
		}
	}
	return marks, nil
}

func parseNote(note string) (begun, at time.Time, reason string, ok bool) {
	parts := strings.Split(note, " ")
	if len(parts) != 4 {
		return begun, at, "", false
	}
	b, err := strconv.ParseInt(parts[0], 10, 64)
	a, atErr := strconv.ParseInt(parts[1], 10, 64)
	return time.UnixMilli(b), time.UnixMilli(a), parts[2], err == nil && atErr == nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
