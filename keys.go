package pawl

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/pawlauth/pawl/token"
)

// Uses of a key: no key serves both (SECURITY 15).
const (
	UseAccess  = "access"
	UseRefresh = "refresh"
)

// KeyRecord is a signing key at rest: sealed under the master key.
type KeyRecord struct {
	ID        string // kid
	Use       string // UseAccess or UseRefresh
	Algorithm string
	Sealed    []byte    // by MasterKey.seal
	Created   time.Time // whole milliseconds
	SignsFrom time.Time // published before, signs from then on
	// Life is the longest life of a token when the key was made, leeway included;
	// whole milliseconds. Lifetimes may be configured shorter since.
	Life time.Duration
}

// KeyStore holds the sealed keys, of both uses, as one list. Methods are safe
// for concurrent use, by several processes too where the engine allows that.
type KeyStore interface {
	// Keys gives the list of one moment, in the order in which it was stored.
	Keys(ctx context.Context) ([]KeyRecord, error)

	// ReplaceKeys stores to in place of from, in one atomic step, and returns
	// when that is durable: every reader, after a crash too, finds the one list
	// or the other. ErrConflict, and nothing is changed, if what is stored is not
	// from: the same IDs, each with the same Sealed, in the same order. IDs are
	// unique within a list.
	ReplaceKeys(ctx context.Context, from, to []KeyRecord) error
}

// KeyPolicy says how keys rotate. Zero values mean the defaults.
type KeyPolicy struct {
	Algorithm string        // of access tokens; ES256
	Every     time.Duration // a new key of each use so often, or 32 times in the life of its tokens if that is less often; 30 days
	Publish   time.Duration // how long a key is published before it signs; 10 minutes; at least the JWKS max-age
	// Reload is how often the key store is read; half a second, at most Publish / 2.
	// A service goes on accepting a removed key for so long, and the time of one
	// reading (SECURITY 18).
	Reload time.Duration
}

const defaultReload = 500 * time.Millisecond

func (p KeyPolicy) withDefaults() (KeyPolicy, error) {
	if p.Algorithm == "" {
		p.Algorithm = token.ES256
	}
	if p.Every == 0 {
		p.Every = 30 * 24 * time.Hour
	}
	if p.Publish == 0 {
		p.Publish = 10 * time.Minute
	}
	if p.Reload == 0 {
		p.Reload = min(defaultReload, p.Publish/2)
	}
	if p.Publish < 2*p.Reload || p.Every < p.Publish || p.Reload < 0 {
		return p, errors.New("pawl: keys must be published for at least two reloads before they sign, and rotate no faster than that")
	}
	return p, nil
}

// A key set has a limit (64), past which no key could be loaded any more.
const (
	// maxLiveKeys is how many keys of one use, at most, the schedule begins while
	// the tokens of one live. No command adds one beyond it.
	maxLiveKeys = 32
	// maxKeys is how many keys of one use there can be: what the schedule adds to
	// what commands added.
	maxKeys = 48
)

// keyPlan is what is to be done with the keys of one use.
type keyPlan struct {
	signing string    // ID; empty: none may sign yet, add one first
	add     bool      // a new key is due
	signsAt time.Time // when the key to add begins to sign
	drop    []string  // dead: the last token they signed is
}

// planKeys is the key schedule: published before it signs, kept until the last
// token it signed is dead (SECURITY 17). recs are of one use, oldest first; alg
// is the algorithm that is wanted, life the longest life that a token of that
// use is given now, leeway included. Longer lives have a key that remembers
// them: after a restart with shorter ones, tokens of before are still about.
func planKeys(recs []KeyRecord, now time.Time, pol KeyPolicy, alg string, life time.Duration) keyPlan {
	var p keyPlan
	if len(recs) == 0 {
		return keyPlan{add: true, signsAt: now}
	}
	signing := signingAt(recs, now)
	p.signing = recs[signing].ID
	for i := range signing {
		if dead, _ := deadAt(recs, i, pol, life); now.After(dead) {
			p.drop = append(p.drop, recs[i].ID)
		}
	}
	newest := recs[len(recs)-1]
	every := max(pol.Every, longestLife(recs, life)/maxLiveKeys)
	// Not while the newest waits for its turn: two nodes that want different
	// algorithms would add keys at every reload.
	due := newest.Algorithm != alg || now.Sub(newest.SignsFrom) > every-pol.Publish
	if len(recs) < maxKeys && (newest.Life < life || due && !now.Before(newest.SignsFrom)) {
		p.add, p.signsAt = true, now.Add(pol.Publish)
	}
	return p
}

// signingAt is the newest key whose time has come, else the oldest there is.
func signingAt(recs []KeyRecord, now time.Time) int {
	signing := 0
	for i, r := range recs {
		if !now.Before(r.SignsFrom) {
			signing = i
		}
	}
	return signing
}

// deadAt is when the last token that a key signed is dead: a life after the
// first of the keys behind it has its turn. ok is false if there is none.
func deadAt(recs []KeyRecord, i int, pol KeyPolicy, life time.Duration) (t time.Time, ok bool) {
	if i == len(recs)-1 {
		return t, false
	}
	next := slices.MinFunc(recs[i+1:], func(a, b KeyRecord) int { return a.SignsFrom.Compare(b.SignsFrom) })
	return next.SignsFrom.Add(longestLife(recs, life) + pol.Reload), true // other nodes turn to a new key at their next reload
}

// longestLife is the longest life, leeway included, of a token that may be
// alive: by the keys that are kept, and by the configuration.
func longestLife(recs []KeyRecord, life time.Duration) time.Duration {
	for _, r := range recs {
		life = max(life, r.Life)
	}
	return life
}

// waitsFor is the newest key, if it waits for its turn while another signs.
func waitsFor(recs []KeyRecord, now time.Time) (KeyRecord, bool) {
	last := len(recs) - 1
	if last < 1 || !now.Before(recs[last].SignsFrom) || signingAt(recs, now) == last {
		return KeyRecord{}, false
	}
	return recs[last], true
}

func ofUse(recs []KeyRecord, use string) []KeyRecord {
	return slices.DeleteFunc(slices.Clone(recs), func(r KeyRecord) bool { return r.Use != use })
}
