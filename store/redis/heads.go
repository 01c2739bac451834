package redis

import (
	"context"
	"time"

	"github.com/redis/rueidis"
)

var headsScript = newScript("heads")

// lookPatience is how long a look at a Cluster waits for a primary that does not
// answer: the logs of the others are read as well.
const lookPatience = time.Second

func (s *Store) clustered() bool { return s.client.Mode() == rueidis.ClientModeCluster }

// getAll reads keys, one of each partition: by one script, where the server has no
// slots. In a Cluster a replica refuses any read.
func (s *Store) getAll(ctx context.Context, keys []string, errs *[partitions]error) (texts [partitions]string) {
	if s.clustered() {
		return s.getEach(ctx, keys, errs)
	}
	all, err := s.do(ctx, call{headsScript, keys, nil}).ToArray()
	if err == nil && len(all) != len(keys) {
		err = errDamaged
	}
	for p := range texts {
		if errs[p] = fault(err); err == nil {
			texts[p] = bytesOf(all[p])
		}
	}
	return texts
}

func (s *Store) getEach(ctx context.Context, keys []string, errs *[partitions]error) (texts [partitions]string) {
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	b := s.client.B()
	commands := make([]rueidis.Completed, len(keys))
	for p, key := range keys {
		commands[p] = b.Get().Key(key).Build()
	}
	for p, r := range s.client.DoMulti(ctx, commands...) {
		text, err := r.ToString()
		texts[p], errs[p] = text, fault(ignoreNil(err))
	}
	return texts
}
