package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/store/storetest"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func openTest(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "pawl.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// hold keeps the writer from its queue until release is called.
func hold(t *testing.T, s *Store) (release func()) {
	begun, free := make(chan struct{}), make(chan struct{})
	var once sync.Once
	go s.writing(t.Context(), func(*conn) error {
		once.Do(func() { close(begun) })
		<-free
		return nil
	})
	<-begun
	return func() { close(free) }
}

// enqueue starts n writes and waits until all are in the queue.
func enqueue(t *testing.T, s *Store, n int, write func(i int)) (wait func()) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { write(i) })
	}
	for len(s.w.queue) < n && t.Context().Err() == nil {
		time.Sleep(time.Millisecond)
	}
	return wg.Wait
}

func TestOneFaultHarmsNoOther(t *testing.T) {
	s := openTest(t)
	broken := errors.New("broken")
	var failed atomic.Int64
	release := hold(t, s)
	wait := enqueue(t, s, 20, func(i int) {
		err := s.writing(t.Context(), func(c *conn) error {
			rec := storetest.NewSession("u", noon)
			sid, _ := sidBytes(rec.ID)
			if err := insert(c, rec, sid); err != nil {
				return err
			}
			switch i {
			case 3:
				return broken
			case 7:
				_, err := c.exec("INSERT INTO marks VALUES ('u', 'no number', '', 1)")
				return err
			}
			return nil
		})
		if (err != nil) != (i == 3 || i == 7) {
			t.Errorf("write %d: %v", i, err)
		}
		if err != nil {
			failed.Add(1)
		}
	})
	release()
	wait()
	list, _, err := s.List(t.Context(), "u", pawl.ListPlace{}, 0)
	if err != nil || len(list) != 18 || failed.Load() != 2 {
		t.Errorf("%d stored, %d failed, %v", len(list), failed.Load(), err)
	}
}

func TestQueuedWritesShareCommits(t *testing.T) {
	s := openTest(t)
	release := hold(t, s)
	wait := enqueue(t, s, 100, func(i int) {
		if _, err := s.Create(t.Context(), storetest.NewSession("u", noon), pawl.Mark{}, 0); err != nil {
			t.Error(err)
		}
	})
	if n, err := walFrames(s); err != nil || n > 1 {
		t.Fatal(n, err)
	}
	release()
	wait()
	if n, err := walFrames(s); err != nil || n == 0 || n > 60 { // 100 commits would be 200 frames
		t.Errorf("%d pages were written, %v", n, err)
	}
}

func walFrames(s *Store) (n int64, err error) {
	err = s.reading(context.Background(), func(c *conn) error {
		return c.query("PRAGMA wal_checkpoint(NOOP)", func(r row) error { n = r.int(1); return nil })
	})
	return n, err
}

func TestCancelledWhileQueued(t *testing.T) {
	s := openTest(t)
	release := hold(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	var ran atomic.Int64
	wait := enqueue(t, s, 5, func(int) {
		if err := s.writing(ctx, func(*conn) error { ran.Add(1); return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	})
	cancel()
	wait()
	release()
	if err := s.writing(t.Context(), func(*conn) error { return nil }); err != nil || ran.Load() != 0 {
		t.Errorf("%d ran that nobody waited for; then %v", ran.Load(), err)
	}
}

func TestCloseDrains(t *testing.T) {
	s := openTest(t)
	release := hold(t, s)
	var done atomic.Int64
	wait := enqueue(t, s, 200, func(int) {
		if _, err := s.Create(t.Context(), storetest.NewSession("u", noon), pawl.Mark{}, 0); err == nil {
			done.Add(1)
		}
	})
	go release()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wait()
	if done.Load() != 200 {
		t.Errorf("%d of 200 writes were done", done.Load())
	}
}

// Another process that writes is waited for; as long as the caller waits.
func TestBusy(t *testing.T) {
	s := openTest(t)
	other, err := connect(t.Context(), s.path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.close()
	if err := other.script("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.EndAll(ctx, "x", noon); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("busy: %v", err)
	}
	if _, err := s.Mark(t.Context(), "u"); err != nil {
		t.Errorf("reading waits for a writer: %v", err)
	}
	answer := make(chan error, 1)
	go func() { _, err := s.EndAll(t.Context(), "x", noon); answer <- err }()
	if err := other.script("COMMIT"); err != nil {
		t.Fatal(err)
	}
	if err := <-answer; err != nil {
		t.Errorf("after the other process: %v", err)
	}
}

// A full disk: an error that says so, nothing half-written, and all is well
// again when there is space.
func TestFull(t *testing.T) {
	s := openTest(t)
	some := storetest.Seed(t, s, 100, noon)
	limit := func(pages string) {
		err := s.reading(t.Context(), func(*conn) error { return nil })
		if err == nil {
			err = s.writing(t.Context(), func(c *conn) error { return c.query("PRAGMA max_page_count = "+pages, func(row) error { return nil }) })
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	limit("1") // as many as there are
	var failed, stored atomic.Int64
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			for range 20 {
				evicted, err := s.Create(t.Context(), storetest.NewSession(fmt.Sprint(i), noon), pawl.Mark{}, 2)
				switch {
				case err == nil:
					stored.Add(1 - int64(len(evicted)))
				case strings.Contains(err.Error(), "full") && strings.Contains(err.Error(), "make space"):
					failed.Add(1)
				default:
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if failed.Load() == 0 {
		t.Fatal("the disk was not full")
	}
	if rec, _, err := s.Get(t.Context(), some[0].SessionKey); err != nil || rec != some[0] {
		t.Errorf("reading on a full disk: %v, %v", rec, err)
	}
	limit("100000")
	if live, err := liveSessions(s); err != nil || live != 100+stored.Load() {
		t.Errorf("%d live sessions after %d were stored: %v", live, 100+stored.Load(), err)
	}
	storetest.Seed(t, s, 500, noon)
	err := s.writing(t.Context(), func(c *conn) error {
		return c.query("PRAGMA integrity_check", func(r row) error {
			if r.text(0) != "ok" {
				t.Error(r.text(0))
			}
			return nil
		})
	})
	if err != nil {
		t.Error(err)
	}
}

func liveSessions(s *Store) (n int64, err error) {
	err = s.reading(context.Background(), func(c *conn) error {
		n, err = c.int("SELECT count(*) FROM sessions WHERE ended = 0")
		return err
	})
	return n, err
}
