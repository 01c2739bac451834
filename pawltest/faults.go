package pawltest

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"

	"github.com/pawlauth/pawl"
)

// ErrStoreDown is what every store call gives while the store is down.
var ErrStoreDown = errors.New("pawltest: the store is down")

// faults are the troubles that a test has switched on.
type faults struct {
	down     atomic.Bool
	mu       sync.Mutex
	disabled map[string]bool // user IDs
}

func newFaults() *faults { return &faults{disabled: map[string]bool{}} }

// StoreDown makes every call to a store fail from now on, or work again: the
// API answers 503 to whatever needs one.
func (s *Server) StoreDown(down bool) { s.faults.down.Store(down) }

// Disable makes the user appear disabled, or enabled again, whatever the user
// table says.
func (s *Server) Disable(userID string, disabled bool) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.disabled[userID] = disabled
}

// DropNextReply lets the next request do its work, and breaks the connection
// before the answer: the client sees a network error and cannot know what
// happened. Called twice, it drops two.
func (s *Server) DropNextReply() { s.drop.Add(1) }

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if !s.takeDrop() {
		s.api.ServeHTTP(w, r)
		return
	}
	s.api.ServeHTTP(httptest.NewRecorder(), r)
	s.breakOff(w)
}

func (s *Server) takeDrop() bool {
	for {
		n := s.drop.Load()
		if n == 0 {
			return false
		}
		if s.drop.CompareAndSwap(n, n-1) {
			return true
		}
	}
}

// breakOff closes the connection within the status line. A connection closed
// before it makes net/http's client repeat some requests by itself.
func (s *Server) breakOff(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	_, _ = conn.Write([]byte("HTTP/1.1 2")) // it is meant to fail
	_ = conn.Close()
}

func (f *faults) err() error {
	if f.down.Load() {
		return ErrStoreDown
	}
	return nil
}

func (f *faults) overlay(u pawl.User, err error) (pawl.User, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if disabled, ok := f.disabled[u.ID]; ok {
		u.Disabled = disabled
	}
	return u, err
}
