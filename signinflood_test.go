package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/store/memory"
)

// flood is 1,000 clients, each at an address of its own, who guess the
// passwords of some people without a break, while these sign in three times each.
// The hasher has its usual bounds.
type flood struct {
	*fixture

	guesses, hashed, busy, limited atomic.Int64 // of the strangers
	served, retried, slowedDown    atomic.Int64 // of the honest
}

// settleDown is how long an honest client waits after a 503, a tenth of what it is told.
const settleDown = 100 * time.Millisecond

func (f *flood) guess(ctx context.Context, n, people int) {
	in := pawl.SignIn{
		Login: fmt.Sprintf("person-%d", n%people), Password: "a wrong password",
		Client: pawl.Client{Address: fmt.Sprintf("198.18.%d.%d", n/4, n%4)},
	}
	for ctx.Err() == nil {
		f.guesses.Add(1)
		switch _, err := f.Login(context.Background(), in); {
		case errors.Is(err, api.ErrInvalidCredentials):
			f.hashed.Add(1)
		case errors.Is(err, api.ErrRateLimited):
			f.limited.Add(1)
		default:
			f.busy.Add(1)
		}
		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond): // the network between them
		}
	}
}

func (f *flood) signIn(n, times int) { f.signInFrom(fmt.Sprintf("192.0.2.%d", n), n, times) }

func (f *flood) signInFrom(address string, n, times int) {
	in := pawl.SignIn{
		Login: fmt.Sprintf("person-%d", n), Password: goodPassword,
		Client: pawl.Client{Address: address},
	}
	for done := 0; done < times; {
		switch _, err := f.Login(context.Background(), in); {
		case err == nil:
			f.served.Add(1)
			done++
		case errors.Is(err, api.ErrUnavailable):
			f.retried.Add(1)
			time.Sleep(settleDown)
		default:
			f.slowedDown.Add(1)
			done++
		}
	}
}

// Figures: honest sign-ins beside a flood, with limits. 20 people (5 in a short run) whom the
// service knows are guessed at; no answer of theirs is a 429, each is served
// within a few tries, and the guesses that were looked at are what the limits
// let through.
func TestHonestSignInsBesideAFlood(t *testing.T) {
	const strangers, each, perAccount = 1000, 3, 1
	people := 5
	if os.Getenv("CI") == "true" {
		people = 20
	}
	f := &flood{fixture: newFixture(t, func(c *pawl.Config) {
		c.Throttle, c.OnEvent = memory.NewThrottle(), nil
		c.SignInLimits = pawl.SignInLimits{PerAccount: perAccount}
	})}
	for n := range people {
		f.addUser(fmt.Sprintf("person-%d", n), pawl.User{})
	}
	var honest, others sync.WaitGroup
	for n := range people { // known from before
		f.signIn(n, 1)
	}
	f.served.Store(0)
	heap, start := heapInUse(), time.Now()
	ctx, stop := context.WithCancel(t.Context())
	for n := range strangers {
		others.Go(func() { f.guess(ctx, n, people) })
	}
	for n := range people {
		honest.Go(func() { f.signIn(n, each) })
	}
	honest.Wait()
	took := time.Since(start)
	stop()
	others.Wait()

	if f.served.Load() != int64(people*each) || f.slowedDown.Load() != 0 {
		t.Errorf("%d of %d honest sign-ins were served, %d were limited", f.served.Load(), people*each, f.slowedDown.Load())
	}
	if most := int64(people * perAccount * 10); f.hashed.Load() > most {
		t.Errorf("%d guesses were looked at, want %d at most", f.hashed.Load(), most)
	}
	t.Attr("strangers", fmt.Sprintf("%d guesses of 1000 clients in %.1f s: %d looked at, %d refused by the limits, %d by the hasher",
		f.guesses.Load(), took.Seconds(), f.hashed.Load(), f.limited.Load(), f.busy.Load()))
	t.Attr("honest", fmt.Sprintf("%d of %d sign-ins served, %d limited, %d times busy before that", f.served.Load(), people*each, f.slowedDown.Load(), f.retried.Load()))
	t.Attr("heap_growth_MiB", strconv.FormatInt((heapInUse()-heap)>>20, 10))
}

// Figures: honest sign-ins beside strangers who take a new name for each guess,
// so that no limit of an account stops them and those of their four networks
// fill up only after a while. Half of the honest sign in from where they did
// before, half for the first time from there; all are served, because each
// network waits in its own line.
func TestHonestSignInsBesideAFloodOfNames(t *testing.T) {
	const strangers, each = 1000, 3
	people := 6
	if os.Getenv("CI") == "true" {
		people = 20
	}
	f := &flood{fixture: newFixture(t, func(c *pawl.Config) {
		c.Throttle, c.OnEvent = memory.NewThrottle(), nil
		c.SignInLimits = pawl.SignInLimits{PerAddress: 1_000_000} // as if they never filled up
	})}
	for n := range people {
		f.addUser(fmt.Sprintf("person-%d", n), pawl.User{})
	}
	for n := range people / 2 {
		f.signInFrom(fmt.Sprintf("10.%d.0.1", n), n, 1)
	}
	f.served.Store(0)
	heap, start := heapInUse(), time.Now()
	ctx, stop := context.WithCancel(t.Context())
	var honest, others sync.WaitGroup
	for n := range strangers {
		others.Go(func() { f.guessNames(ctx, n) })
	}
	for n := range people {
		honest.Go(func() { f.signInFrom(fmt.Sprintf("10.%d.0.1", n), n, each) })
	}
	honest.Wait()
	took := time.Since(start)
	stop()
	others.Wait()
	if f.served.Load() != int64(people*each) || f.slowedDown.Load() != 0 {
		t.Errorf("%d of %d honest sign-ins were served, %d were limited", f.served.Load(), people*each, f.slowedDown.Load())
	}
	t.Attr("strangers", fmt.Sprintf("%d guesses of 1000 clients in %.1f s: %d looked at, %d refused by the hasher", f.guesses.Load(), took.Seconds(), f.hashed.Load(), f.busy.Load()))
	t.Attr("honest", fmt.Sprintf("%d of %d sign-ins served, %d times busy before that", f.served.Load(), people*each, f.retried.Load()))
	t.Attr("heap_growth_MiB", strconv.FormatInt((heapInUse()-heap)>>20, 10))
}

func (f *flood) guessNames(ctx context.Context, n int) {
	for i := 0; ctx.Err() == nil; i++ {
		f.guesses.Add(1)
		_, err := f.Login(context.Background(), pawl.SignIn{
			Login: fmt.Sprintf("nobody-%d-%d", n, i), Password: "a wrong password",
			Client: pawl.Client{Address: fmt.Sprintf("198.18.%d.%d", n%4, n/4)},
		})
		if errors.Is(err, api.ErrInvalidCredentials) {
			f.hashed.Add(1)
		} else {
			f.busy.Add(1)
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond): // the network between them
		}
	}
}

func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}
