package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/token"
)

// writers is how many users' sessions are copied, or compared, at once.
const writers = 16

// everyone copies everyone's mark, before there are sessions that it could move to.
func (c Copy) everyone(ctx context.Context, n *Counts) error {
	from, err := c.FromSessions.Mark(ctx, "")
	if err != nil || from.Version == 0 {
		return err
	}
	to, err := c.ToSessions.Mark(ctx, "")
	if err != nil || to.Covers(from.NotBefore) {
		return err
	}
	n.Written++
	_, err = c.ToSessions.EndAll(ctx, from.Reason, from.NotBefore)
	return err
}

// sessions copies all records, user by user, but for those of people who have
// signed in since it began: a mark that moves meanwhile ends everything up to a
// moment, and could not be set in the new store behind such a session without
// ending it. They are left to the next run.
func (c Copy) sessions(ctx context.Context, n *Counts) error {
	all, err := c.FromSessions.Mark(ctx, "")
	if err != nil {
		return err
	}
	var mu sync.Mutex
	return eachInParallel(ctx, c.FromSessions, func(ctx context.Context, recs []pawl.MarkedSession) error {
		found := len(recs)
		recs = c.settled(recs)
		wrote := 0
		if len(recs) > 0 {
			var err error
			if wrote, err = c.user(ctx, recs, all); err != nil {
				return err
			}
		}
		mu.Lock()
		defer mu.Unlock()
		n.Left, n.Sessions, n.Written = n.Left+found-len(recs), n.Sessions+len(recs), n.Written+wrote
		c.Progress("sessions", n.Sessions)
		return nil
	})
}

// settled leaves out what began after the copy did: sessions, or all that a user
// has where a change of password has kept a session since.
func (c Copy) settled(recs []pawl.MarkedSession) []pawl.MarkedSession {
	since := func(rec pawl.MarkedSession) bool { return rec.AuthTime.After(c.Began) }
	if slices.ContainsFunc(recs, func(rec pawl.MarkedSession) bool { return since(rec) && !rec.Created.After(c.Began) }) {
		return nil
	}
	return slices.DeleteFunc(recs, since)
}

// eachInParallel calls f with all that one user has, for some users at a time,
// until one fails.
func eachInParallel(ctx context.Context, from pawl.RecordScanner, f func(context.Context, []pawl.MarkedSession) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan []pawl.MarkedSession)
	var running sync.WaitGroup
	for range writers {
		running.Go(func() {
			for recs := range work {
				if err := f(ctx, recs); err != nil {
					cancel(err)
				}
			}
		})
	}
	err := eachOwner(ctx, from, func(recs []pawl.MarkedSession) error {
		select {
		case work <- recs:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	close(work)
	running.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause // what failed first
	}
	return err
}

// eachOwner gives all that one user has, user by user.
func eachOwner(ctx context.Context, from pawl.RecordScanner, f func([]pawl.MarkedSession) error) error {
	var own []pawl.MarkedSession
	for cursor, more := "", true; more; {
		page, err := from.ScanRecords(ctx, cursor, batch)
		if err != nil {
			return err
		}
		for _, rec := range page.Sessions {
			if len(own) > 0 && own[0].User != rec.User {
				if err := f(own); err != nil {
					return err
				}
				own = nil
			}
			own = append(own, rec)
		}
		cursor, more = page.Cursor, page.More
	}
	if len(own) == 0 {
		return nil
	}
	return f(own)
}

// user copies one user's records. Those from before the mark come first, then
// the mark, which moves to the latest sign-in that is there, then those from
// after it.
func (c Copy) user(ctx context.Context, recs []pawl.MarkedSession, all pawl.Mark) (wrote int, err error) {
	mark := recs[0].Mark
	for _, rec := range recs {
		if mark.Covers(rec.AuthTime) {
			w, err := c.record(ctx, rec)
			if wrote += w; err != nil {
				return wrote, err
			}
		}
	}
	w, err := c.mark(ctx, recs[0].User, mark, all, recs)
	if wrote += w; err != nil {
		return wrote, err
	}
	for _, rec := range recs {
		if !mark.Covers(rec.AuthTime) {
			w, err := c.record(ctx, rec)
			if wrote += w; err != nil {
				return wrote, err
			}
		}
	}
	return wrote, nil
}

// mark moves the user's mark to where it was. A session that the change of a
// password kept, and that is there from an earlier run, is kept again.
func (c Copy) mark(ctx context.Context, user string, from, all pawl.Mark, recs []pawl.MarkedSession) (wrote int, err error) {
	if from.Version == all.Version { // everyone's, and no other
		return 0, nil
	}
	to, err := c.ToSessions.Mark(ctx, user)
	if err != nil || to.Covers(from.NotBefore) {
		return 0, err
	}
	keep := ""
	for _, rec := range recs {
		if rec.Created.Before(from.NotBefore) && rec.AuthTime.After(from.NotBefore) {
			keep = rec.ID
		}
	}
	to, _, err = c.ToSessions.EndUser(ctx, user, keep, from.Reason, from.NotBefore)
	if err == nil && to.NotBefore.After(from.NotBefore) {
		err = fmt.Errorf("%w: user %s has signed in there", ErrAhead, user)
	}
	return 1, err
}

// record copies one session, or brings it up to date.
func (c Copy) record(ctx context.Context, rec pawl.MarkedSession) (wrote int, err error) {
	there, mark, err := c.ToSessions.Get(ctx, rec.SessionKey)
	switch {
	case errors.Is(err, pawl.ErrNotFound):
		live := rec.Session
		live.Ended, live.EndReason = time.Time{}, ""
		if _, err := c.ToSessions.Create(ctx, live, mark, 0); err != nil {
			return 0, err
		}
		wrote = 1
	case err != nil:
		return 0, err
	case there.Generation > rec.Generation, rec.Ended.IsZero() && !there.Ended.IsZero():
		return 0, fmt.Errorf("%w: session %s of user %s has gone on there", ErrAhead, rec.ID, rec.User)
	case there.Ended.IsZero() && (there.Generation != rec.Generation || !there.Opened.Equal(rec.Opened)):
		if _, err := c.ToSessions.Rotate(ctx, there, rec.Session); err != nil {
			return 0, err
		}
		wrote = 1
	}
	if rec.Ended.IsZero() || !there.Ended.IsZero() {
		return wrote, nil
	}
	ended, err := c.ToSessions.End(ctx, rec.SessionKey, rec.EndReason, rec.Ended)
	if ended {
		wrote = 1
	}
	return wrote, err
}

// marks copies those of users who have no session: of people, for a sign-in that
// a ban overtakes, and those that the log has, for access tokens.
func (c Copy) marks(ctx context.Context, n *Counts) error {
	all, err := c.FromSessions.Mark(ctx, "")
	if err != nil {
		return err
	}
	one := func(user string) error {
		from, err := c.FromSessions.Mark(ctx, user)
		if err != nil || from.Version == all.Version {
			return err
		}
		recs, _, err := c.FromSessions.List(ctx, user, pawl.ListPlace{}, 0)
		if err != nil {
			return err
		}
		marked := make([]pawl.MarkedSession, len(recs))
		for i, rec := range recs {
			marked[i] = pawl.MarkedSession{Session: rec, Mark: from}
		}
		n.Marks++
		wrote, err := c.mark(ctx, user, from, all, marked)
		n.Written += wrote
		return err
	}
	if err := eachMarked(ctx, c.FromSessions, one); err != nil {
		return err
	}
	return eachUser(ctx, c.From, func(us []pawl.User) error {
		for _, u := range us {
			if err := one(u.ID); err != nil {
				return err
			}
		}
		c.Progress("marks", n.Marks)
		return nil
	})
}

// eachMarked gives the users whom the log names.
func eachMarked(ctx context.Context, from pawl.SessionStore, f func(user string) error) error {
	for cursor, more := "", true; more; {
		page, err := from.Revocations(ctx, cursor, batch)
		if err != nil {
			return err
		}
		for _, e := range page.Entries {
			if e.Kind == token.KindUser {
				if err := f(e.ID); err != nil {
					return err
				}
			}
		}
		cursor, more = page.Cursor, page.More
	}
	return nil
}
