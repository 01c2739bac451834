package redis

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/rueidis"
)

var witnessScript = newScript("witness")

// Ends wait for replicas, so that a primary that is lost right after the answer
// does not take them with it. WAIT holds up its connection, so these have their own.

// replicated runs a script that ends something, and waits until replicas have it.
// Where the script finds the end made already it waits all the same: the first
// answer may have been lost before a replica had it. WAIT covers all that the
// primary had written when the connection last wrote; Redis takes any command for
// a write there, and Valkey does not, so that each of these scripts writes.
func (s *Store) replicated(ctx context.Context, p int, c call) rueidis.RedisResult {
	if err := ctx.Err(); err != nil {
		return rueidis.NewErrorResult(err)
	}
	if !s.waits() {
		return s.do(ctx, c)
	}
	r, awaited := s.here(ctx, c)
	if elsewhere(r.Error()) { // so nothing was done; the client knows the way
		if r = s.do(ctx, c); r.Error() == nil {
			awaited = s.awaitPartition(ctx, p)
		}
	}
	if awaited != nil {
		return rueidis.NewErrorResult(awaited)
	}
	return r
}

func (s *Store) waits() bool { return s.o.ReplicaWait > 0 }

// here runs a script at the node that the client takes for the right one, and
// waits.
func (s *Store) here(ctx context.Context, c call) (r rueidis.RedisResult, awaited error) {
	conn, put := s.client.Dedicate()
	defer put()
	both := conn.DoMulti(ctx, c.bySHA(conn.B()), conn.B().Role().Build())
	if unknownScript(both[0].Error()) {
		both[0] = conn.Do(ctx, c.byText(conn.B()))
	}
	s.noticeDemoted(both[0].Error())
	if both[0].Error() == nil {
		awaited = s.await(ctx, conn, both[1])
	}
	return both[0], awaited
}

// elsewhere holds where another node of the cluster has the slot by now, or will
// have it.
func elsewhere(err error) bool {
	e, ok := rueidis.IsRedisErr(err)
	if !ok {
		return false
	}
	_, to := e.IsMoved()
	_, ask := e.IsAsk()
	return to || ask || e.IsTryAgain()
}

// awaitPartition waits until replicas have what was written in a partition on
// whatever connection. The primary that has it need not be the one that the client
// takes for it: its slot may be moving.
func (s *Store) awaitPartition(ctx context.Context, p int) error {
	if !s.waits() {
		return nil
	}
	conn, put := s.client.Dedicate()
	err, awaited := s.awaitAt(ctx, conn, p, false)
	put()
	for tries := 0; elsewhere(err) && tries < moveTries; tries++ {
		if err, awaited = s.awaitAsked(ctx, p, err); !elsewhere(err) {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(movePause):
		}
	}
	if err != nil {
		return s.acknowledged(ctx, 0, int64(max(s.o.Replicas, 1)), err)
	}
	return awaited
}

// awaitAsked waits at the node to which the answer err leads, or else at the one
// that the client takes for the right one by now.
func (s *Store) awaitAsked(ctx context.Context, p int, err error) (refused, awaited error) {
	e, _ := rueidis.IsRedisErr(err)
	addr, ask := e.IsAsk()
	if !ask {
		addr, _ = e.IsMoved()
	}
	client := s.client
	if node := s.client.Nodes()[addr]; node != nil {
		client = node
	}
	conn, put := client.Dedicate()
	defer put()
	return s.awaitAt(ctx, conn, p, ask)
}

// awaitAt waits at one node: refused is why it does not have the partition.
func (s *Store) awaitAt(ctx context.Context, conn rueidis.DedicatedClient, p int, asking bool) (refused, awaited error) {
	b := conn.B()
	if asking {
		if err := conn.Do(ctx, b.Asking().Build()).Error(); err != nil {
			return err, nil
		}
	}
	write := call{witnessScript, []string{s.layout.everyone(p)}, nil}
	both := conn.DoMulti(ctx, write.byText(b), b.Role().Build())
	if err := both[0].Error(); err != nil {
		return err, nil
	}
	return nil, s.await(ctx, conn, both[1])
}

// connected reads from the answer to ROLE how many replicas are connected.
func connected(role rueidis.RedisResult) (int, error) {
	r, err := role.ToArray()
	if err != nil {
		return 0, err
	}
	if len(r) < 3 {
		return 0, errDamaged
	}
	list, err := r[2].ToArray()
	return len(list), err
}

// await waits until as many replicas as wanted have what this connection has seen
// written: one, if any is connected, where the operator does not say how many there
// are.
func (s *Store) await(ctx context.Context, conn rueidis.DedicatedClient, role rueidis.RedisResult) error {
	want := int64(s.o.Replicas)
	var err error
	if want == 0 {
		var have int
		have, err = connected(role)
		want = int64(min(have, 1))
	}
	have := int64(0)
	if want > 0 {
		// The client sets no time limit for a command that blocks, and a server that
		// hangs never answers one.
		ctx, cancel := context.WithTimeout(ctx, s.o.ReplicaWait+patience)
		defer cancel()
		have, err = conn.Do(ctx, conn.B().Wait().Numreplicas(want).Timeout(s.o.ReplicaWait.Milliseconds()).Build()).AsInt64()
	}
	return s.acknowledged(ctx, have, want, err)
}

// acknowledged counts ends that were not acknowledged, and logs when that begins
// and when it is over. They are errors where the operator says how many replicas
// there are.
func (s *Store) acknowledged(ctx context.Context, have, want int64, err error) error {
	behind := err != nil || have < want
	if behind {
		s.unacknowledged.Add(1)
	}
	switch {
	case s.behind.Swap(behind) == behind:
	case behind:
		s.o.Log.LogAttrs(ctx, slog.LevelWarn, "replicas have not acknowledged an end in time: it is lost if the primary is lost now",
			slog.Int64("have", have), slog.Int64("want", want), slog.Any("error", err))
	default:
		s.o.Log.LogAttrs(ctx, slog.LevelInfo, "replicas acknowledge ends again", slog.Int64("have", have))
	}
	switch {
	case !behind || s.o.Replicas == 0:
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("%d of %d replicas have acknowledged an end in %v: it stands, but is lost if the primary is lost now; "+
		"see to the replicas, or lower replicas in the URL, and repeat the end, which waits again", have, want, s.o.ReplicaWait)
}

// Unacknowledged is how many ends did not get the acknowledgement of as many
// replicas as they waited for.
func (s *Store) Unacknowledged() uint64 { return s.unacknowledged.Load() }
