package sqlite

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// Restoration is a checked copy of a backup beside the place that it is meant
// for. It is used by one goroutine, and ends with [Restoration.Put] or
// [Restoration.Discard].
type Restoration struct {
	path, temp string // where it is meant for, where it is
	conn       *conn
	holds      Contents
}

// NewRestoration copies a backup to beside path, a database's place to be, and
// checks it: a Pawl database of a schema that is known, every page of it in
// order. It brings the copy's schema up to date. The backup itself is only
// read. Nothing is at path yet, or what was is still there.
func NewRestoration(ctx context.Context, backup io.Reader, path string, now time.Time) (*Restoration, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	r := &Restoration{path: full, temp: full + ".new-" + rand.Text()[:8]}
	if err := r.prepare(ctx, backup, now); err != nil {
		r.Discard()
		return nil, err
	}
	return r, nil
}

func (r *Restoration) prepare(ctx context.Context, backup io.Reader, now time.Time) error {
	size, err := copyTo(ctx, r.temp, backup)
	if err != nil {
		return r.fault(err)
	}
	f, err := os.Open(r.temp)
	if err != nil {
		return r.fault(err)
	}
	if err := errors.Join(checkHeader("backup", f), f.Close()); err != nil {
		return fmt.Errorf("this cannot be restored: %w", err)
	}
	if r.conn, err = connect(ctx, r.temp); err != nil {
		return r.fault(err)
	}
	if err := errors.Join(known(r.conn), integrity(ctx, r.conn)); err != nil {
		return r.fault(err)
	}
	if r.holds, err = contents(r.conn, now); err != nil {
		return r.fault(err)
	}
	r.holds.Bytes = size
	return r.fault(migrate(r.conn))
}

// copyTo copies until ctx ends.
func copyTo(ctx context.Context, path string, from io.Reader) (size int64, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	size, err = io.Copy(f, untilDone{ctx, from})
	return size, errors.Join(err, f.Close())
}

type untilDone struct {
	ctx context.Context
	io.Reader
}

func (r untilDone) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// Contents is what the backup holds, and with which schema it came.
func (r *Restoration) Contents() Contents { return r.holds }

// Keys gives the signing keys in the backup, sealed, oldest first.
func (r *Restoration) Keys() ([]pawl.KeyRecord, error) {
	keys, err := readKeys(r.conn)
	return keys, r.fault(err)
}

// aheadBy is how far the clock of the server that the backup is of may have run
// ahead of ours: the mark of a restore is so much later, since sign-ins made
// after the backup are on no record here.
const aheadBy = time.Minute

// PutOptions of [Restoration.Put].
type PutOptions struct {
	Replace bool      // what is at the place now is kept beside it
	NewKeys bool      // the backup's signing keys are dropped; the server makes new ones
	At      time.Time // now
	By, Why string    // for the audit log
}

// Put ends what must not come back with an old database, and puts it in its
// place. Every session is over, and every access token whose sign-in was up to
// a minute from now; followers of the revocation log and readers of the audit
// log begin anew; codes for the setup and for new passwords are void. It
// refuses while a process has the database that is there open, and, without
// Replace, where there is one. kept is where that one is now.
//
// Whatever happens meanwhile, there is the database of before, or none, or the
// finished one. Put ends the restoration, whether it succeeds or not.
func (r *Restoration) Put(ctx context.Context, o PutOptions) (kept string, err error) {
	defer r.Discard()
	if err := ctx.Err(); err != nil {
		return "", err
	}
	err = r.conn.script("BEGIN IMMEDIATE")
	if err == nil {
		err = errors.Join(endRestored(r.conn, o), r.conn.script("COMMIT"))
	}
	err = errors.Join(err, r.conn.close()) // the last one to close leaves a single file
	r.conn = nil
	var made Contents
	if err == nil {
		err = errors.Join(measure(r.temp, &made), giveAway(r.temp, filepath.Dir(r.path)))
	}
	if err != nil {
		return "", r.fault(err)
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	return putAside(r.temp, r.path, o)
}

const (
	latestEver = `SELECT max(latest_auth_time, ifnull((SELECT max(auth_time) FROM sessions), 0)) FROM everyone`
	newEpoch   = `UPDATE meta SET value = lower(hex(randomblob(8))) WHERE name = 'epoch'`
)

// endRestored ends what must not come back with an old database, in the
// transaction of the caller, so that no half of it is ever in force.
func endRestored(c *conn, o PutOptions) error {
	latest, err := c.int(latestEver)
	if err != nil {
		return err
	}
	until := max(seconds(o.At.Add(aheadBy)), latest)
	if _, err := c.exec(updateEveryone, until, api.ReasonEndedByAdmin); err != nil {
		return err
	}
	mark, err := markOf(c, "")
	if err != nil {
		return err
	}
	err = appendLog(c, pawl.LoggedEnd{
		Revocation: token.Revocation{Kind: token.KindAll, Reason: api.ReasonEndedByAdmin, NotBefore: mark.NotBefore, At: o.At},
	})
	if err != nil {
		return err
	}
	void := []string{newEpoch, "DELETE FROM setup_code", "DELETE FROM reset_codes", "DELETE FROM meta WHERE name = '" + madeAt + "'"}
	if o.NewKeys {
		void = append(void, "DELETE FROM keys")
	}
	for _, query := range void {
		if _, err := c.exec(query); err != nil {
			return err
		}
	}
	return appendAudit(c, &pawl.Event{At: o.At, Kind: pawl.EventDatabaseRestored, Reason: api.ReasonEndedByAdmin, By: o.By, Why: o.Why})
}

// PutBack says of which time the backup was that Open found in the database's
// place; false: it was none. Open has then ended every session and access token
// of before and voided one-time codes, as [Restoration.Put] does.
func (s *Store) PutBack() (made time.Time, ok bool) { return s.backup, !s.backup.IsZero() }

const selectMadeAt = "SELECT CAST(value AS INTEGER) FROM meta WHERE name = '" + madeAt + "'"

// takeOver ends what a backup would bring back that was copied to its place by
// other means than a [Restoration]: it does not know what was ended since. It
// returns when the backup was made, the zero time where the database is none.
func takeOver(c *conn, now time.Time) (made time.Time, err error) {
	if ms, err := c.int(selectMadeAt); err != nil || ms == 0 {
		return made, err
	}
	if err := c.script("BEGIN IMMEDIATE"); err != nil {
		return made, err
	}
	ms, err := c.int(selectMadeAt) // again: another process may have been first
	if err == nil && ms != 0 {
		made = fromMillis(ms)
		err = endRestored(c, PutOptions{At: now, Why: "a backup was found in the database's place"})
	}
	if err != nil {
		return time.Time{}, errors.Join(err, c.script("ROLLBACK"))
	}
	return made, c.script("COMMIT")
}

// Discard removes the copy, if Put has not put it in place.
func (r *Restoration) Discard() {
	if r.conn != nil {
		_ = r.conn.close() // what it is to write is thrown away
		r.conn = nil
	}
	removeDatabase(r.temp)
}

// fault says what is wrong with the copy.
func (r *Restoration) fault(err error) error {
	switch {
	case err == nil, ended(err):
		return err
	case diskFull(err):
		return explained{fmt.Errorf("the backup cannot be copied to %s: %w; the disk is full: make space and run it again; nothing was changed", filepath.Dir(r.path), err)}
	case code(err) != 0 || errors.Is(err, errDamaged):
		return explained{fmt.Errorf("the backup cannot be used: %w; take another one; nothing was changed", err)}
	}
	return explained{fmt.Errorf("the backup cannot be restored to %s: %w; nothing was changed", r.path, err)}
}
