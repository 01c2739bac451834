package redis

import (
	"context"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

const (
	watchEvery = time.Second
	// evictionEvery is at which of these looks the servers' eviction is looked at.
	evictionEvery = 10
)

// watch looks after what no call finds out: whether primaries have their replicas,
// and whether servers evict keys.
func (s *Store) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if s.o.Replicas > 0 {
			s.replicas.update(time.Now(), s.inform(ctx, "replication", "keyspace")) //nolint:forbidigo // spans of time by the node's own clock
		}
		if n%evictionEvery == 0 {
			s.lookAtEviction(s.inform(ctx, "memory", "stats"))
		}
	}
}

// informed is what a server answers to INFO.
type informed struct {
	text string
	err  error
}

// inform asks all servers, at the same time, so that one that does not answer holds
// up no other.
func (s *Store) inform(ctx context.Context, sections ...string) map[string]informed {
	ctx, cancel := context.WithTimeout(ctx, watchEvery)
	defer cancel()
	var mu sync.Mutex
	var asked sync.WaitGroup
	all := map[string]informed{}
	for addr, n := range s.client.Nodes() {
		asked.Go(func() {
			text, err := ask(ctx, n, sections)
			mu.Lock()
			defer mu.Unlock()
			all[addr] = informed{text, err}
		})
	}
	asked.Wait()
	return all
}

func ask(ctx context.Context, n rueidis.Client, sections []string) (string, error) {
	return n.Do(ctx, n.B().Info().Section(sections...).Build()).ToString()
}
