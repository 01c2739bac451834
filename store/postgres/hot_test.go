package postgres_test

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/store/postgres"
	"github.com/pawlauth/pawl/store/storetest"
)

// A rotation writes into the page where the session is, and into no index:
// else a store grows with every reissue. It runs beside no other test: a
// transaction that writes, in whatever database of the server, keeps it from
// clearing a page of what nobody sees any more.
func TestRotationsStayInTheirPage(t *testing.T) {
	srv := start(t)
	url := srv.URL(srv.database(t))
	s := openAt(t, url, postgres.Options{})
	all := storetest.Seed(t, s, 300, noon)
	const rounds = 6
	for round := range rounds {
		rotateAll(t, s, all, noon.Add(time.Duration(round+1)*time.Hour))
	}
	if err := s.Close(); err != nil { // a connection that ends reports what it has counted
		t.Fatal(err)
	}
	count := func(column string) int {
		n, err := strconv.Atoi(sql(t, url, "SELECT "+column+" FROM pg_stat_user_tables WHERE schemaname = 'pawl' AND relname = 'sessions'"))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for count("n_tup_upd") < rounds*len(all) && t.Context().Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	if updated, hot := count("n_tup_upd"), count("n_tup_hot_upd"); hot*100 < updated*90 {
		t.Errorf("%d of %d rotations stayed in their page", hot, updated)
	}
}

// rotateAll rotates each session once, in no order that the table has, 16 at a time.
func rotateAll(t testing.TB, s *postgres.Store, all []pawl.Session, at time.Time) {
	t.Helper()
	const workers = 16
	var wg sync.WaitGroup
	for worker := range workers {
		wg.Go(func() {
			for i := worker; i < len(all); i += workers {
				rec := &all[i*7919%len(all)] // a prime
				next := storetest.Advanced(*rec, at)
				if ok, err := s.Rotate(t.Context(), *rec, next); err != nil || !ok {
					t.Error(ok, err)
					return
				}
				*rec = next
			}
		})
	}
	wg.Wait()
}
