// Package password hashes, checks and judges passwords.
//
// New hashes are Argon2id in PHC strings. Hashes brought from other systems
// (bcrypt, scrypt, PBKDF2 and Argon2, as PHC strings and as Spring Security,
// Django, passlib and, by [FromKeycloak], Keycloak write them) are checked as
// they are and replaced by [Hasher.Verify] the next time their owner signs in. Whether a new password is good enough is the
// business of [Policy]: length and block-lists, no rules of composition and no
// expiry (NIST SP 800-63B-4, 3.1.1.2).
//
// Passwords are bytes: they are hashed and compared exactly as received,
// without trimming, case folding or Unicode normalisation.
//
// One Argon2id computation takes [Params].Memory, so a [Hasher] computes only
// as many at once as [Options].Concurrency says, lets a bounded number of
// callers wait their turn, in order of arrival, and refuses the rest with
// [ErrBusy]. A process should have one Hasher.
package password

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"
)

// MaxBytes is the length of the longest password that is hashed: 1,024
// characters of four bytes. Nothing is computed for a longer one, so that a
// huge password costs an attacker's bandwidth and not our time.
const MaxBytes = 4 * maxCharacters

var (
	// ErrBusy says that the call got no turn: too many callers wait already,
	// [Options].Wait has passed, or the caller's context ended first (the error
	// then is that of the context as well). Nothing was computed, and nothing is
	// known about the password: answer 503 with Retry-After, not 401.
	ErrBusy = errors.New("password: too many passwords are being checked, try again later")

	// ErrUnsupported says that a stored hash has a form this package does not
	// know, or asks for more memory or time than it grants. The error's text
	// says what was wrong and never quotes the hash.
	ErrUnsupported = errors.New("password: stored hash is not supported")

	// ErrTooLong says that a password to be hashed exceeds [MaxBytes].
	ErrTooLong = fmt.Errorf("password: longer than %d bytes", MaxBytes)
)

// Options configure a [Hasher]. The zero value is ready for use. Negative
// numbers are refused.
type Options struct {
	// Params are those of new hashes. Zero: [DefaultParams]. Weaker ones are
	// refused.
	Params Params

	// Concurrency is how many hashes are computed at once. 0: GOMAXPROCS. Each
	// takes Params.Memory while it runs, and leaves it as garbage: with GOGC=100
	// the process grows by about three times this product (38 MiB at the
	// defaults on two cores; 105 to 130 MiB measured under 1,000 clients).
	Concurrency int

	// Wait is the longest time a caller waits for its turn; a context that ends
	// sooner ends the wait. 0: 2 s.
	Wait time.Duration

	// Queue is how many callers may wait at once; more are refused immediately.
	// 0: about as many as get their turn within Wait on an ordinary machine, at
	// most 4,096 (174 with the other defaults on two cores).
	Queue int
}

// Hasher makes and checks hashes. It is safe for concurrent use. Where there are
// more callers than turns, each waits in the line that its context names
// ([WithLine]); those of no line share one.
type Hasher struct {
	params Params
	turns  *turns
	dummy  stored

	// computing is called before every computation; tests count and delay with
	// it. Nil otherwise.
	computing func(cost)
}

// New returns a Hasher, or an error that says which option is out of bounds
// and what would be accepted. It computes no hash, so it is quick.
func New(o Options) (*Hasher, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	return newHasher(o), nil
}

// newHasher trusts its options, which lets tests use cheap parameters.
func newHasher(o Options) *Hasher {
	o = o.withDefaults()
	return &Hasher{
		params: o.Params,
		turns:  newTurns(o.Concurrency, o.Queue, o.Wait),
		dummy:  dummyHash(o.Params),
	}
}

// Hash returns the PHC string to store for a new password, with a fresh salt.
// The error is [ErrTooLong] or [ErrBusy]. Whether the password is acceptable is
// for [Policy.Check] to say, before.
func (h *Hasher) Hash(ctx context.Context, pw string) (phc string, err error) {
	if len(pw) > MaxBytes {
		return "", ErrTooLong
	}
	done, err := h.turns.take(ctx, 1)
	if err != nil {
		return "", err
	}
	defer done()
	return h.create(pw), nil
}

// Verify reports whether pw is the password that phc was made from.
//
// An empty phc stands for an unknown user: the work of a hash with
// [Options].Params is done and the answer is false, so that the time does not
// tell a stranger which accounts exist (SECURITY 41). A stored hash that is not
// supported costs that work too and yields [ErrUnsupported]; the caller should
// log it and answer as for a wrong password. Hashes with other parameters take
// a different time until they have been upgraded: where there are such, the
// caller gives unknown users a [Decoy] of one of them, as pawl.Service does.
//
// When ok, a non-empty upgraded is a hash of pw with the current parameters, to
// be stored in place of phc, provided that phc still is what is stored. It is
// computed in the same turn. It is empty when phc is current already, or when
// ctx ended meanwhile (the next sign-in will upgrade). Stronger parameters than
// the current ones are replaced as well: they are the operator's choice, and
// equal cost is what hides unknown users.
//
// A password longer than [MaxBytes] is answered false at no cost, whoever the
// user is. The only other error is [ErrBusy]. A computation that has begun is
// not interrupted by ctx.
func (h *Hasher) Verify(ctx context.Context, phc, pw string) (ok bool, upgraded string, err error) {
	return h.verify(ctx, phc, pw, true)
}

// Check is Verify that upgrades nothing: a right password costs exactly what a
// wrong one does.
func (h *Hasher) Check(ctx context.Context, phc, pw string) (ok bool, err error) {
	ok, _, err = h.verify(ctx, phc, pw, false)
	return ok, err
}

func (h *Hasher) verify(ctx context.Context, phc, pw string, upgrade bool) (ok bool, upgraded string, err error) {
	if len(pw) > MaxBytes {
		return false, "", nil
	}
	hash, unsupported := h.target(phc)
	done, err := h.turns.take(ctx, h.weight(hash.cost()))
	if err != nil {
		return false, "", err
	}
	defer done()

	ok = h.matches(hash, pw)
	switch {
	case unsupported != nil:
		return false, "", unsupported
	case phc == "" || !ok:
		return false, "", nil
	case !upgrade || hash.current(h.params) || ctx.Err() != nil:
		return true, "", nil
	}
	return true, h.create(pw), nil
}

// Stats returns how many hashes are being computed and how many callers wait
// for a turn.
func (h *Hasher) Stats() (running, waiting int) { return h.turns.stats() }

// target is what to compare with: the dummy where there is nothing better.
func (h *Hasher) target(phc string) (stored, error) {
	if phc == "" {
		return h.dummy, nil
	}
	hash, err := parse(phc)
	if err != nil {
		return h.dummy, err
	}
	return hash, nil
}

func (h *Hasher) matches(hash stored, pw string) bool {
	h.observe(hash.cost())
	return hash.matches(pw)
}

func (h *Hasher) create(pw string) string {
	h.observe(h.params.cost())
	return newArgon2id(h.params, pw).String()
}

func (h *Hasher) observe(c cost) {
	if h.computing != nil {
		h.computing(c)
	}
}

// weight is how many turns a computation takes. A hash that needs several times
// the memory or the threads of ours takes as many turns, at most all of them:
// memory stays within Concurrency × Params.Memory, or within the cap on a
// single stored hash where that is more.
func (h *Hasher) weight(c cost) int {
	memory := ceilDiv(int(c.memory), int(h.params.Memory))
	threads := ceilDiv(int(c.threads), int(h.params.Threads))
	return max(1, memory, threads)
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

func (o Options) withDefaults() Options {
	if o.Params == (Params{}) {
		o.Params = DefaultParams
	}
	if o.Concurrency == 0 {
		o.Concurrency = runtime.GOMAXPROCS(0)
	}
	if o.Wait == 0 {
		o.Wait = 2 * time.Second
	}
	if o.Queue == 0 {
		o.Queue = defaultQueue(o)
	}
	return o
}

// passRate is how many KiB one core fills in a second: 38 MiB in 22.8 ms,
// rounded. It only sizes the queue.
const passRate = 1_700_000

// defaultQueue holds those who can expect a turn within Wait. Anybody further
// back would wait in vain, with a connection and a goroutine held meanwhile.
func defaultQueue(o Options) int {
	work := float64(o.Params.Memory) * float64(o.Params.Time)
	served := float64(o.Concurrency) * o.Wait.Seconds() * passRate / work
	return int(min(max(served, 16), 4096))
}

func (o Options) validate() error {
	if err := o.Params.validate(); err != nil {
		return err
	}
	switch {
	case o.Concurrency < 0:
		return fmt.Errorf("password: Concurrency is %d; use 0 for one hash a core, or a positive number", o.Concurrency)
	case o.Wait < 0:
		return fmt.Errorf("password: Wait is %v; use 0 for 2s, or a positive duration", o.Wait)
	case o.Queue < 0:
		return fmt.Errorf("password: Queue is %d; use 0 for the default, or a positive number", o.Queue)
	}
	return nil
}
