// Package sqlite keeps everything in one SQLite file: the store of a Pawl that
// runs on one machine. It needs no cgo.
//
// Every write is durable (WAL, synchronous=FULL) before it is answered, and
// concurrent writes share a commit. Several processes may have the file open:
// a server and the command line, say.
package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"os"
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

// Options of [Open]. The zero value is what a server wants.
type Options struct {
	// Readers is how many connections read at the same time; 0 means 4.
	Readers int
	// Now is the time of the end of everything that a backup in the database's
	// place brings back; nil: time.Now.
	Now func() time.Time
}

// Store is a session store, a user table, a key store, an audit log and a table
// of registered clients in one file. All methods are safe for concurrent use.
type Store struct {
	path   string
	epoch  string    // of the revocation log
	backup time.Time // see PutBack
	w      *writer
	read   chan *conn    // those not in use
	count  int           // of connections in read
	long   chan struct{} // held by whoever looks at a whole table
	sweep  sweeping

	release func() // lets go of the file, see held
}

// Open opens the database at path, or makes a new one, mode 0600, where there
// is no file. It brings an older schema up to date. It refuses, and leaves
// alone, whatever is not a healthy Pawl database that this program knows and
// that only its owner can read; the error names the path and what to do.
//
// A file that [Backup] wrote is no longer one once it is opened: it does not know
// what was ended since it was made, so that every session in it ends first (see
// [Store.PutBack]).
func Open(ctx context.Context, path string, opts Options) (*Store, error) {
	full, err := prepareFile(ctx, path)
	if err != nil {
		return nil, err
	}
	s := &Store{path: full, count: opts.Readers, long: make(chan struct{}, 1)}
	if s.count <= 0 {
		s.count = 4
	}
	before, release, err := held.hold(full)
	if err != nil {
		return nil, err
	}
	s.release = release
	c, err := connect(ctx, full)
	if err != nil {
		release()
		return nil, s.fault(err)
	}
	err = migrate(c)
	if err == nil {
		s.backup, err = takeOver(c, opts.now())
	}
	if err == nil {
		err = c.script("PRAGMA busy_timeout = 0") // the writer waits by itself
	}
	if err == nil { // from here on a restoration sees that it is open
		err = sameFile(full, before)
	}
	if err != nil {
		err = errors.Join(err, c.close())
		release()
		return nil, s.fault(err)
	}
	s.w = newWriter(c)
	if err := s.openReaders(ctx); err != nil {
		return nil, errors.Join(s.fault(err), s.Close())
	}
	return s, nil
}

func (o Options) now() time.Time {
	now := time.Now
	if o.Now != nil {
		now = o.Now
	}
	return now()
}

// sameFile refuses a database that was put aside while it was being opened: what
// would be written into it would be lost.
func sameFile(path string, before fs.FileInfo) error {
	now, err := os.Stat(path)
	if err == nil && !os.SameFile(before, now) {
		err = errors.New("it was replaced by another one at this moment: start again")
	}
	return err
}

func (s *Store) openReaders(ctx context.Context) error {
	s.read = make(chan *conn, s.count)
	for i := range s.count {
		c, err := connect(ctx, s.path, "query_only(1)")
		if err != nil {
			s.count = i
			return err
		}
		s.read <- c
	}
	return s.reading(ctx, func(c *conn) error {
		return c.query("SELECT value FROM meta WHERE name = 'epoch'", func(r row) error {
			s.epoch = r.text(0)
			return nil
		})
	})
}

// Close finishes the writes that were begun and closes the file. Calls that
// start after it fail.
func (s *Store) Close() error {
	err := s.w.close()
	for ; s.count > 0; s.count-- {
		err = errors.Join(err, (<-s.read).close())
	}
	s.release()
	return err
}

// reading runs f with a connection that sees all that was committed.
func (s *Store) reading(ctx context.Context, f func(*conn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case c := <-s.read:
		defer func() { s.read <- c }()
		return s.fault(f(c))
	case <-s.w.idle:
		return s.fault(errClosed)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// surveying is reading for what may look at a whole table. There is one at a
// time: a few searches would else keep every connection from the requests.
func (s *Store) surveying(ctx context.Context, f func(*conn) error) error {
	select {
	case s.long <- struct{}{}:
		defer func() { <-s.long }()
		return s.reading(ctx, f)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// writing runs f in a transaction and returns when it is durable.
func (s *Store) writing(ctx context.Context, f func(*conn) error) error {
	return s.fault(s.w.write(ctx, f))
}
