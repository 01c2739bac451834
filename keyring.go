package pawl

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pawlauth/pawl/token"
)

// keyring is a moment's keys of both uses; replaced as a whole.
type keyring struct {
	access, refresh *token.KeySet
	accessLife      time.Duration         // the longest of an access token that may be alive, leeway included
	since           map[string]time.Time  // use → when the key that signs began to
	open            map[string]*token.Key // by ID: all that are in the sets
	made            [sha256.Size]byte     // of what it was made: unchanged keys keep the same sets
	err             error                 // what the store holds and the master key does not open
}

// loadKeys reads the key store, does what the schedule asks for, and puts the
// keys in force. It is safe to run on several nodes at once. Keys that were
// removed go out of force even where something else fails.
func (s *Service) loadKeys(ctx context.Context) error {
	s.keysMu.Lock()
	defer s.keysMu.Unlock()
	for range keyTries {
		recs, err := s.cfg.Keys.Keys(ctx)
		if err != nil {
			return fmt.Errorf("read the keys: %w", err)
		}
		change, planErr := s.admin.turn(ctx, recs)
		switch {
		case errors.Is(planErr, ErrConflict):
			continue
		case planErr == nil && !change.Empty():
			s.emitKeys(ctx, change)
			continue
		case planErr != nil && s.keys.Load() == nil:
			return planErr
		}
		if err := s.useKeys(recs); err != nil {
			return err
		}
		return planErr
	}
	return errKeysBusy
}

// useKeys puts the records in force, unless they are already. A key that the
// master key does not open is left out, with an error, unless it was opened
// before: after a change of the master key a server that still has the old one
// goes on with what it holds. At the start nothing may be left out.
func (s *Service) useKeys(recs []KeyRecord) error {
	old := s.keys.Load()
	if old == nil {
		old = &keyring{}
	}
	ring := &keyring{since: map[string]time.Time{}, made: s.fingerprint(recs)}
	if old.made == ring.made {
		return old.err
	}
	ring.open, ring.err = s.openKeys(recs, old.open)
	if ring.err != nil && old.access == nil {
		return ring.err
	}
	var errs [2]error
	ring.access, errs[0] = s.setOf(UseAccess, recs, ring, old.access)
	ring.refresh, errs[1] = s.setOf(UseRefresh, recs, ring, old.refresh)
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	ring.accessLife = longestLife(ofUse(recs, UseAccess), s.admin.tokenLife(UseAccess))
	s.keys.Store(ring)
	s.nudge()
	s.warnOfWaiting(recs)
	return ring.err
}

// fingerprint tells one state of the keys from another.
func (s *Service) fingerprint(recs []KeyRecord) (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, use := range []string{UseAccess, UseRefresh} {
		fmt.Fprintf(h, "%q ", s.admin.planFor(use, ofUse(recs, use)).signing)
	}
	for _, r := range recs {
		fmt.Fprintf(h, "%q %q %x ", r.ID, r.Use, r.Sealed)
	}
	h.Sum(sum[:0])
	return sum
}

// openKeys opens the records, by the memory of those held where the master key
// does not: err is about them.
func (s *Service) openKeys(recs []KeyRecord, held map[string]*token.Key) (open map[string]*token.Key, err error) {
	open = map[string]*token.Key{}
	for _, r := range recs {
		k, openErr := s.cfg.MasterKey.open(r)
		if openErr != nil {
			err = openErr
		}
		if held[r.ID] != nil {
			k = held[r.ID]
		}
		if k != nil {
			open[r.ID] = k
		}
	}
	if err != nil && held != nil {
		err = fmt.Errorf("%w. Until then this server goes on with the keys that it holds and takes up no new ones; if the keys were sealed anew, give it the new master key and restart it", err)
	}
	return open, err
}

// setOf makes the set of a use: the old one again where it would be the same,
// so that guards need not check anew what they have checked.
func (s *Service) setOf(use string, recs []KeyRecord, ring *keyring, old *token.KeySet) (*token.KeySet, error) {
	own := ofUse(recs, use)
	var keys []*token.Key // the signer first
	for _, r := range own {
		if k := ring.open[r.ID]; k != nil {
			keys = append(keys, k)
		}
	}
	signer := s.signer(own, ring)
	if i := slices.Index(keys, signer); i > 0 {
		keys = slices.Insert(slices.Delete(keys, i, i+1), 0, signer)
	}
	if old != nil && old.Signing() == signer && slices.Equal(old.Keys(), keys) {
		return old, nil
	}
	set, err := token.NewKeySet(signer, keys...)
	if err != nil {
		return nil, fmt.Errorf("keys of use %s: %w", use, err)
	}
	return set, nil
}

// signer is the key that signs: by the schedule, or where that one could not be
// opened the newest before it; nil if there is none, and then nothing is signed.
func (s *Service) signer(own []KeyRecord, ring *keyring) *token.Key {
	if len(own) == 0 {
		return nil
	}
	for i := signingAt(own, s.now()); i >= 0; i-- {
		if k := ring.open[own[i].ID]; k != nil {
			ring.since[own[i].Use] = own[i].SignsFrom
			return k
		}
	}
	return nil
}

// warnOfWaiting tells of a key that waits far longer than any is published:
// some clock was far ahead when it was made, and no key of its use rotates
// before its time. Once a change of the keys.
func (s *Service) warnOfWaiting(recs []KeyRecord) {
	for _, use := range []string{UseAccess, UseRefresh} {
		own := ofUse(recs, use)
		if len(own) == 0 || !s.admin.strayed(own[len(own)-1]) {
			continue
		}
		newest := own[len(own)-1]
		remedy := "pawl key rotate --use " + use
		if _, waits := waitsFor(own, s.now()); waits {
			remedy = "pawl key remove " + newest.ID
		}
		s.cfg.Log.Warn("a key waits far too long for its turn, and until then its use gets no new one: a clock was ahead when it was made",
			"key", newest.ID, "use", use, "signs_from", newest.SignsFrom, "remedy", remedy)
	}
}

// canSign reports whether there is a key of each use to sign with.
func (s *Service) canSign() error {
	if ring := s.keys.Load(); ring.access.Signing() == nil || ring.refresh.Signing() == nil {
		return errors.Join(errors.New("no key to sign with"), ring.err)
	}
	return nil
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
