// Package memory keeps everything in this process: for tests, benchmarks and
// trying things out. It is gone when the process ends. In a deployment that
// must remember who is signed in, use another store. [Throttle] is for those, too:
// failed sign-ins may be forgotten.
package memory

import (
	"crypto/rand"
	"hash/maphash"
	"sync"
	"time"

	"github.com/pawlauth/pawl"
)

var (
	_ pawl.SessionStore  = (*Store)(nil)
	_ pawl.RecordScanner = (*Store)(nil)
	_ pawl.UserStore     = (*Store)(nil)
	_ pawl.KeyStore      = (*Store)(nil)
	_ pawl.AuditStore    = (*Store)(nil)
	_ pawl.ClientStore   = (*Store)(nil)
)

// Store is a session store, a user table, a key store, an audit log and a table
// of registered clients in one. All methods are safe for concurrent use.
//
// Locks are taken in the order everyone, shard, log. Whoever changes or reads
// one user's sessions holds everyone for reading, so that EndAll is one moment
// for all of them.
type Store struct {
	seed     maphash.Seed
	everyone everyone
	shards   [shardCount]shard
	log      revocationLog
	sweep    sweepPosition
	users    userTable
	keys     keyTable
	audit    auditTable
	clients  clientTable
}

const shardCount = 256

// New makes an empty store.
func New() *Store {
	s := &Store{seed: maphash.MakeSeed()}
	s.log.epoch = rand.Text()[:8]
	s.users.byID = map[string]*person{}
	s.users.byLogin = map[string]*person{}
	s.users.resets = map[string]resetCode{}
	s.clients.byID = map[string]pawl.RegisteredClient{}
	for i := range s.shards {
		s.shards[i].accounts = map[string]*account{}
	}
	return s
}

// shard holds the sessions of a part of the users.
type shard struct {
	mu       sync.Mutex
	accounts map[string]*account
	_        [48]byte // a cache line of its own
}

// account is what is kept of one user's sessions.
type account struct {
	mark     pawl.Mark
	sessions map[string]*pawl.Session
}

// everyone holds the mark of EndAll, and the latest AuthTime of any session.
type everyone struct {
	mu   sync.RWMutex
	mark pawl.Mark

	latestMu sync.Mutex
	latest   time.Time
}

// signedIn notes an AuthTime; e.mu is held for reading.
func (e *everyone) signedIn(authTime time.Time) {
	e.latestMu.Lock()
	defer e.latestMu.Unlock()
	e.latest = later(e.latest, authTime)
}

// lock gives the user's shard, locked, with everyone's mark held still.
func (s *Store) lock(user string) *shard {
	s.everyone.mu.RLock()
	sh := &s.shards[maphash.String(s.seed, user)%shardCount]
	sh.mu.Lock()
	return sh
}

func (s *Store) unlock(sh *shard) {
	sh.mu.Unlock()
	s.everyone.mu.RUnlock()
}

// account gives the user's, made where there was none.
func (sh *shard) account(user string) *account {
	a := sh.accounts[user]
	if a == nil {
		a = &account{sessions: map[string]*pawl.Session{}}
		sh.accounts[user] = a
	}
	return a
}

// find gives a session and the mark that holds for it; the shard is locked.
func (s *Store) find(sh *shard, k pawl.SessionKey) (*pawl.Session, pawl.Mark) {
	a := sh.accounts[k.User]
	if a == nil {
		return nil, s.everyone.mark
	}
	return a.sessions[k.ID], a.mark.Later(s.everyone.mark)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// whole cuts a time to what every store keeps.
func whole(t time.Time, unit time.Duration) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(unit)
}
