package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/servertest"
	"github.com/pawlauth/pawl/store/postgres"
	"github.com/pawlauth/pawl/store/storetest"
)

// pair is a primary with a synchronous standby.
type pair struct {
	primary, standby *servertest.Postgres
	cases            []endCase
}

func startPair(t *testing.T) *pair {
	t.Helper()
	needServers(t)
	p := &pair{primary: servertest.StartPostgres(t, servertest.PostgresOptions{Durable: true}), cases: endCases()}
	p.primary.Exec("postgres", "CREATE DATABASE everyone")
	p.standby = p.primary.SyncStandby(t)
	return p
}

// each runs f for all cases at the same time.
func (p *pair) each(t *testing.T, f func(i int, c endCase)) {
	t.Helper()
	var all sync.WaitGroup
	for i, c := range p.cases {
		all.Go(func() { f(i, c) })
	}
	all.Wait()
}

// open gives the stores by database.
func (p *pair) open(t *testing.T, pg *servertest.Postgres) map[string]*postgres.Store {
	t.Helper()
	stores := map[string]*postgres.Store{}
	for _, database := range []string{"postgres", "everyone"} {
		stores[database] = openAt(t, pg.URL(database), postgres.Options{})
	}
	return stores
}

// waitingForStandby is how many commits wait for the standby.
func (p *pair) waitingForStandby() int {
	n, _ := strconv.Atoi(p.primary.Exec("postgres", "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"))
	return n
}

// failOver has the standby take over from a primary that crashes.
func (p *pair) failOver() {
	p.primary.Kill()
	p.standby.Promote()
}

func patient(t *testing.T, d time.Duration, f func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	return f(ctx)
}

// SECURITY 86: while the standby stalls no end is answered, and none that is there
// without the standby is reported as done: not by a retry, nor by EndAgain. What is
// answered later is there after a fail-over.
func TestAnEndIsDoneOnceTheStandbyHasIt(t *testing.T) {
	t.Parallel()
	p := startPair(t)
	stores := p.open(t, p.primary)
	recs := make([]pawl.Session, len(p.cases))
	p.each(t, func(i int, c endCase) {
		recs[i] = storetest.NewSession(fmt.Sprint("u", i), noon)
		if _, err := stores[c.database].Create(t.Context(), recs[i], pawl.Mark{}, 0); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	})
	resume := p.standby.Stall()
	seen := func(i int, c endCase) bool {
		got, mark, err := stores[c.database].Get(t.Context(), recs[i].SessionKey)
		return err == nil && !got.Live(mark, noon)
	}
	for i, c := range p.cases { // one by one, as they would wait for each other
		await(t, func() bool { // a busy machine may give up a call before it has begun
			err := patient(t, 200*time.Millisecond, func(ctx context.Context) error { _, err := c.end(ctx, stores[c.database], recs[i]); return err })
			if err == nil || answered(err) != nil {
				t.Errorf("%s: the end while the standby stalls: %v", c.name, err)
			}
			await(t, func() bool { return p.waitingForStandby() == 0 }) // it can be seen now
			return seen(i, c)
		})
	}
	p.each(t, func(i int, c endCase) {
		err := patient(t, 500*time.Millisecond, func(ctx context.Context) error { _, err := c.done(ctx, stores[c.database], recs[i]); return err })
		if err == nil || answered(err) != nil {
			t.Errorf("%s: the standby has not got it, and it is done: %v", c.name, err)
		}
	})
	resume()
	p.each(t, func(i int, c endCase) {
		if wrote, err := c.done(t.Context(), stores[c.database], recs[i]); err != nil || wrote {
			t.Errorf("%s: when the standby is back: %v %v", c.name, wrote, err)
		}
	})
	p.failOver()
	stores = p.open(t, p.standby)
	p.each(t, func(i int, c endCase) {
		if got, mark, err := stores[c.database].Get(t.Context(), recs[i].SessionKey); err != nil || got.Live(mark, noon) {
			t.Errorf("%s: an end that was answered is lost: %v", c.name, err)
		}
	})
}

// SECURITY 29: with a synchronous standby a fail-over loses no end that was
// answered, whatever kind it is, though the standby stalls now and then, callers
// give up, and try again.
func TestFailOverToASynchronousStandbyLosesNoEnd(t *testing.T) {
	t.Parallel()
	p := startPair(t)
	stores := p.open(t, p.primary)
	over, stop := context.WithCancel(t.Context())
	endings := make([]ending, len(p.cases))
	var all sync.WaitGroup
	for i, c := range p.cases {
		all.Go(func() { endings[i].run(over, stores[c.database], c, i) })
	}
	progress := func() {
		t.Helper()
		for i := range endings {
			before := endings[i].count()
			await(t, func() bool { return endings[i].count() > before })
		}
	}
	for range 2 {
		progress()
		resume := p.standby.Stall()
		time.Sleep(time.Second)
		resume()
	}
	progress()
	p.standby.Stall()
	time.Sleep(4 * time.Second) // for callers to give up and try again
	stop()
	p.failOver()
	all.Wait()
	stores = p.open(t, p.standby)
	for i, c := range p.cases {
		e := &endings[i]
		t.Logf("%s: %d ends were answered, %d calls failed", c.name, len(e.answered), e.failed)
		for _, rec := range e.answered {
			if got, mark, err := stores[c.database].Get(t.Context(), rec.SessionKey); err != nil || got.Live(mark, rec.Created) {
				t.Errorf("%s: an answered end is lost, %v", c.name, err)
			}
		}
	}
}

// ending ends one session after another, and tries each again until it is answered.
type ending struct {
	mu       sync.Mutex
	answered []pawl.Session
	failed   int
}

// count is how many ends were answered.
func (e *ending) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.answered)
}

func (e *ending) run(ctx context.Context, s *postgres.Store, c endCase, number int) {
	for n := 0; ctx.Err() == nil; n++ {
		at := noon.Add(time.Duration(n) * time.Hour)
		rec := storetest.NewSession(fmt.Sprint(number, " ", n), at)
		mark, err := s.Mark(ctx, rec.User)
		if err == nil {
			_, err = s.Create(ctx, rec, mark, 0)
		}
		if err != nil {
			continue
		}
		for try := 0; !e.once(ctx, s, c, try, rec); try++ {
			if ctx.Err() != nil {
				return
			}
		}
	}
}

// once ends a session, or asks once more, and gives up before long.
func (e *ending) once(ctx context.Context, s *postgres.Store, c endCase, try int, rec pawl.Session) bool {
	end := c.end
	if try%2 == 1 {
		end = c.done
	}
	ctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	_, err := end(ctx, s, rec)
	e.mu.Lock()
	defer e.mu.Unlock()
	if err != nil {
		e.failed++
		return false
	}
	e.answered = append(e.answered, rec)
	return true
}

// PostgreSQL reports a commit whose wait for the standby was cancelled as done. It
// is an error here, behind a pooler too.
func TestAWaitForTheStandbyThatIsCancelled(t *testing.T) {
	t.Parallel()
	p := startPair(t)
	bouncer := servertest.StartPgBouncer(t, p.primary)
	for i, url := range []string{p.primary.URL("postgres"), bouncer.URL("everyone")} {
		s := openAt(t, url, postgres.Options{})
		rec := storetest.NewSession("u", noon)
		if _, err := s.Create(t.Context(), rec, pawl.Mark{}, 0); err != nil {
			t.Fatal(err)
		}
		resume := p.standby.Stall()
		for j, by := range []string{"pg_cancel_backend", "pg_cancel_backend", "pg_terminate_backend"} {
			end := begin(func() (bool, error) { return s.End(t.Context(), rec.SessionKey, api.ReasonSignedOut, noon) })
			await(t, func() bool { return end.answered() || p.waitingForStandby() > 0 })
			p.primary.Exec("postgres", "SELECT count("+by+"(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
			<-end.done
			if end.err == nil || by == "pg_cancel_backend" && !strings.Contains(end.err.Error(), "no synchronous standby has confirmed the commit") {
				t.Errorf("connection %d, try %d, %s: %v %v", i, j, by, end.applied, end.err)
			}
		}
		resume()
		if ended, err := s.End(t.Context(), rec.SessionKey, api.ReasonSignedOut, noon); ended || err != nil {
			t.Errorf("connection %d, when the standby is back: %v %v", i, ended, err)
		}
	}
}

// Without its standby a server takes no writes: they are refused in time, and so are
// their retries; it is read from all the while. It goes on when it is told to go on
// alone.
func TestWritesWithoutTheStandby(t *testing.T) {
	t.Parallel()
	needServers(t)
	pg := servertest.StartPostgres(t, servertest.PostgresOptions{Durable: true})
	standby := pg.SyncStandby(t)
	s := openAt(t, pg.URL("postgres"), postgres.Options{})
	recs := make([]pawl.Session, 10)
	for i := range recs {
		recs[i] = storetest.NewSession(fmt.Sprint("u", i), noon)
		if _, err := s.Create(t.Context(), recs[i], pawl.Mark{}, 0); err != nil {
			t.Fatal(err)
		}
	}
	standby.Stop()
	for range 3 {
		for _, err := range endAll(t, s, recs) {
			if err == nil || answered(err) != nil {
				t.Errorf("an end without the standby: %v", err)
			}
		}
		if _, _, err := s.Get(t.Context(), recs[0].SessionKey); err != nil {
			t.Errorf("a read: %v", err)
		}
	}
	pg.GoOnAlone()
	await(t, func() bool { return errors.Join(endAll(t, s, recs)...) == nil })
	for i, rec := range recs {
		if got, _, err := s.Get(t.Context(), rec.SessionKey); err != nil || got.Ended.IsZero() {
			t.Errorf("session %d: %v %v", i, got.Ended, err)
		}
	}
}

// endAll ends sessions at the same time.
func endAll(t *testing.T, s *postgres.Store, recs []pawl.Session) []error {
	errs := make([]error, len(recs))
	var all sync.WaitGroup
	for i, rec := range recs {
		all.Go(func() {
			errs[i] = patient(t, 500*time.Millisecond, func(ctx context.Context) error { _, err := endOf(ctx, s, rec); return err })
		})
	}
	all.Wait()
	return errs
}
