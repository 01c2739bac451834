package redis

import (
	"context"
	"log/slog"

	"github.com/redis/rueidis"
)

// replicated runs a script that ends something, and waits a moment for replicas
// to have it: a primary that is lost right after the answer shall not take the
// end with it. WAIT holds up its connection, so these have their own.
func (s *Store) replicated(ctx context.Context, c call) rueidis.RedisResult {
	if err := ctx.Err(); err != nil {
		return rueidis.NewErrorResult(err)
	}
	if s.o.ReplicaWait < 0 {
		return s.do(ctx, c)
	}
	conn, put := s.client.Dedicate()
	defer put()
	r := conn.DoMulti(ctx, c.bySHA(conn.B()), conn.B().Role().Build())
	if unknownScript(r[0].Error()) {
		r[0] = conn.Do(ctx, c.byText(conn.B()))
	}
	if moved(r[0].Error()) || halfMoved(r[0].Error()) { // so nothing was done; the client knows the way
		return s.do(ctx, c)
	}
	if r[0].Error() == nil {
		s.await(ctx, conn, r[1])
	}
	return r[0]
}

// moved holds where another node of the cluster has the slot by now.
func moved(err error) bool {
	e, ok := rueidis.IsRedisErr(err)
	if !ok {
		return false
	}
	_, to := e.IsMoved()
	_, ask := e.IsAsk()
	return to || ask
}

// replicas reads from the answer to ROLE how many are connected.
func replicas(role rueidis.RedisResult) (int, error) {
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

// await waits until as many replicas as wanted have what this connection wrote.
// The primary has it in any case: an end that waits for longer would be no end.
func (s *Store) await(ctx context.Context, conn rueidis.DedicatedClient, role rueidis.RedisResult) {
	connected, err := replicas(role)
	want := int64(min(connected, s.o.Replicas))
	have := int64(0)
	if want > 0 {
		have, err = conn.Do(ctx, conn.B().Wait().Numreplicas(want).Timeout(s.o.ReplicaWait.Milliseconds()).Build()).AsInt64()
	}
	s.acknowledged(ctx, have, want, err)
}

// acknowledged counts ends that were not acknowledged, and logs when that begins
// and when it is over.
func (s *Store) acknowledged(ctx context.Context, have, want int64, err error) {
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
}

// Unacknowledged is how many ends were answered without the acknowledgement of
// the replicas that were connected.
func (s *Store) Unacknowledged() uint64 { return s.unacknowledged.Load() }
