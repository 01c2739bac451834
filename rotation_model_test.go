package pawl_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
)

var (
	rotSteps = flag.Int("rotation.steps", 0, "random steps of the rotation model; 0: 20,000, or 100,000 where CI is true")
	rotSeed  = flag.Uint64("rotation.seed", 1, "of the rotation model's random steps")
)

// Random interleavings of honest cookie jars with several tabs, lost and late
// messages, retries with and without keys, thieves, a clock that steps both
// ways, logouts, bans, password changes and lost writes, against the real
// service. After each step the laws below must hold.
func TestRotationModel(t *testing.T) {
	steps := *rotSteps
	if steps == 0 {
		steps = rotScale(20_000, 100_000)
	}
	eachRotStore(t, func(t *testing.T, store rotStore) {
		if _, durable := store.(interface{ Close() error }); durable {
			steps /= 10
		}
		lossy := newLossyStore(store)
		clock, users := newRotClock(), newRotUsers()
		var seen modelEvents
		svc := newRotService(t, lossy, clock, users, func(c *pawl.Config) {
			c.Policy = pawl.Policy{AccessTTL: 30 * time.Minute, RefreshTTL: 2 * 24 * time.Hour, SessionTTL: 5 * 24 * time.Hour}
			c.OnEvent = seen.note
		})
		const perWorld = 1000 // a failure's story stays short
		for i := 0; i*perWorld < steps; i++ {
			seed := *rotSeed + uint64(i)
			w := newModelWorld(t, svc, lossy, clock, users, seed)
			for range min(perWorld, steps-i*perWorld) {
				w.step()
				if w.broken != "" {
					t.Fatalf("%s\nrun again with -rotation.seed=%d -rotation.steps=%d; the last steps:\n%s",
						w.broken, seed, perWorld, strings.Join(w.story, "\n"))
				}
			}
		}
		seen.check(t, steps)
	})
}

// modelWorld is two people's browsers, their thieves, and the network.
type modelWorld struct {
	t     *testing.T
	svc   *pawl.Service
	store *lossyStore
	clock *rotClock
	users *rotUsers
	rng   *rand.Rand

	real   time.Duration // the browsers' time: it never steps
	jars   []*modelJar
	loot   []modelLoot
	known  map[string]*modelSession // by sid
	broken string
	story  []string
}

// modelSession is what the model remembers of a session.
type modelSession struct {
	key      pawl.SessionKey
	ends     time.Time
	over     string            // an end that was answered: its reason
	thieved  bool              // a thief has presented a token of it
	bytes    map[string]string // refresh tokens given, by what they say
	reopened map[string]int    // by generation and when it was made
}

func newModelWorld(t *testing.T, svc *pawl.Service, store *lossyStore, clock *rotClock, users *rotUsers, seed uint64) *modelWorld {
	w := &modelWorld{
		t: t, svc: svc, store: store, clock: clock, users: users,
		rng: rand.New(rand.NewPCG(seed, 0)), known: map[string]*modelSession{},
	}
	for i := range 2 {
		user := fmt.Sprintf("%s-%d-%d", t.Name(), seed, i)
		users.add(user)
		for range 2 {
			w.jars = append(w.jars, &modelJar{w: w, name: len(w.jars), user: user, keyed: w.rng.IntN(3) > 0})
		}
	}
	return w
}

func (w *modelWorld) chance(percent int) bool { return w.rng.IntN(100) < percent }

func (w *modelWorld) upTo(d time.Duration) time.Duration {
	return time.Duration(w.rng.Int64N(int64(d))).Truncate(time.Millisecond)
}

func (w *modelWorld) tell(format string, args ...any) {
	w.story = append(w.story, fmt.Sprintf("%s  ", w.clock.now().Format("01-02 15:04:05.000"))+fmt.Sprintf(format, args...))
	if len(w.story) > 100 {
		w.story = w.story[1:]
	}
}

func (w *modelWorld) fail(format string, args ...any) {
	if w.broken == "" {
		w.broken = fmt.Sprintf(format, args...)
	}
}

// step does one thing at random.
func (w *modelWorld) step() {
	jar := w.jars[w.rng.IntN(len(w.jars))]
	switch n := w.rng.IntN(1000); {
	case n < 260:
		jar.send()
	case n < 610:
		jar.deliver()
	case n < 760:
		jar.receive()
	case n < 860:
		w.pass(w.upTo(3 * time.Second))
	case n < 885:
		w.pass(w.upTo(90 * time.Second))
	case n < 922:
		w.pass(25*time.Minute + w.upTo(10*time.Minute))
	case n < 923:
		w.pass(w.upTo(3 * 24 * time.Hour))
	case n < 940:
		w.clockSteps()
	case n < 955:
		w.steal(jar)
	case n < 970:
		w.useLoot()
	case n < 980:
		w.loseWrites(jar)
	case n < 985:
		jar.crash()
	case n < 988:
		w.logout(jar)
	case n < 990:
		w.ban(jar)
	case n < 991:
		w.endAll()
	case n < 994:
		w.changePassword(jar)
	case n < 996:
		w.disable(jar)
	default:
		jar.loseMessages()
	}
}

// pass lets time go by; what is under way then is lost after ten seconds.
func (w *modelWorld) pass(d time.Duration) {
	w.tell("%v pass", d)
	w.real += d
	w.clock.step(d)
	for _, jar := range w.jars {
		jar.forgetOld()
	}
}

// clockSteps sets the store's clock, but not the browsers'. A request that is
// under way across a step forward is as late as the step is long, and a cookie
// as old.
func (w *modelWorld) clockSteps() {
	d := w.upTo(10*time.Minute) - 5*time.Minute
	if d > 0 {
		for _, jar := range w.jars {
			jar.loseMessages()
			jar.onDisk = jar.refresh
		}
	}
	w.tell("the store's clock steps by %v", d)
	w.clock.step(d)
}

func (w *modelWorld) loseWrites(jar *modelJar) {
	if s := w.known[jar.sid]; s != nil {
		n := w.store.rollBack(w.t, s.key, 1+w.rng.IntN(3))
		jar.failedOver = w.real
		clear(s.reopened) // that a window was opened again may be lost, too
		w.tell("jar %d: a fail-over loses %d writes", jar.name, n)
	}
}

// ended notes an end that the service has answered.
func (w *modelWorld) ended(over func(*modelSession) bool, reason string) {
	for _, s := range w.known {
		if s.over == "" && over(s) {
			s.over = reason
		}
	}
}

func (w *modelWorld) logout(jar *modelJar) {
	if jar.refresh == "" {
		return
	}
	w.tell("jar %d signs out", jar.name)
	if err := w.svc.Logout(w.t.Context(), api.ReissueRequest{RefreshToken: jar.refresh}); err != nil {
		w.fail("logout failed: %v", err)
	}
	w.ended(func(s *modelSession) bool { return s.key.ID == jar.sid }, api.ReasonSignedOut)
}

func (w *modelWorld) ban(jar *modelJar) {
	w.tell("%s is banned", jar.user)
	if _, err := w.svc.EndUser(w.t.Context(), jar.user, api.ReasonEndedByAdmin); err != nil {
		w.fail("ban failed: %v", err)
	}
	w.ended(func(s *modelSession) bool { return s.key.User == jar.user }, api.ReasonEndedByAdmin)
}

func (w *modelWorld) endAll() {
	w.tell("everyone's sessions are ended")
	if err := w.svc.EndAll(w.t.Context(), api.ReasonEndedByAdmin); err != nil {
		w.fail("end of all failed: %v", err)
	}
	w.ended(func(*modelSession) bool { return true }, api.ReasonEndedByAdmin)
}

// changePassword ends the user's other sessions, as the service does once the
// password is set; the hashing is left out. The session that asks goes on if it
// lives: one that has idled out cannot ask.
func (w *modelWorld) changePassword(jar *modelJar) {
	asking, mark, err := w.store.Get(w.t.Context(), pawl.SessionKey{User: jar.user, ID: jar.sid})
	if err != nil || !asking.Live(mark, w.clock.now()) {
		return
	}
	w.tell("jar %d changes the password", jar.name)
	if _, _, err := w.store.EndUser(w.t.Context(), jar.user, jar.sid, api.ReasonPasswordChanged, w.clock.now()); err != nil {
		w.fail("password change failed: %v", err)
	}
	w.ended(func(s *modelSession) bool { return s.key.User == jar.user && s.key.ID != jar.sid }, api.ReasonPasswordChanged)
}

// disable bars a user for one attempt to reissue: their live sessions end by it.
func (w *modelWorld) disable(jar *modelJar) {
	if jar.refresh == "" {
		return
	}
	w.tell("%s is disabled, and enabled again", jar.user)
	live, err := w.svc.SessionsOf(w.t.Context(), jar.user, "", 0)
	if err != nil {
		w.fail("cannot list sessions: %v", err)
	}
	w.users.setDisabled(jar.user, true)
	if _, err := w.svc.Reissue(w.t.Context(), api.ReissueRequest{RefreshToken: jar.refresh}); err == nil {
		w.fail("a disabled user got tokens")
	}
	w.users.setDisabled(jar.user, false)
	for _, s := range w.known {
		rec, mark, err := w.store.Get(w.t.Context(), s.key)
		if err == nil && s.key.User == jar.user && s.over == "" && (!rec.Ended.IsZero() || mark.Covers(rec.AuthTime)) {
			s.over = api.ReasonDisabled
		}
	}
	for _, rec := range live.Sessions {
		if w.known[rec.ID].over == "" {
			w.fail("session %.6s outlived its user's being disabled", rec.ID)
		}
	}
}
