package pawl

import (
	"context"
	"errors"
	"fmt"
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

// KeyStore holds the sealed keys. Methods are safe for concurrent use, by
// several processes too where the engine allows that.
type KeyStore interface {
	// Keys gives every key, oldest first.
	Keys(ctx context.Context) ([]KeyRecord, error)

	// AddKey stores a key if latest is the ID of the newest key of its use (""
	// if there is none); ErrConflict if another node was first.
	AddKey(ctx context.Context, k KeyRecord, latest string) error

	// RemoveKey deletes a key; ErrNotFound if there is none.
	RemoveKey(ctx context.Context, id string) error
}

// KeyPolicy says how keys rotate. Zero values mean the defaults.
type KeyPolicy struct {
	Algorithm string        // of access tokens; ES256
	Every     time.Duration // a new key of each use so often, or 32 times in the life of its tokens if that is less often; 30 days
	Publish   time.Duration // how long a key is published before it signs; 10 minutes; at least the JWKS max-age
	Reload    time.Duration // how often the key store is read; 10 s, at most Publish / 2
}

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
		p.Reload = min(10*time.Second, p.Publish/2)
	}
	if p.Publish < 2*p.Reload || p.Every < p.Publish || p.Reload < 0 {
		return p, errors.New("pawl: keys must be published for at least two reloads before they sign, and rotate no faster than that")
	}
	return p, nil
}

// maxLiveKeys is how many keys of one use, at most, are begun while the tokens
// of one live.
const maxLiveKeys = 32

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
	signing := 0 // the newest key whose time has come, else the oldest there is
	for i, r := range recs {
		if !now.Before(r.SignsFrom) {
			signing = i
		}
	}
	p.signing = recs[signing].ID
	longest := longestLife(recs, life)
	for i := range signing {
		if now.Sub(recs[i+1].SignsFrom) > longest+pol.Reload { // other nodes turn to a new key at their next reload
			p.drop = append(p.drop, recs[i].ID)
		}
	}
	newest := recs[len(recs)-1]
	every := max(pol.Every, longest/maxLiveKeys) // a key set has a limit, at which no key could be loaded any more
	// Not while the newest waits for its turn: two nodes that want different
	// algorithms would add keys at every reload.
	due := newest.Algorithm != alg || now.Sub(newest.SignsFrom) > every-pol.Publish
	if newest.Life < life || due && !now.Before(newest.SignsFrom) {
		p.add, p.signsAt = true, now.Add(pol.Publish)
	}
	return p
}

// longestLife is the longest life, leeway included, of a token that may be
// alive: by the keys that are kept, and by the configuration.
func longestLife(recs []KeyRecord, life time.Duration) time.Duration {
	for _, r := range recs {
		life = max(life, r.Life)
	}
	return life
}

// keyring is a moment's keys of both uses; replaced as a whole.
type keyring struct {
	access, refresh *token.KeySet
	accessLife      time.Duration        // the longest of an access token that may be alive, leeway included
	since           map[string]time.Time // use → when the key that signs began to
	made            string               // what it was made from: unchanged keys keep the same sets
}

// loadKeys reads the key store, adds what is due, drops what is dead, and puts
// the result in force. It is safe to run on several nodes at once.
func (s *Service) loadKeys(ctx context.Context) error {
	s.keysMu.Lock()
	defer s.keysMu.Unlock()
	for range 5 {
		recs, err := s.cfg.Keys.Keys(ctx)
		if err != nil {
			return fmt.Errorf("read the keys: %w", err)
		}
		again, err := s.applyPlans(ctx, recs)
		if err != nil {
			return err
		}
		if again {
			continue
		}
		return s.useKeys(recs)
	}
	return errors.New("the key store changes all the time")
}

// applyPlans reports whether it changed the key store.
func (s *Service) applyPlans(ctx context.Context, recs []KeyRecord) (changed bool, err error) {
	for _, use := range []string{UseAccess, UseRefresh} {
		own := ofUse(recs, use)
		plan := s.planFor(use, own)
		if plan.add || len(plan.drop) > 0 {
			// A key sealed by a wrong master key, beside those of the right one, would
			// leave a database that neither opens.
			if err := s.opensAll(recs); err != nil {
				return false, err
			}
		}
		if plan.add {
			changed = true
			if err := s.addKey(ctx, use, own, plan.signsAt); err != nil && !errors.Is(err, ErrConflict) {
				return false, fmt.Errorf("add a key: %w", err)
			}
		}
		for _, id := range plan.drop {
			changed = true
			if err := s.cfg.Keys.RemoveKey(ctx, id); err != nil && !errors.Is(err, ErrNotFound) {
				return false, fmt.Errorf("remove key %s: %w", id, err)
			}
			s.emit(ctx, Event{Kind: EventKeyRemoved, Key: id, Reason: use})
		}
	}
	return changed, nil
}

// opensAll gives ErrMasterKey if the master key does not open each of recs.
func (s *Service) opensAll(recs []KeyRecord) error {
	for _, r := range recs {
		if _, err := s.cfg.MasterKey.open(r); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) addKey(ctx context.Context, use string, own []KeyRecord, signsAt time.Time) error {
	alg := s.algorithm(use)
	k, err := token.GenerateKey(alg)
	if err != nil {
		return err
	}
	r := KeyRecord{ID: k.ID(), Use: use, Algorithm: alg, Created: s.now(), SignsFrom: signsAt, Life: s.tokenLife(use)}
	if r.Sealed, err = s.cfg.MasterKey.seal(k, r); err != nil {
		return err
	}
	latest := ""
	if n := len(own); n > 0 {
		latest = own[n-1].ID
	}
	if err := s.cfg.Keys.AddKey(ctx, r, latest); err != nil {
		return err
	}
	s.emit(ctx, Event{Kind: EventKeyAdded, Key: r.ID, Reason: use})
	return nil
}

// useKeys opens the records, if they are not those in force, and puts them in force.
func (s *Service) useKeys(recs []KeyRecord) error {
	ring := keyring{since: map[string]time.Time{}}
	signers := map[string]string{}
	for _, use := range []string{UseAccess, UseRefresh} {
		signers[use] = s.planFor(use, ofUse(recs, use)).signing
		ring.made += use + ":" + signers[use] + " "
	}
	for _, r := range recs {
		ring.made += r.ID + " "
	}
	if old := s.keys.Load(); old != nil && old.made == ring.made {
		return nil
	}
	ring.accessLife = longestLife(ofUse(recs, UseAccess), s.tokenLife(UseAccess))
	for use, set := range map[string]**token.KeySet{UseAccess: &ring.access, UseRefresh: &ring.refresh} {
		own, signing := ofUse(recs, use), signers[use]
		var signer *token.Key
		var others []*token.Key
		for _, r := range own {
			k, err := s.cfg.MasterKey.open(r)
			if err != nil {
				return err
			}
			if r.ID == signing {
				signer = k
				ring.since[use] = r.SignsFrom
			} else {
				others = append(others, k)
			}
		}
		ks, err := token.NewKeySet(signer, others...)
		if err != nil {
			return fmt.Errorf("keys of use %s: %w", use, err)
		}
		*set = ks
	}
	s.keys.Store(&ring)
	return nil
}

func ofUse(recs []KeyRecord, use string) []KeyRecord {
	return slices.DeleteFunc(slices.Clone(recs), func(r KeyRecord) bool { return r.Use != use })
}

func (s *Service) planFor(use string, own []KeyRecord) keyPlan {
	return planKeys(own, s.now(), s.cfg.KeyPolicy, s.algorithm(use), s.tokenLife(use))
}

func (s *Service) algorithm(use string) string {
	if use == UseRefresh {
		return token.HS256
	}
	return s.cfg.KeyPolicy.Algorithm
}

// tokenLife is the longest life that a token of the use is given now, leeway
// included, in whole milliseconds. A refresh token is alive as long as its
// session may be.
func (s *Service) tokenLife(use string) time.Duration {
	life := s.cfg.Policy.SessionTTL
	if use == UseAccess {
		life = s.cfg.Policy.AccessTTL
	}
	return (life + leeway + time.Millisecond - 1).Truncate(time.Millisecond)
}

// KeySet gives the keys that sign and verify access tokens now. It does not
// block and never gives nil.
func (s *Service) KeySet() *token.KeySet { return s.keys.Load().access }

// SigningSince is when the key of the use that signs now began to.
func (s *Service) SigningSince(use string) time.Time { return s.keys.Load().since[use] }

// KeyMaxAge is how long a copy of KeySet may be believed elsewhere: a minute,
// or less where keys are published for so short a time that a copy could miss
// one before it signs (SECURITY 17).
func (s *Service) KeyMaxAge() time.Duration {
	return min(time.Minute, s.cfg.KeyPolicy.Publish-s.cfg.KeyPolicy.Reload)
}
