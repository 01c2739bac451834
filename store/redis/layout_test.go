package redis

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pawlauth/pawl/internal/servertest"
)

func TestPartitionsAreSpreadEvenlyOverTheSlots(t *testing.T) {
	l := newLayout("p:")
	for p, tag := range l.tags {
		if got := int(slot(tag)) * partitions / slots; got != p {
			t.Errorf("partition %d has tag %q in slot %d", p, tag, slot(tag))
		}
	}
	if slot("123456789") != 0x31c3 {
		t.Error("not the checksum of the specification")
	}
	server := servertest.StartRedis(t, "--cluster-enabled", "yes")
	for _, p := range []int{0, 17, 63} {
		for _, key := range []string{l.everyone(p), l.head(p), l.key(p, "u:user {x}")} {
			if got := server.Do("CLUSTER", "KEYSLOT", key); got != fmt.Sprint(slot(l.tags[p])) {
				t.Errorf("the server places %q in %s", key, got)
			}
		}
	}
}

// What is stored depends on it: it must not change.
func TestTheLayoutIsFixed(t *testing.T) {
	l := newLayout("pawl:")
	for user, want := range map[string]string{"": "pawl:{23}u:", "ada": "pawl:{79}u:ada", "user-1": "pawl:{28}u:user-1"} {
		if got := l.user(user); got != want {
			t.Errorf("%q lies at %q, not %q", user, got, want)
		}
	}
}

func TestUsersAreSpread(t *testing.T) {
	var n [partitions]int
	for i := range 64_000 {
		n[partition(fmt.Sprint("user-", i))]++
	}
	if least, most := slices.Min(n[:]), slices.Max(n[:]); least < 800 || most > 1200 {
		t.Errorf("of 1,000 on average, %d to %d", least, most)
	}
}
