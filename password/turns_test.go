package password

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// SECURITY 40, with real work: 200 callers, two at once, a queue of 50.
func TestSecurity40OverloadIsRefusedAndNeverMoreThanConcurrencyRun(t *testing.T) {
	h := newHasher(Options{Params: cheap, Concurrency: 2, Queue: 50, Wait: time.Minute})
	phc := mustHash(t, h, "right")
	var running, most, computed atomic.Int64
	h.computing = func(cost) {
		n := running.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		time.Sleep(time.Millisecond)
		computed.Add(1)
		running.Add(-1)
	}

	var okay, busy atomic.Int64
	var callers sync.WaitGroup
	start := make(chan struct{})
	for range 200 {
		callers.Go(func() {
			<-start
			switch ok, _, err := h.Verify(t.Context(), phc, "right"); {
			case ok && err == nil:
				okay.Add(1)
			case !ok && errors.Is(err, ErrBusy):
				busy.Add(1)
			default:
				t.Errorf("Verify = %v, %v", ok, err)
			}
		})
	}
	close(start)
	callers.Wait()

	if most.Load() > 2 {
		t.Errorf("%d ran at once, want at most 2", most.Load())
	}
	if okay.Load() < 52 || busy.Load() == 0 || okay.Load()+busy.Load() != 200 {
		t.Errorf("%d answered and %d refused, want 52 or more answered and the rest refused", okay.Load(), busy.Load())
	}
	if computed.Load() != okay.Load() {
		t.Errorf("%d computations for %d answers: a refusal must cost nothing", computed.Load(), okay.Load())
	}
	if running, waiting := h.Stats(); running != 0 || waiting != 0 {
		t.Errorf("afterwards %d run and %d wait", running, waiting)
	}
}

// inBubble runs f with a hasher whose computations take a second of fake time.
func inBubble(t *testing.T, o Options, f func(t *testing.T, h *Hasher)) {
	o.Params = cheap
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(o)
		h.computing = func(cost) { time.Sleep(time.Second) }
		f(t, h)
	})
}

func wantStats(t *testing.T, h *Hasher, running, waiting int) {
	t.Helper()
	synctest.Wait()
	if r, w := h.Stats(); r != running || w != waiting {
		t.Errorf("%d run and %d wait, want %d and %d", r, w, running, waiting)
	}
}

func TestSecurity40ExactlyTheQueueWaitsAndTheRestIsRefusedAtOnce(t *testing.T) {
	inBubble(t, Options{Concurrency: 2, Queue: 3, Wait: time.Minute}, func(t *testing.T, h *Hasher) {
		var answered sync.WaitGroup
		for range 5 {
			answered.Go(func() {
				if _, err := h.Hash(t.Context(), "pw"); err != nil {
					t.Error(err)
				}
			})
		}
		wantStats(t, h, 2, 3)
		before := time.Now()
		if _, err := h.Hash(t.Context(), "pw"); !errors.Is(err, ErrBusy) {
			t.Errorf("Hash: %v, want ErrBusy", err)
		}
		if _, _, err := h.Verify(t.Context(), "", "pw"); !errors.Is(err, ErrBusy) {
			t.Errorf("Verify: %v, want ErrBusy", err)
		}
		if waited := time.Since(before); waited != 0 {
			t.Errorf("refused after %v, want at once", waited)
		}
		answered.Wait()
		wantStats(t, h, 0, 0)
	})
}

func TestSecurity40NobodyWaitsLongerThanWait(t *testing.T) {
	inBubble(t, Options{Concurrency: 1, Wait: 700 * time.Millisecond}, func(t *testing.T, h *Hasher) {
		go h.Hash(t.Context(), "pw") //nolint:errcheck // it only occupies the turn
		wantStats(t, h, 1, 0)
		before := time.Now()
		_, err := h.Hash(t.Context(), "pw")
		if waited := time.Since(before); !errors.Is(err, ErrBusy) || errors.Is(err, context.DeadlineExceeded) || waited != 700*time.Millisecond {
			t.Errorf("%v after %v, want ErrBusy after 700ms", err, waited)
		}
		wantStats(t, h, 1, 0)
		time.Sleep(time.Second)
		if _, err := h.Hash(t.Context(), "pw"); err != nil {
			t.Errorf("once the turn is free: %v", err)
		}
	})
}

func TestSecurity40WaitersLeaveWhenTheirContextEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(context.Context) (context.Context, context.CancelFunc)
		want error
	}{
		{"cancelled", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(100*time.Millisecond, cancel)
			return ctx, cancel
		}, context.Canceled},
		{"deadline", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 100*time.Millisecond)
		}, context.DeadlineExceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, Options{Concurrency: 1, Queue: 1, Wait: time.Minute}, func(t *testing.T, h *Hasher) {
				go h.Hash(t.Context(), "pw") //nolint:errcheck // it only occupies the turn
				wantStats(t, h, 1, 0)
				ctx, cancel := c.end(t.Context())
				defer cancel()
				before := time.Now()
				_, _, err := h.Verify(ctx, "", "pw")
				if !errors.Is(err, ErrBusy) || !errors.Is(err, c.want) || time.Since(before) != 100*time.Millisecond {
					t.Errorf("%v after %v", err, time.Since(before))
				}
				wantStats(t, h, 1, 0)
				if _, err := h.Hash(t.Context(), "pw"); err != nil {
					t.Errorf("the place that became free: %v", err)
				}
			})
		})
	}
}

func TestContextThatHasEndedComputesNothing(t *testing.T) {
	h := cheapHasher()
	computed := record(h)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Hash(ctx, "pw"); !errors.Is(err, ErrBusy) || !errors.Is(err, context.Canceled) {
		t.Errorf("Hash: %v", err)
	}
	if _, _, err := h.Verify(ctx, "", "pw"); !errors.Is(err, ErrBusy) || !errors.Is(err, context.Canceled) {
		t.Errorf("Verify: %v", err)
	}
	if got := computed(); len(got) != 0 {
		t.Errorf("computed %v", got)
	}
}

func TestTurnsAreGivenInOrderOfArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(2, 10, time.Minute)
		var mu sync.Mutex
		var order []int
		for i, weight := range []int{1, 1, 2, 1, 1} { // the third needs both, the fourth must not overtake
			go func() {
				done, err := turns.take(t.Context(), weight)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
				time.Sleep(time.Duration(i+1) * time.Second)
				done()
			}()
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if !slices.Equal(order, []int{0, 1, 2, 3, 4}) && !slices.Equal(order, []int{0, 1, 2, 4, 3}) { // 3 and 4 start together
			t.Errorf("order %v", order)
		}
	})
}

func TestHeavyWaiterThatLeavesLetsLighterOnesPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(2, 10, time.Minute)
		done, _ := turns.take(t.Context(), 1)
		defer done()
		ctx, cancel := context.WithCancel(t.Context())
		go turns.take(ctx, 2) //nolint:errcheck // it leaves
		synctest.Wait()
		admitted := false
		go func() {
			done, err := turns.take(t.Context(), 1)
			admitted = err == nil
			done()
		}()
		synctest.Wait()
		if admitted {
			t.Fatal("the light waiter overtook the heavy one")
		}
		cancel()
		synctest.Wait()
		if !admitted {
			t.Error("the light waiter was not admitted")
		}
	})
}

// Memory is bounded although stored hashes differ in cost.
func TestSecurity40HashesThatNeedMoreTakeMoreTurns(t *testing.T) {
	h := newHasher(Options{Params: Params{Memory: 19456, Time: 2, Threads: 1}, Concurrency: 4})
	for _, c := range []struct {
		name string
		cost cost
		want int
	}{
		{"own", h.params.cost(), 1},
		{"smaller", Params{8, 1, 1}.cost(), 1},
		{"one KiB more", Params{19457, 2, 1}.cost(), 2},
		{"64 MiB", Params{65536, 3, 1}.cost(), 4},
		{"four threads", Params{19456, 2, 4}.cost(), 4},
		{"the cap", Params{maxMemory, 8, 1}.cost(), 7}, // all four there are
		{"bcrypt", cost{scheme: schemeBcrypt, memory: 4, rounds: 15, threads: 1}, 1},
	} {
		if got := h.weight(c.cost); got != c.want {
			t.Errorf("%s: %d turns, want %d", c.name, got, c.want)
		}
	}
}

func TestSecurity40MemoryOfMixedHashesStaysWithinTheTurns(t *testing.T) {
	h := newHasher(Options{Params: cheap, Concurrency: 3, Queue: 100, Wait: time.Minute})
	var now, most atomic.Int64
	stored := []string{""}
	for _, p := range []Params{{32, 1, 1}, {100, 1, 1}, {129, 1, 1}, {192, 1, 2}, {191, 2, 3}} {
		stored = append(stored, newArgon2id(p, "pw").String())
	}
	h.computing = func(c cost) {
		n := now.Add(int64(c.memory))
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		time.Sleep(100 * time.Microsecond)
		now.Add(-int64(c.memory))
	}
	var callers sync.WaitGroup
	for i := range 90 {
		callers.Go(func() {
			if _, _, err := h.Verify(t.Context(), stored[i%len(stored)], "pw"); err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	if bound := int64(3 * cheap.Memory); most.Load() > bound {
		t.Errorf("%d KiB at once, want at most %d", most.Load(), bound)
	}
}

func TestTurnIsGivenBackWhenAComputationPanics(t *testing.T) {
	h := newHasher(Options{Params: cheap, Concurrency: 1})
	h.computing = func(cost) { panic("out of luck") }
	func() {
		defer func() { _ = recover() }()
		_, _ = h.Hash(t.Context(), "pw")
	}()
	h.computing = nil
	if _, err := h.Hash(t.Context(), "pw"); err != nil {
		t.Error(err)
	}
}
