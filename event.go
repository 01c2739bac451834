package pawl

import (
	"context"
	"time"
)

// What can happen, as Event.Kind.
const (
	EventSignIn           = "sign_in"
	EventSignInFailed     = "sign_in_failed"
	EventReissue          = "reissue"          // rows 4, 5 and 6; Row says which
	EventResentElsewhere  = "resent_elsewhere" // row 6 answered another address or agent than the one that rotated
	EventRestored         = "restored"         // row 2: the store had lost writes
	EventReused           = "reused"           // row 7: the alarm
	EventReissueRefused   = "reissue_refused"  // rows 1 and 3; Reason says why
	EventMovedIn          = "moved_in"         // a session of the old system became one of Pawl's; Row 5, an advance
	EventSessionEnded     = "session_ended"
	EventUserEnded        = "user_sessions_ended"
	EventAllEnded         = "all_sessions_ended"
	EventPasswordChanged  = "password_changed"
	EventPasswordRefused  = "password_refused"  // a change of password whose current one was wrong
	EventPasswordUpgraded = "password_upgraded" // a weak hash was replaced at sign-in
	EventUserCreated      = "user_created"
	EventUsersImported    = "users_imported" // Object says from which file, and how many
	EventUserUpdated      = "user_updated"   // login, roles or claims
	EventUserDisabled     = "user_disabled"
	EventUserEnabled      = "user_enabled"
	EventUserDeleted      = "user_deleted"
	EventResetOffered     = "reset_offered" // a one-time code that sets a password was made
	EventResetRefused     = "reset_refused"
	EventPasswordReset    = "password_reset"
	EventClientAdded      = "client_added" // a registered client
	EventClientRemoved    = "client_removed"
	EventDatabaseBackedUp = "database_backed_up"
	EventDatabaseRestored = "database_restored" // from a backup, which ended every session
	EventKeyAdded         = "key_added"
	EventKeyRemoved       = "key_removed"
	EventKeysResealed     = "keys_resealed" // under another master key
)

// Event is something that an operator may want to know. It never holds a
// secret: no token, key, password or Idempotency-Key.
type Event struct {
	At      time.Time
	Kind    string
	User    string // subject; empty where nobody is known
	Login   string // of a known user; what a stranger typed may be a password in the wrong field
	Session string // sid
	Reason  string // a reason or code of package api
	Row     int    // of the rotation table; 0 where none was reached
	Client  Client // who asked
	Key     string // key id, for key events
	By      string // who did it, where that is not the user: an administrator, a registered client, a shell
	Why     string // what they gave as their reason
	Object  string // id of what it is about, where that is neither user, session nor key: a registered client
}

// Actor is who is behind a call, where its arguments do not say.
type Actor struct {
	By     string // as in Event
	Why    string // as in Event
	Client Client
	// Limited actors may neither change administrators nor make any: registered
	// clients, which would else be administrators in all but name.
	Limited bool
}

type actorKey struct{}

// WithActor gives a context whose calls are known to come from a: events get
// its By, and its Client where they have none.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// from completes the event with the context's actor, if there is one.
func (e *Event) from(ctx context.Context) {
	a, ok := ctx.Value(actorKey{}).(Actor)
	if !ok {
		return
	}
	e.By, e.Why = a.By, a.Why
	if e.Client == (Client{}) {
		e.Client = a.Client
	}
}

// emit counts an event, and hands it to the configured sink and the audit log.
func (s *Service) emit(ctx context.Context, e Event) {
	if e.At.IsZero() {
		e.At = s.now()
	}
	s.activity.note(&e)
	if s.cfg.OnEvent == nil && s.audit.store == nil {
		return
	}
	if e.Kind != EventReissue { // says itself who asks, thousands of times a second
		e.from(ctx)
	}
	if s.cfg.OnEvent != nil {
		s.cfg.OnEvent(ctx, e)
	}
	s.audit.write(ctx, e)
}
