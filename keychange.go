package pawl

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pawlauth/pawl/api"
)

// Rotate adds a key of the use, which is published now and signs once it has
// been for KeyPolicy.Publish. Where one waits for its turn already, that is the
// answer, and added is false: asking again, or on two nodes at once, adds one.
// ErrConflict if so many keys are alive that one more could not be loaded, or if
// the one that waits was made by a clock far ahead: it has to be removed first.
func (a KeyAdmin) Rotate(ctx context.Context, use string) (k KeyInfo, added bool, err error) {
	if a, err = a.withDefaults(); err != nil {
		return k, false, err
	}
	if use != UseAccess && use != UseRefresh {
		return k, false, api.ErrInvalidRequest.With("There are no keys of use %q: name %s or %s.", use, UseAccess, UseRefresh)
	}
	err = a.change(ctx, func(recs []KeyRecord) (to []KeyRecord, err error) {
		own := ofUse(recs, use)
		added = false
		if next, waits := waitsFor(own, a.now()); waits {
			k = a.infoOf(recs, next.ID)[0]
			return nil, a.refuseStrayed(next)
		}
		if len(own) >= maxLiveKeys {
			return nil, a.refuseMore(own)
		}
		if err := a.MasterKey.Opens(recs...); err != nil {
			return nil, err
		}
		r, err := a.newRecord(use, a.firstTurn(own))
		if err != nil {
			return nil, fmt.Errorf("make a key: %w", err)
		}
		to = append(slices.Clone(recs), r)
		k, added = a.infoOf(to, r.ID)[0], true
		return to, nil
	})
	return k, added && err == nil, err
}

// firstTurn is when a key that is added now begins to sign: at once only where
// there is no other.
func (a KeyAdmin) firstTurn(own []KeyRecord) time.Time {
	if len(own) == 0 {
		return a.now()
	}
	return a.now().Add(a.Policy.Publish)
}

func (a KeyAdmin) refuseStrayed(next KeyRecord) error {
	if !a.strayed(next) {
		return nil
	}
	return api.ErrConflict.With(
		"Key %s waits for its turn until %s: some clock was ahead when it was made. Remove it, then rotate again; it has signed nothing by any clock that is right.",
		next.ID, next.SignsFrom.Format(time.RFC3339))
}

func (a KeyAdmin) refuseMore(own []KeyRecord) error {
	until := "the oldest is dead"
	if dead, ok := deadAt(own, 0, a.Policy, a.tokenLife(own[0].Use)); ok {
		until = dead.Format(time.RFC3339)
	}
	return api.ErrConflict.With(
		"There are %d keys of this use whose tokens may be alive, and no more than %d can be kept. Wait until %s, or remove one.", len(own), maxLiveKeys, until)
}

// Remove takes keys out of use at once, in an emergency: services on the store
// refuse whatever they signed from their next reload on (KeyPolicy.Reload), a
// copy of the JWKS elsewhere when it is older than its max-age. For a key that
// signs, a new one takes its place in the same step and signs at once, before
// the copies know it. ErrNotFound if there is no such key, and then none is
// removed.
func (a KeyAdmin) Remove(ctx context.Context, ids ...string) (done KeyChange, err error) {
	if a, err = a.withDefaults(); err != nil {
		return done, err
	}
	err = a.change(ctx, func(recs []KeyRecord) ([]KeyRecord, error) {
		done = KeyChange{Removed: a.infoOf(recs, ids...)}
		for _, id := range ids {
			if !slices.ContainsFunc(done.Removed, func(k KeyInfo) bool { return k.ID == id }) {
				return nil, api.ErrNotFound.With("There is no key %s; nothing was removed.", id)
			}
		}
		to := without(recs, ids)
		var added []string
		for _, k := range done.Removed {
			if k.State != KeySigns {
				continue
			}
			if err := a.MasterKey.Opens(to...); err != nil {
				return nil, err
			}
			r, err := a.newRecord(k.Use, a.now())
			if err != nil {
				return nil, fmt.Errorf("make a key: %w", err)
			}
			to, added = append(to, r), append(added, r.ID)
		}
		done.Added = a.infoOf(to, added...)
		return to, nil
	})
	if err != nil {
		return KeyChange{}, err
	}
	return done, nil
}

// Reseal seals every key under another master key, in one step: whatever
// happens meanwhile, either the old one or the new one opens all of them. It
// gives how many were sealed anew: 0 where the new one opens them already.
// Services that still have the old one go on with the keys that they hold, say
// so in their log, and make no new ones.
func (a KeyAdmin) Reseal(ctx context.Context, to MasterKey) (n int, err error) {
	if a, err = a.withDefaults(); err != nil {
		return 0, err
	}
	err = a.change(ctx, func(recs []KeyRecord) ([]KeyRecord, error) {
		n = 0
		if to.Opens(recs...) == nil {
			return nil, nil
		}
		anew := slices.Clone(recs)
		for i, r := range recs {
			k, err := a.MasterKey.open(r)
			if err != nil {
				return nil, err
			}
			if anew[i].Sealed, err = to.seal(k, r); err != nil {
				return nil, err
			}
		}
		n = len(anew)
		return anew, nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// Keys lists the signing keys, as [KeyAdmin.List] does. Errors: ErrUnavailable.
func (s *Service) Keys(ctx context.Context) ([]KeyInfo, error) {
	infos, err := s.admin.List(ctx)
	return infos, keyError(err)
}

// RotateKeys adds a key, as [KeyAdmin.Rotate] does, and publishes it here at
// once. Errors: ErrInvalidRequest, ErrConflict, ErrUnavailable.
func (s *Service) RotateKeys(ctx context.Context, use string) (k KeyInfo, added bool, err error) {
	ctx = context.WithoutCancel(ctx)
	k, added, err = s.admin.Rotate(ctx, use)
	if added {
		s.takeUp(ctx, KeyChange{Added: []KeyInfo{k}})
	}
	return k, added, keyError(err)
}

// RemoveKeys removes keys, as [KeyAdmin.Remove] does; this service refuses their
// tokens from now on. Errors: ErrNotFound, ErrUnavailable.
func (s *Service) RemoveKeys(ctx context.Context, ids ...string) (KeyChange, error) {
	ctx = context.WithoutCancel(ctx)
	done, err := s.admin.Remove(ctx, ids...)
	if err == nil {
		s.takeUp(ctx, done)
	}
	return done, keyError(err)
}

// takeUp makes a change of the keys felt here at once.
func (s *Service) takeUp(ctx context.Context, done KeyChange) {
	s.emitKeys(ctx, done)
	if err := s.loadKeys(ctx); err != nil {
		s.cfg.Log.Error("keys were changed, but not yet read again", "error", err)
	}
}

func (s *Service) emitKeys(ctx context.Context, c KeyChange) {
	for _, e := range c.Events() {
		s.emit(ctx, e)
	}
}
