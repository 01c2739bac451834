package pawl

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/password"
	"github.com/pawlauth/pawl/token"
)

// Defaults of Config.
const (
	DefaultAccessTTL   = 30 * time.Minute
	DefaultRefreshTTL  = 14 * 24 * time.Hour
	DefaultSessionTTL  = 90 * 24 * time.Hour
	DefaultReuseWindow = MaxReuseWindow
	DefaultUserCache   = 5 * time.Second
	DefaultResetTTL    = time.Hour

	// DefaultSessionsPerUser is far more than a user has devices.
	DefaultSessionsPerUser = 100

	// MaxReuseWindow bounds how long a stolen previous token is answered.
	MaxReuseWindow = time.Minute
)

// leeway is the most that a resource server's clock may lag (SECURITY 11):
// revocations and keys are kept so much longer than the tokens they concern.
const leeway = time.Minute

// Config says what a Service is made of. Issuer, Audience, Sessions, Users,
// Keys and MasterKey must be set; everything else has a default.
type Config struct {
	Issuer   string   // iss of every token: the public URL, without a slash at its end
	Audience []string // aud of access tokens: who accepts them; never api.AdminAudience
	ClientID string   // client_id of access tokens; "pawl"

	Sessions  SessionStore
	Users     Users
	Keys      KeyStore
	MasterKey MasterKey // seals the keys in Keys

	Clients ClientStore // nil: no registered clients

	Legacy LegacyVerifier // of the old system, whose sessions move in; nil: none

	Audit          AuditStore    // nil: no audit log
	AuditRetention time.Duration // how long audit entries are kept; 0: for ever

	Throttle     Throttle     // nil: sign-ins are not limited, but by the time that hashing takes
	SignInLimits SignInLimits // zero values mean the defaults

	Policy    Policy    // zero durations mean the defaults
	KeyPolicy KeyPolicy // zero values mean the defaults
	// UnsafeNoReuseWindow makes every reissue advance, for benchmarks only: two
	// tabs that refresh at once then sign the person out.
	UnsafeNoReuseWindow bool
	ResetTTL            time.Duration // how long a one-time password-reset code is good; 0: an hour
	// SessionsPerUser is how many sessions of one user live at a time: one more
	// sign-in ends the oldest. 0: DefaultSessionsPerUser; negative: any number, so
	// that one user can fill the store.
	SessionsPerUser int

	Hasher         *password.Hasher // nil: Argon2id with the package's defaults
	PasswordPolicy password.Policy

	UserCache time.Duration // how long a user's roles and standing are believed; at most 5 s; 0: 5 s; negative: not at all

	Now     func() time.Time             // nil: time.Now. Where several nodes share a store: Clock.Now
	Elapsed func() time.Duration         // how much time has passed, whatever Now shows; nil: by the machine's monotonic clock. For tests
	OnEvent func(context.Context, Event) // nil: none. Called in line, concurrently; must be quick
	Log     *slog.Logger                 // nil: slog.Default(). Troubles in the background only
}

// Service issues and ends sessions. Its methods are safe for concurrent use.
// Errors are *api.Error, ready for the wire; what caused them is wrapped.
type Service struct {
	cfg     Config
	access  token.AccessVerifier // of every audience: a token that proves its session at a reissue or a logout
	refresh token.RefreshVerifier
	users   *userCache

	admin    KeyAdmin   // of the keys
	keysMu   sync.Mutex // one reload at a time
	keys     atomic.Pointer[keyring]
	keysRead struct { // the last reload for the sake of an unknown key
		sync.Mutex
		at  time.Time
		err error
	}

	limiter  limiter
	keeping  keeping
	decoys   *decoys
	audit    auditor
	activity activity
	revoked  token.Revoked
	memory   endMemory
	readings readings
	steady   steadyClock

	cursor    string            // of the revocation log; the follower's own
	rereads   bool              // the log is being read from its beginning; the follower's own
	unchecked *token.Revocation // everyone's end, as read; the follower's own
	unapplied []rememberedEnd   // what a part of the store did not take; the follower's own

	wake      chan struct{} // has the log read at once
	watching  watchers
	followers followers // of the log, elsewhere
	closing   <-chan struct{}

	stop context.CancelFunc
	done sync.WaitGroup
}

// New checks the configuration, loads or makes the keys, reads the live
// revocations, and starts what goes on in the background. Call Close at the
// end. It gives ErrMasterKey if the keys cannot be opened.
func New(ctx context.Context, cfg Config) (*Service, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Service{
		cfg:     cfg,
		access:  token.AccessVerifier{Issuer: cfg.Issuer, Audience: append(slices.Clone(cfg.Audience), api.AdminAudience(cfg.Issuer))},
		refresh: token.RefreshVerifier{Issuer: cfg.Issuer},
		users:   newUserCache(cfg.Users, cfg.UserCache, cfg.Now),
		wake:    make(chan struct{}, 1),
	}
	s.admin = KeyAdmin{Store: cfg.Keys, MasterKey: cfg.MasterKey, Policy: cfg.KeyPolicy, Lifetimes: cfg.Policy, Now: cfg.Now}
	s.audit.store, s.audit.log = cfg.Audit, cfg.Log
	s.activity.began = s.now()
	s.steadyNow() // from here on time passes
	s.limiter = newLimiter(cfg.Throttle, cfg.SignInLimits, cfg.MasterKey, s.now)
	s.decoys = newDecoys(cfg.MasterKey)
	if err := s.loadKeys(ctx); err != nil {
		return nil, err
	}
	if err := s.followOnce(ctx); err != nil {
		return nil, fmt.Errorf("read the revocations: %w", err)
	}
	background, stop := context.WithCancel(context.Background())
	s.stop, s.closing = stop, background.Done()
	s.passNudges(background)
	s.goEvery(background, followEvery, s.wake, "follow the revocation log", s.followOnce)
	s.goEvery(background, cfg.KeyPolicy.Reload, nil, "reload the keys", s.loadKeys)
	s.goEvery(background, sweepEvery, nil, "clean up", s.sweepOnce)
	s.learnHashes(background)
	s.goEvery(background, sweepEvery, nil, "clean up the audit log", s.sweepAudit)
	return s, nil
}

// Close stops the background work and waits for it. The stores stay open:
// they belong to the caller.
func (s *Service) Close() {
	s.stop()
	s.done.Wait()
}

func (c Config) withDefaults() (Config, error) {
	switch {
	case c.Issuer == "":
		return c, errors.New("pawl: Config.Issuer is missing: the public URL of this service")
	case c.Sessions == nil || c.Users == nil || c.Keys == nil:
		return c, errors.New("pawl: Config needs Sessions, Users and Keys")
	case c.MasterKey.IsZero():
		return c, errors.New("pawl: Config.MasterKey is missing: make one with NewMasterKey and keep it")
	case c.ResetTTL < 0:
		return c, errors.New("pawl: Config.ResetTTL must not be negative")
	case c.AuditRetention < 0:
		return c, errors.New("pawl: Config.AuditRetention must not be negative")
	}
	if err := c.checkAudience(); err != nil {
		return c, err
	}
	if c.SessionsPerUser == 0 {
		c.SessionsPerUser = DefaultSessionsPerUser
	}
	if c.ResetTTL == 0 {
		c.ResetTTL = DefaultResetTTL
	}
	p, err := c.Policy.withDefaults(c.UnsafeNoReuseWindow)
	if err != nil {
		return c, err
	}
	c.Policy = p
	if c.KeyPolicy, err = c.KeyPolicy.withDefaults(); err != nil {
		return c, err
	}
	if c.SignInLimits, err = c.SignInLimits.withDefaults(); err != nil {
		return c, err
	}
	if c.Hasher == nil {
		if c.Hasher, err = password.New(password.Options{}); err != nil {
			return c, err
		}
	}
	if c.ClientID == "" {
		c.ClientID = "pawl"
	}
	if c.UserCache == 0 || c.UserCache > DefaultUserCache {
		c.UserCache = DefaultUserCache
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Elapsed == nil {
		c.Elapsed = monotonic()
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c, nil
}

// checkAudience refuses what would open the administration to a resource server.
func (c Config) checkAudience() error {
	admin := api.AdminAudience(c.Issuer)
	switch {
	case len(c.Audience) == 0:
		return errors.New("pawl: Config.Audience is missing: who accepts the access tokens")
	case slices.Contains(c.Audience, admin):
		return fmt.Errorf("pawl: Config.Audience must not hold %q, which is for the administration alone: with it every resource server that is sent an administrator's token could administer; give the resource server another name", admin)
	}
	return nil
}

func (p Policy) withDefaults(noWindow bool) (Policy, error) {
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{{&p.AccessTTL, DefaultAccessTTL}, {&p.RefreshTTL, DefaultRefreshTTL}, {&p.SessionTTL, DefaultSessionTTL}, {&p.ReuseWindow, DefaultReuseWindow}} {
		if *d.v == 0 {
			*d.v = d.def
		}
		if *d.v < 0 {
			return p, errors.New("pawl: a Policy's durations must not be negative")
		}
	}
	if noWindow {
		p.ReuseWindow = 0
	}
	switch {
	case p.ReuseWindow > MaxReuseWindow:
		return p, fmt.Errorf("pawl: Policy.ReuseWindow is at most %v", MaxReuseWindow)
	case p.AccessTTL < time.Second || p.RefreshTTL < time.Second || p.SessionTTL < time.Second:
		return p, errors.New("pawl: tokens must live for a second at least: they carry whole seconds")
	}
	return p, nil
}

// now is the one place where the service looks at the clock. Records keep
// milliseconds.
func (s *Service) now() time.Time { return s.cfg.Now().UTC().Truncate(time.Millisecond) }

// elapsed is how much time has passed since the service was made.
func (s *Service) elapsed() time.Duration { return s.cfg.Elapsed() }

// steadyNow is now for what deletes: see steadyClock.
func (s *Service) steadyNow() time.Time { return s.steady.read(s.now(), s.elapsed()) }

// Now is the service's clock, in whole milliseconds.
func (s *Service) Now() time.Time { return s.now() }

// Issuer is the issuer of the tokens.
func (s *Service) Issuer() string { return s.cfg.Issuer }

// Audience is the audience of the access tokens.
func (s *Service) Audience() []string { return s.cfg.Audience }

// AdminAudience is the audience of access tokens for the administration, which are
// reissued on demand: see api.ReissueRequest.
func (s *Service) AdminAudience() string { return api.AdminAudience(s.cfg.Issuer) }

// unavailable maps a store's failure to the wire: 503, and nothing is lost
// (row 8).
func unavailable(err error) *api.Error { return api.ErrUnavailable.Wrap(err) }
