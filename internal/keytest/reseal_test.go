package keytest

import (
	"context"
	"fmt"
	mathrand "math/rand/v2"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
)

// reseal seals the keys under one master key and the other, in turns, until it
// is killed. It prints a line for each.
func (r role) reseal() error {
	ctx := context.Background()
	s, err := openStore(ctx, r.Database)
	if err != nil {
		return err
	}
	var masters []pawl.MasterKey
	for _, text := range r.Reseal {
		m, err := pawl.ParseMasterKey(text)
		if err != nil {
			return err
		}
		masters = append(masters, m)
	}
	for i := 0; ; i++ {
		n, err := pawl.KeyAdmin{Store: s, MasterKey: masters[i%2]}.Reseal(ctx, masters[(i+1)%2])
		if err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// SECURITY 20: whenever a change of the master key is killed, one of the two
// opens every key.
func TestResealKilled(t *testing.T) { eachEngine(t, resealKilled) }

func resealKilled(t *testing.T, database string) {
	kills := 8
	if long() {
		kills = 60
	}
	h := newHouse(t, database, pawl.KeyPolicy{}, pawl.Policy{})
	for range 10 {
		h.add(pawl.UseAccess)
		h.add(pawl.UseRefresh)
	}
	masters := []pawl.MasterKey{h.MasterKey, pawl.NewMasterKey()}
	found := []int{0, 0}
	for range kills {
		r := h.role
		i := h.opener(masters)
		r.Reseal = []string{masters[i].Text(), masters[1-i].Text()}
		cmd, out := process(t, r)
		if _, err := out.ReadString('\n'); err != nil {
			t.Fatal("the process did not begin:", err)
		}
		time.Sleep(mathrand.N(20 * time.Millisecond)) // killed at any moment
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // a killed process says so
		found[h.opener(masters)]++
	}
	t.Attr("killed", fmt.Sprintf("%d times; the one master key opened every key %d times, the other %d times", kills, found[0], found[1]))
}

// add adds a key, a publish period after the one before.
func (h *house) add(use string) {
	h.t.Helper()
	if _, added, err := h.Rotate(h.t.Context(), use); err != nil || !added {
		h.t.Fatal(added, err)
	}
	now := h.Now
	if now == nil {
		now = time.Now
	}
	h.Now = func() time.Time { return now().Add(11 * time.Minute) }
}

// opener is which of the master keys opens every key: exactly one of them.
func (h *house) opener(masters []pawl.MasterKey) int {
	h.t.Helper()
	var which []int
	for i, m := range masters {
		a := h.KeyAdmin
		a.MasterKey = m
		if n, err := a.Reseal(h.t.Context(), m); err == nil && n == 0 { // under the same: it only looks
			which = append(which, i)
		}
	}
	if len(which) != 1 {
		h.t.Fatalf("%d of the two master keys open every key", len(which))
	}
	return which[0]
}
