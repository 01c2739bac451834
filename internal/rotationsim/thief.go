package main

import (
	"math/rand/v2"
	"time"

	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/token"
)

// theft is one session of one victim, and a thief who copied its cookie once,
// or watches it. Nothing is lost here and replies come at once: trouble of
// that kind only costs the thief.
type theft struct {
	queue
	*thiefScenario
	srv *server
	rng *rand.Rand

	victim, parent    token.Refresh // what the victim holds, and held before
	victimKey         [32]byte      // of the victim's last reissue
	accessTTL         int64
	told              bool // the victim learns of the theft
	over              bool
	stolen            bool
	loot              token.Refresh // what the thief holds
	lootKey           [32]byte
	waiting           bool  // the thief acts again when the victim rotates
	inSince, keptTill int64 // from when to when the thief had access
	gotIn, caught     bool
}

// live plays the session to its end, or until the thief is caught and the
// victim knows.
func (t *theft) live() {
	t.accessTTL = t.srv.pol.AccessTTL.Milliseconds()
	t.victim = t.srv.signIn(0)
	t.after(t.untilRefresh(), t.refresh)
	t.after(t.theftTime(), t.steal)
	t.after(t.srv.pol.SessionTTL.Milliseconds(), t.clear)
	t.queue.run()
}

func (t *theft) theftTime() int64 {
	if t.moment == whileAway {
		return 2*day + t.rng.Int64N(12*hour)
	}
	return t.rng.Int64N(day)
}

// untilRefresh is when the victim's client refreshes: at a random point of the
// last tenth, or when the last tenth begins.
func (t *theft) untilRefresh() int64 {
	last := t.accessTTL / 10
	if t.fixedTimer {
		return t.accessTTL - last
	}
	return t.accessTTL - last + t.rng.Int64N(last)
}

// refresh is the victim's client.
func (t *theft) refresh() {
	if away := t.away(t.now); away > 0 {
		t.after(away+t.rng.Int64N(5*minute), t.refresh)
		return
	}
	t.victimKey = newKey(t.rng)
	if t.moment == midFlight && !t.stolen && t.now > day {
		t.stolen, t.loot, t.lootKey = true, t.victim, t.victimKey
		t.after(t.first(t), t.use)
	}
	a := t.srv.reissue(t.victim, t.victimKey, t.now, t.now)
	if !a.ok {
		t.victimRefused(a)
		return
	}
	if a.refresh.Generation != t.victim.Generation {
		t.parent, t.victim = t.victim, a.refresh
	}
	if t.waiting {
		t.waiting = false
		t.after(t.first(t), t.use)
	}
	t.after(t.untilRefresh(), t.refresh)
}

func (t *theft) victimRefused(a answer) {
	t.told = a.reason == api.ReasonReused
	if t.told {
		t.end()
	}
	if t.over || !t.stolen {
		t.clear()
	}
}

// steal copies the victim's cookie, at a moment that the thief does not choose.
func (t *theft) steal() {
	if t.moment == midFlight {
		return
	}
	t.stolen, t.loot = true, t.victim
	if t.withKey {
		t.lootKey = t.victimKey
	}
	if t.moment == afterRotation {
		t.waiting = true
		return
	}
	t.after(t.first(t), t.use)
}

// use is the thief presenting what he has.
func (t *theft) use() {
	a := t.srv.reissue(t.loot, t.lootKey, t.now, t.now)
	if !a.ok {
		if a.reason == api.ReasonReused {
			t.end()
		}
		return
	}
	if !t.gotIn {
		t.gotIn, t.inSince = true, t.now
	}
	t.keptTill = min(t.now+t.accessTTL, t.srv.pol.SessionTTL.Milliseconds())
	if !t.keepsOld {
		t.loot = a.refresh
	}
	if t.again == nil {
		return
	}
	if t.moment == afterRotation {
		t.waiting = true
		return
	}
	t.after(t.again(t), t.use)
}

// end is the alarm: access tokens stop with the session.
func (t *theft) end() {
	if !t.over {
		t.over, t.caught = true, true
		t.keptTill = min(t.keptTill, t.now)
	}
}

func (t *theft) kept() int64 {
	if !t.gotIn {
		return 0
	}
	return max(0, t.keptTill-t.inSince)
}

// away says how long the victim stays away from now on.
func (t *theft) away(now int64) int64 {
	if t.holiday > 0 && now > 2*day && now < 2*day+t.holiday {
		return 2*day + t.holiday - now
	}
	if hourOfDay := now % day / hour; t.office && hourOfDay >= 8 {
		return day - now%day
	}
	return 0
}

func (t *theft) sinceIssued() int64 { return t.now - t.loot.Issued.Sub(begin).Milliseconds() }

const sessionDays = 30

func thiefPolicyTTL() time.Duration { return sessionDays * 24 * time.Hour }
