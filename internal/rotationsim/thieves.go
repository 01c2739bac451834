package main

import (
	"math/rand/v2"
	"slices"
	"time"
)

// moment is when the cookie is copied.
type moment int

const (
	anyTime       moment = iota
	afterRotation        // copied at any time; used when the victim has rotated, and again each time
	whileAway            // copied when the holiday begins
	midFlight            // with the key of a reissue that is under way
)

// thiefScenario is a thief's strategy against a victim's habits.
type thiefScenario struct {
	name   string
	rule   rule
	window time.Duration
	access time.Duration // the default unless set

	fixedTimer bool  // the victim's client refreshes when the last tenth begins
	office     bool  // the victim is there 8 hours of 24
	holiday    int64 // the victim is away so long, from the third day on

	moment   moment
	withKey  bool               // the victim's last Idempotency-Key is stolen, too
	keepsOld bool               // presents the first stolen token again and again
	first    func(*theft) int64 // delay of the first use
	again    func(*theft) int64 // delay of the next; nil: never
	promise  thiefPromise
	few      bool // acts so often that fewer of them do
}

// thiefPromise is what docs/rotation.md says of a strategy.
type thiefPromise int

const (
	openEnded thiefPromise = iota // written down: only sender-bound tokens end it
	caught                        // every one
	shut                          // never gets in
	bounded                       // is not caught, but has one access token at most
	worse                         // another rule or setting, for comparison
)

func (p thiefPromise) String() string {
	return [...]string{"none", "caught", "kept out", "one token", "what-if"}[p]
}

func soon(t *theft) int64         { return t.rng.Int64N(20 * second) }
func afterWindow(t *theft) int64  { return minute + second + t.rng.Int64N(20*minute) }
func hoursLater(t *theft) int64   { return 2*hour + t.rng.Int64N(22*hour) }
func everyMinute(t *theft) int64  { return 50 * second }
func beforeExpiry(t *theft) int64 { return t.accessTTL - t.accessTTL/20 }

// atTheTimer aims where the victim's client will refresh, by the iat of the
// stolen token: right after a fixed timer, or amid the last tenth.
func atTheTimer(t *theft) int64 {
	aim := t.accessTTL - t.accessTTL/20
	if t.fixedTimer {
		aim = t.accessTTL - t.accessTTL/10 + 5*second
	}
	d := aim - t.sinceIssued()
	for d <= 0 { // the token is not the newest, or the window was open
		d += t.accessTTL
	}
	return d
}

var thiefScenarios = []thiefScenario{
	{name: "uses the token at once and goes on", first: soon, again: beforeExpiry, promise: caught},
	{name: "uses it at once, never again", first: soon, promise: bounded},
	{name: "uses it at once and goes on, victim in the office 8 h a day", office: true, first: soon, again: beforeExpiry, promise: caught},
	{name: "uses it at once and goes on, victim away for 20 days", holiday: 20 * day, moment: whileAway, first: soon, again: beforeExpiry, promise: caught},
	{name: "uses it hours later", first: hoursLater, again: beforeExpiry, promise: shut},
	{name: "uses it hours later, with the key", withKey: true, first: hoursLater, again: beforeExpiry, promise: shut},
	{name: "uses it after the victim rotated, past the window", moment: afterRotation, first: afterWindow, again: beforeExpiry, promise: shut},
	{name: "copies token and key of a reissue under way, comes past the window", moment: midFlight, first: afterWindow, again: beforeExpiry, promise: caught},
	{name: "copies token and key of a reissue under way, repeats it to freeze rotation", moment: midFlight, keepsOld: true, first: everyMinute, again: everyMinute, promise: caught, few: true},
	{name: "aims at the victim's refresh, random point", first: atTheTimer, again: atTheTimer, promise: caught},

	{name: "aims at the victim's refresh, fixed timer", fixedTimer: true, first: atTheTimer, again: atTheTimer},
	{name: "watches: presents the old token right after each rotation", moment: afterRotation, first: soon, again: soon},

	{name: "watches: presents the old token right after each rotation", window: -1, moment: afterRotation, first: soon, again: soon, promise: worse},
	{name: "aims at the victim's refresh, random point, access 5 min", access: 5 * time.Minute, first: atTheTimer, again: atTheTimer, promise: worse},
	{name: "aims at the victim's refresh, random point, access 5 min", access: 5 * time.Minute, window: 10 * time.Second, first: atTheTimer, again: atTheTimer, promise: worse},
	{name: "aims at the victim's refresh, random point", window: 10 * time.Second, first: atTheTimer, again: atTheTimer, promise: worse},
	{name: "rides a step behind: presents the old token past the window", rule: parentForever, moment: afterRotation, first: afterWindow, again: beforeExpiry, promise: worse},
	{name: "uses it at once and goes on, victim away for 20 days", rule: ownExpiryFirst, holiday: 20 * day, moment: whileAway, first: soon, again: beforeExpiry, promise: worse},
	{name: "copies token and key of a reissue under way, repeats it to freeze rotation", rule: alwaysReopens, moment: midFlight, keepsOld: true, first: everyMinute, again: everyMinute, promise: worse, few: true},
}

// gains is what the thieves of a scenario got.
type gains struct {
	thieves, gotIn, never, told int
	kept                        []int64 // how long each had access, ms, sorted
}

func (s *thiefScenario) run(thieves int, rng *rand.Rand) (r gains) {
	if s.few {
		thieves = max(1, thieves/20)
	}
	pol := policy(s.window)
	pol.SessionTTL = thiefPolicyTTL()
	if s.access > 0 {
		pol.AccessTTL = s.access
	}
	for range thieves {
		t := &theft{thiefScenario: s, rng: rng, srv: newServer(s.rule, pol)}
		t.live()
		r.thieves++
		r.kept = append(r.kept, t.kept())
		for n, is := range map[*int]bool{&r.gotIn: t.gotIn, &r.never: !t.caught, &r.told: t.told} {
			if is {
				*n++
			}
		}
	}
	slices.Sort(r.kept)
	return r
}

func (r gains) percent(n int) float64 { return 100 * float64(n) / float64(max(r.thieves, 1)) }

func (r gains) quantile(q float64) string { return short(r.at(q)) }

// at is the nearest-rank quantile, ms.
func (r gains) at(q float64) int64 {
	return r.kept[min(len(r.kept)-1, int(q*float64(len(r.kept))))]
}
