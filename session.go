package pawl

import (
	"context"
	"errors"
	"time"

	"github.com/pawlauth/pawl/token"
)

// What a store answers besides "done". Any other error means that the store
// could not answer: the caller sends 503 and nothing is lost.
var (
	ErrNotFound = errors.New("pawl: not found")
	ErrConflict = errors.New("pawl: conflict")
	// ErrEnded refuses a sign-in that raced an end of the user's sessions.
	ErrEnded = errors.New("pawl: sessions were ended meanwhile")
)

// SessionKey names a session: always by user and id, because a clustered store
// places everything of one user together.
type SessionKey struct {
	User string // subject of the user's tokens
	ID   string // the public session id (sid), 22 characters
}

// EndBatch is how many sessions are ended in one step of a store, at most.
const EndBatch = 250

// ListPlace is a place in the list of a user's sessions, which is ordered by
// Created and then by ID, in an order of the store's own: behind the session that
// has both. The session need not exist any more. The zero ListPlace is the
// beginning.
type ListPlace struct {
	Created time.Time
	ID      string
}

// Client is where a session is used from, for people to recognise it.
type Client struct {
	Address string // of the last sign-in or advance
	Agent   string // browser and system, short
	Label   string // given at sign-in
}

// Session is the record of a session, one for its whole life. Times are whole
// milliseconds, AuthTime whole seconds, all UTC.
type Session struct {
	SessionKey
	Generation  uint64    // how many times the refresh token has turned; the first is 0
	Created     time.Time // sign-in
	Rotated     time.Time // when the current generation was made
	Opened      time.Time // when its reuse window was opened: Rotated, or later by one re-send
	IdleExpires time.Time // without a reissue the session is over then; never after Ends
	Ends        time.Time // absolute end
	AuthTime    time.Time // when the person proved who they are
	Client      Client
	LastKey     [32]byte // SHA-256 of the Idempotency-Key that made the last advance; zero: none
	Ended       time.Time
	EndReason   string // a reason of package api; empty while the session lives
}

// Live reports whether the session has neither ended nor run out at now, mark
// being the user's.
func (s *Session) Live(mark Mark, now time.Time) bool {
	return s.Ended.IsZero() && !mark.Covers(s.AuthTime) && now.Before(s.IdleExpires) && now.Before(s.Ends)
}

// ended reports whether the store says that the session was ended, mark being the
// user's.
func (s *Session) ended(mark Mark) bool { return !s.Ended.IsZero() || mark.Covers(s.AuthTime) }

// proof is what of the session's access tokens tells whether they are revoked.
func (s *Session) proof() *token.Access {
	return &token.Access{Subject: s.User, SessionID: s.ID, AuthTime: s.AuthTime}
}

// Mark ends everything of a user up to a moment: sessions and access tokens
// with auth_time ≤ NotBefore. The zero Mark ends nothing.
type Mark struct {
	NotBefore time.Time // whole seconds
	Reason    string    // of the newest mark
	// Version grows with every mark, even where NotBefore does not.
	Version uint64
}

// Covers reports whether a sign-in at authTime is ended by the mark.
func (m Mark) Covers(authTime time.Time) bool {
	return m.Version > 0 && !authTime.After(m.NotBefore)
}

// Later is the mark that results from the user's own and everyone's.
func (m Mark) Later(other Mark) Mark {
	if other.NotBefore.After(m.NotBefore) {
		m.NotBefore, m.Reason = other.NotBefore, other.Reason
	}
	m.Version += other.Version
	return m
}

// SessionStore holds sessions, the marks, and the revocation log. It never
// decides: [Decide] does. All methods are safe for concurrent use, by several
// processes too where the engine allows that, and read their own writes: what
// a method answered is seen by every call that starts after it, on any node.
// A write is durable when its method returns. An error other than those named
// means that nothing is known of the outcome.
type SessionStore interface {
	// Mark gives the later of the user's own mark and everyone's.
	Mark(ctx context.Context, user string) (Mark, error)

	// Create stores a new session. seen is the Mark that the caller read before
	// it checked the person's credentials: if its version has moved, ErrEnded.
	// If limit > 0 (otherwise there is none) and the user has that many live sessions
	// at s.Created, the ones created first are ended, reason session_limit, and
	// returned: at most EndBatch of them, so that a user who has had more for long
	// (the limit is new) comes down to it by several sign-ins. ErrConflict if the
	// session exists. All of it is one atomic step.
	Create(ctx context.Context, s Session, seen Mark, limit int) (evicted []Session, err error)

	// Get reads a session, ended or not, and the user's mark, both of the same
	// moment. ErrNotFound (with the mark) if there is none.
	Get(ctx context.Context, k SessionKey) (Session, Mark, error)

	// Rotate replaces the session by next if it has not ended, no mark covers
	// it, and generation and Opened are still those of from; otherwise applied
	// is false and nothing is changed. User, ID, Created, Ends, AuthTime and
	// Client.Label are never changed by it.
	Rotate(ctx context.Context, from, next Session) (applied bool, err error)

	// End ends a session and writes its log entry in one atomic step. ended is
	// false, and nothing is written, if there is no such session or it had
	// ended already. Where it had ended already, the call returns once that end is
	// as durable as one that it makes itself: the reply to the first call may have
	// been lost before that (SECURITY 86).
	End(ctx context.Context, k SessionKey, reason string, at time.Time) (ended bool, err error)

	// EndEach does to each of a user's sessions what End does, all in one atomic
	// step, and returns the ids of those that it ended, in no order. There are at
	// most EndBatch ids. When it returns without an error, every end of the user's
	// sessions that was made before is durable as well, also where ids is empty: it
	// may be one whose reply was lost.
	EndEach(ctx context.Context, user string, ids []string, reason string, at time.Time) (ended []string, err error)

	// EndUser ends the user's sessions but keep (none if empty), moves the
	// user's mark and writes one log entry of kind user, in one atomic step. The
	// new mark's NotBefore is the second of at, or later if a session of the
	// user has a later AuthTime; it never moves back. The kept session, if it
	// lives, gets the AuthTime NotBefore + 1 s. A user who has no sessions gets
	// the mark too. It returns the new mark (the later of it and everyone's)
	// and how many sessions were ended.
	EndUser(ctx context.Context, user, keep, reason string, at time.Time) (Mark, int, error)

	// EndAll moves everyone's mark, as EndUser does one user's, and writes one
	// log entry of kind all. It takes no time per session: the mark itself ends
	// them, for Rotate and Create too.
	EndAll(ctx context.Context, reason string, at time.Time) (Mark, error)

	// EndAgain makes an end hold, exactly as it was, in a store that may have lost
	// it in a fail-over, and writes its log entry in the same atomic step. Where it
	// holds already, wrote is false and nothing is written, unless unlogged is set:
	// then the log entry alone is written, for a caller who has not seen the end in
	// the log since entries were lost. Another node may have made it again, and its
	// entry may be lost next, without a trace for those who never read it.
	//
	// KindSession ends the session as End does. Where there is no such session the
	// log entry is written all the same, by each call: the store has lost the
	// session, and may get it back. So the id must be known to be authentic.
	// KindUser raises the user's own mark to e.NotBefore and ends the sessions that
	// it covers, at e.At, but e.Keep, which, if it lives, gets the AuthTime
	// e.NotBefore + 1 s. KindAll raises everyone's mark; a clustered store does so in
	// each of its parts by itself.
	//
	// No mark moves further than e.NotBefore: who signed in later stays in. A mark
	// that moves gets a new version.
	EndAgain(ctx context.Context, e LoggedEnd, unlogged bool) (wrote bool, err error)

	// List returns the user's sessions that neither an end nor a mark has ended, the
	// oldest first, and the mark of the same moment: those behind after, and at most
	// limit of them; all if limit is 0. It does not judge expiry: callers ask Live.
	// ErrNotFound for a place whose ID is not that of a session.
	List(ctx context.Context, user string, after ListPlace, limit int) ([]Session, Mark, error)

	// Scan gives sessions of all users that were not ended one by one, at most
	// limit, in an order of its own; each with the mark of the same moment. What
	// is created or ended meanwhile may be missing; everything else is given once.
	// Like List it judges neither expiry nor the mark. A cursor that it does not
	// know gives ErrNotFound: begin with an empty one.
	Scan(ctx context.Context, after string, limit int) (SessionPage, error)

	// CountLive is how many sessions are live at now, to be looked at, not to be
	// relied on: it may miss what happens meanwhile, and takes its time (a look at
	// every session), but keeps nobody waiting.
	CountLive(ctx context.Context, now time.Time) (int, error)

	// Revocations gives at most limit entries of the log after the cursor, in
	// an order in which no entry can appear later before one already given. An
	// empty cursor, or one that the store does not know (it was restored from a
	// backup, started anew, or lost entries in a fail-over), gives the log from its
	// beginning, with Reset: the nodes then apply again what they know to have
	// ended in the last minute. A page may come together with an error, where a part
	// of a clustered store cannot be read: it holds what could be read, and its
	// cursor is good. A page without a cursor is none. An entry of KindAll may be
	// given more than once.
	Revocations(ctx context.Context, after string, limit int) (RevocationPage, error)

	// Sweep deletes sessions that ran out, and log entries written, before the
	// given moments, at most limit of each, and reports how many it deleted.
	// Zero means that the whole store has been looked through. It works in
	// batches, in which limit also bounds, times a constant, the sessions looked
	// at, and never keeps other calls waiting for more than one batch.
	Sweep(ctx context.Context, sessions, log time.Time, limit int) (deleted int, err error)
}

// Nudger is what a [SessionStore] may have besides: it tells of new entries in the
// log, so that nodes need not wait for their next look. They look all the same:
// nudges may come late, be lost, and come without need.
type Nudger interface {
	// Nudges gives a channel for one follower, the same at every call, in which
	// nudges that nobody has taken count as one; nil for none.
	Nudges() <-chan struct{}
}

// RecordScanner is what a [SessionStore] has besides whose sessions can move to
// another store.
type RecordScanner interface {
	// ScanRecords is as Scan, but gives ended sessions as well, for as long as they
	// are kept; those of one user in one piece, one behind the other.
	ScanRecords(ctx context.Context, after string, limit int) (SessionPage, error)
}

// SessionPage is a piece of all sessions.
type SessionPage struct {
	Sessions []MarkedSession
	Cursor   string // where the next page starts; opaque
	More     bool   // there is more to read now
}

// MarkedSession is a session with its user's mark.
type MarkedSession struct {
	Session
	Mark Mark
}

// A LoggedEnd is an entry of the revocation log: what those who follow the log
// are told, and what a node needs besides to apply the end again where a
// fail-over has lost it.
type LoggedEnd struct {
	token.Revocation
	User string // whose session it is, for KindSession; empty in entries of earlier releases
	Keep string // the session that was to go on, for KindUser; empty: none
}

// RevocationPage is a piece of the revocation log.
type RevocationPage struct {
	Entries []LoggedEnd
	Cursor  string // where the next page starts; opaque
	Reset   bool   // Entries start anew: what was read before is void
	More    bool   // there is more to read now
}
