package pawl

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// A Follower is a connection on which a registered client follows the
// revocation log through this service.
type Follower struct {
	ClientID string
	Address  string
	Since    time.Time // when it connected
	// Current is up to when the log had been read that the connection has taken;
	// zero: not all of it yet. What is in the network's buffers counts as taken.
	Current time.Time
	Cursor  string // of the log, behind what the connection has taken
}

// Behind is how far the follower's picture is behind now, at least: since it
// connected, where it has none yet.
func (f Follower) Behind(now time.Time) time.Duration {
	from := f.Current
	if from.IsZero() {
		from = f.Since
	}
	return max(0, now.Sub(from))
}

// A Following keeps what Followers tells of one connection. Its methods are safe
// for concurrent use.
type Following struct {
	of *followers
	f  Follower // under of.mu
}

type followers struct {
	mu  sync.Mutex
	all map[*Following]struct{}
}

// Follow notes a connection that follows the log, and says how many there are
// with it. Call Stop at its end.
func (s *Service) Follow(clientID, address string) (f *Following, count int) {
	f = &Following{of: &s.followers, f: Follower{ClientID: clientID, Address: address, Since: s.now()}}
	f.of.mu.Lock()
	defer f.of.mu.Unlock()
	if f.of.all == nil {
		f.of.all = map[*Following]struct{}{}
	}
	f.of.all[f] = struct{}{}
	return f, len(f.of.all)
}

// Took notes what the connection has taken: all up to cursor; and, where current
// is not zero, all that the log had then.
func (f *Following) Took(cursor string, current time.Time) {
	f.of.mu.Lock()
	defer f.of.mu.Unlock()
	f.f.Cursor = cursor
	if !current.IsZero() {
		f.f.Current = current
	}
}

// Stop takes the connection off the list.
func (f *Following) Stop() {
	f.of.mu.Lock()
	defer f.of.mu.Unlock()
	delete(f.of.all, f)
}

// Followers gives who follows the log through this service, ordered by client,
// address and time. Other nodes have followers of their own.
func (s *Service) Followers() []Follower {
	s.followers.mu.Lock()
	list := make([]Follower, 0, len(s.followers.all))
	for f := range s.followers.all {
		list = append(list, f.f)
	}
	s.followers.mu.Unlock()
	slices.SortFunc(list, func(a, b Follower) int {
		return cmp.Or(cmp.Compare(a.ClientID, b.ClientID), cmp.Compare(a.Address, b.Address), a.Since.Compare(b.Since))
	})
	return list
}

// FollowerCount is how many Followers would give.
func (s *Service) FollowerCount() int {
	s.followers.mu.Lock()
	defer s.followers.mu.Unlock()
	return len(s.followers.all)
}
