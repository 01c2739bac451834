package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/rueidis"
)

// advice is what a person can do about what the server says, by the first word.
var advice = map[string]string{
	"NOAUTH":      "; give the user and the password in the URL",
	"WRONGPASS":   "; check the user and the password in the URL",
	"NOPERM":      "; grant the user what docs/redis.md lists",
	"OOM":         "; its memory is full: raise maxmemory",
	"READONLY":    "; it is a replica: a fail-over is under way, or the address is not the primary's",
	"LOADING":     "; it has just started and reads its data",
	"CLUSTERDOWN": "; slots of the cluster have no primary",
	"MISCONF":     "; it cannot write its data to disk: check the disk, and whether that is full",
	"NOREPLICAS":  "; min-replicas-to-write is not met",
	"BUSY":        "; a script of somebody else's keeps it from answering",
}

// fault says whose error it is and what can be done about it. Ends of contexts
// stay as they are. Whatever it is, nothing is known of the outcome.
func fault(err error) error {
	if err == nil || errors.Is(err, errDamaged) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if e, ok := rueidis.IsRedisErr(err); ok {
		word, _, _ := strings.Cut(e.Error(), " ")
		return fmt.Errorf("redis: %w%s", err, advice[word])
	}
	return fmt.Errorf("redis: %w", err)
}

// joined is all of the errors, and says once what several partitions have.
func joined(errs []error) error {
	var all []error
	said := map[string]bool{}
	for _, err := range errs {
		if err != nil && !said[err.Error()] {
			said[err.Error()] = true
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// unreachable says what can be done where there is no connection at all.
func unreachable(addresses []string, err error) error {
	if _, ok := rueidis.IsRedisErr(err); ok {
		return fault(err)
	}
	return fmt.Errorf("redis: cannot connect to %s: %w; check the address, and whether the server speaks TLS (rediss://) or not (redis://)",
		strings.Join(addresses, ", "), err)
}
