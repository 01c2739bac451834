package redis_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/servertest"
	"github.com/pawlauth/pawl/store/redis"
)

// SECURITY 29: an end is answered when a replica has it, or when the wait is over.
func TestEndsWaitForAReplica(t *testing.T) {
	t.Parallel()
	servers := servertest.StartSentinel(t, 1)
	servers.DownAfter(time.Minute)
	replica := servers.Nodes[1]
	var log bytes.Buffer
	s, err := redis.Open(t.Context(), servers.URL, redis.Options{ReplicaWait: 5 * time.Second, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range 20 {
		end(t, s, create(t, s, "u").SessionKey)
		if have := replica.Do("XLEN", replica.Do("KEYS", "*}log")); have != strconv.Itoa(i+1) {
			t.Fatalf("of %d ends that were answered the replica has %q", i+1, have)
		}
	}
	if n := s.Unacknowledged(); n != 0 || log.Len() != 0 {
		t.Errorf("%d were not acknowledged: %s", n, log.String())
	}

	quick, err := redis.Open(t.Context(), servers.URL, redis.Options{ReplicaWait: 10 * time.Millisecond, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer quick.Close()
	replica.Signal(syscall.SIGSTOP)
	for range 2 {
		end(t, quick, create(t, quick, "u").SessionKey)
	}
	if _, _, err := quick.EndUser(t.Context(), "u", "", api.ReasonDisabled, noon); err != nil {
		t.Error(err)
	}
	replica.Signal(syscall.SIGCONT)
	if n := quick.Unacknowledged(); n != 3 || strings.Count(log.String(), "not acknowledged") != 1 {
		t.Errorf("%d of 3 are said not to be acknowledged: %s", n, log.String())
	}
	servertest.Await(t, func() error { // again in time
		_, err := quick.EndAll(t.Context(), api.ReasonEndedByAdmin, noon)
		if err == nil && !strings.Contains(log.String(), "acknowledge ends again") {
			err = errors.New("not acknowledged yet")
		}
		return err
	})

	none, err := redis.Open(t.Context(), servers.URL, redis.Options{ReplicaWait: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer none.Close()
	replica.Signal(syscall.SIGSTOP)
	defer replica.Signal(syscall.SIGCONT)
	if _, _, err := none.EndUser(t.Context(), "u", "", api.ReasonDisabled, noon); err != nil || none.Unacknowledged() != 0 {
		t.Error(err, none.Unacknowledged())
	}
	if _, mark, err := none.List(t.Context(), "u", pawl.ListPlace{}, 0); err != nil || mark == (pawl.Mark{}) {
		t.Error(mark, err)
	}
}
