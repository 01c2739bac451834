package pawl

import (
	"container/list"
	"maps"
	"slices"
	"strconv"
	"strings"
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
	of        *followers
	number    uint64 // in the order in which they came
	displaced func()

	// Under of.mu.
	f     Follower
	place *list.Element // in of.clients; nil: it does not follow
}

type followers struct {
	mu        sync.Mutex
	count     int
	last      uint64
	clients   map[string]*list.List // of *Following, the oldest first
	displaced uint64
}

// Bounds of the connections that follow the log through one service.
const (
	// MaxFollowers is for all clients together.
	MaxFollowers = 5000
	// MaxFollowersPerClient is for each of them: it takes the secrets of ten clients
	// to fill all places.
	MaxFollowersPerClient = 500
)

// Follow notes a connection that follows the log; call Stop at its end. ok is false,
// and nothing is noted, where MaxFollowers do already. Of a client that has
// MaxFollowersPerClient the oldest connection makes way: its displaced is called,
// which has to end it and must be quick. Most likely its other end is gone, which a
// server can take a quarter of an hour to notice.
func (s *Service) Follow(clientID, address string, displaced func()) (f *Following, ok bool) {
	f = &Following{
		of: &s.followers, displaced: displaced,
		f: Follower{ClientID: clientID, Address: address, Since: s.now()},
	}
	ok, oldest := s.followers.add(f)
	if oldest != nil {
		oldest.displaced()
	}
	return f, ok
}

func (fs *followers) add(f *Following) (ok bool, oldest *Following) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if own := fs.clients[f.f.ClientID]; own != nil && own.Len() >= MaxFollowersPerClient {
		oldest = own.Front().Value.(*Following)
		fs.remove(oldest)
		fs.displaced++
	}
	if fs.count >= MaxFollowers {
		return false, nil
	}
	own := fs.clients[f.f.ClientID] // it may have gone with its last connection
	if own == nil {
		own = list.New()
		if fs.clients == nil {
			fs.clients = map[string]*list.List{}
		}
		fs.clients[f.f.ClientID] = own
	}
	fs.count++
	fs.last++
	f.number = fs.last
	f.place = own.PushBack(f)
	return true, oldest
}

// remove takes a connection off the list, once.
func (fs *followers) remove(f *Following) {
	if f.place == nil {
		return
	}
	own := fs.clients[f.f.ClientID]
	own.Remove(f.place)
	if own.Len() == 0 {
		delete(fs.clients, f.f.ClientID)
	}
	f.place = nil
	fs.count--
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
	f.of.remove(f)
}

// Followers gives who follows the log through this service, ordered by client and
// time. Other nodes have followers of their own.
func (s *Service) Followers() []Follower {
	all, _ := s.FollowersAfter("", MaxFollowers)
	return all
}

// FollowersAfter gives a page of Followers: those behind after, the next of the page
// before, and at most limit of them. next is empty on the last page.
func (s *Service) FollowersAfter(after string, limit int) (page []Follower, next string) {
	client, number := parseFollower(after)
	fs := &s.followers
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(fs.clients)) {
		if id < client {
			continue
		}
		for e := fs.clients[id].Front(); e != nil; e = e.Next() {
			f := e.Value.(*Following)
			if id == client && f.number <= number {
				continue
			}
			if len(page) == limit {
				return page, next
			}
			page, next = append(page, f.f), id+" "+strconv.FormatUint(f.number, 10)
		}
	}
	return page, ""
}

// parseFollower reads a cursor of FollowersAfter; of another text it makes the
// place that comes closest.
func parseFollower(after string) (client string, number uint64) {
	i := max(strings.LastIndexByte(after, ' '), 0)
	number, _ = strconv.ParseUint(strings.TrimPrefix(after[i:], " "), 10, 64)
	return after[:i], number
}

// FollowerCount is how many Followers would give.
func (s *Service) FollowerCount() int {
	s.followers.mu.Lock()
	defer s.followers.mu.Unlock()
	return s.followers.count
}

// FollowersDisplaced is how many connections had to make way for newer ones of the
// same client.
func (s *Service) FollowersDisplaced() uint64 {
	s.followers.mu.Lock()
	defer s.followers.mu.Unlock()
	return s.followers.displaced
}
