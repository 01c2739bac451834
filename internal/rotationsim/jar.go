package main

import (
	"math/rand/v2"

	"github.com/pawlauth/pawl/token"
)

// honest describes people, their browsers, network and servers, without any
// thief. Every sign-out is a false one. Zero values mean: does not happen.
type honest struct {
	tabs   int   // of one cookie jar; they do not know of each other
	spread int64 // within which the tabs refresh, ms
	fan    int   // sub-requests of one page rendered on a server, all with the page's cookie
	keyed  bool  // sends Idempotency-Keys by the contract of docs/rotation.md
	hasty  bool  // but makes a new key after each success
	crowd  bool  // but all tabs go on at once after trouble, where one should go first

	loss      float64 // a request is lost, and a reply, each with this probability
	slow      float64 // a reply takes up to slowMax, with this probability
	slowMax   int64
	noTimeout bool // replies are taken however late; otherwise given up after 10 s

	sleep float64 // an expiry is cut by the lid being shut, for minutes to hours
	crash float64 // an advance is followed by a crash of the browser within 40 s

	skew     int64   // the nodes' clocks are off by -skew, 0 or +skew
	failOver float64 // an advance is followed by a fail-over
	newborn  bool    // a fail-over in the first 10 s after a sign-in loses the last second
}

const (
	accessTTL    = 30 * minute
	replyTimeout = 10 * second
	maxTries     = 3           // then the person gives up, and comes back later
	cookieFlush  = 30 * second // a browser writes cookies to disk so late
	failOverLag  = 5 * second  // at most so much is lost
)

// jar is a browser: a cookie, the pending Idempotency-Key, and tabs.
type jar struct {
	queue
	honest
	srv *server
	rng *rand.Rand

	cookie, onDisk token.Refresh
	setAt          int64 // when the cookie was set

	key      [32]byte // the jar's Idempotency-Key; zero: none
	proved   bool     // a request with it has succeeded
	provedAt int64    // when one first did, or first did after trouble
	restarts int      // over how many restarts it was taken

	flying  int  // requests that are neither answered nor given up
	trouble bool // the outcome of a request is not known: one goes first, alone

	life      int   // grows at each crash: what was under way is forgotten
	offline   int64 // until when
	signedOut bool
}

// chance is true with probability p.
func (j *jar) chance(p float64) bool { return p > 0 && j.rng.Float64() < p }

func (j *jar) upTo(ms int64) int64 {
	if ms <= 0 {
		return 0
	}
	return j.rng.Int64N(ms)
}

// latency of one way: 10 to 200 ms, one in fifty up to 2 s.
func (j *jar) latency() int64 {
	if j.chance(0.02) {
		return 200 + j.upTo(1800)
	}
	return 10 + j.upTo(190)
}

// live goes through n expiries, or until the person is signed out, and says
// how many there were.
func (j *jar) live(n int) (expiries int) {
	j.cookie = j.srv.signIn(j.now)
	j.onDisk = j.cookie
	if j.newborn {
		j.after(j.upTo(10*second), func() { j.srv.failOver(j.now, second) })
	}
	var expire func()
	expire = func() {
		if j.now < j.offline {
			j.after(j.offline-j.now, expire)
			return
		}
		if expiries == n {
			return
		}
		expiries++
		j.refreshAll(j.spread)
		if j.chance(j.sleep) {
			j.after(j.upTo(3*second), func() { j.goOffline() })
		}
		j.after(j.untilRefresh(), expire)
	}
	j.after(j.untilRefresh(), expire)
	j.run()
	return expiries
}

// untilRefresh is a random point of the last tenth of the access lifetime.
func (j *jar) untilRefresh() int64 { return accessTTL - accessTTL/10 + j.upTo(accessTTL/10) }

func (j *jar) refreshAll(spread int64) {
	for range j.tabs {
		life := j.life
		j.after(j.upTo(spread), func() {
			switch {
			case life != j.life:
			case j.fan > 0:
				j.page()
			default:
				j.send(&task{life: life})
			}
		})
	}
}

func (j *jar) goOffline() { j.offline = j.now + 2*minute + j.upTo(12*hour) }

// crashed forgets what was under way and what was not yet on disk; some time
// later the browser restores its tabs.
func (j *jar) crashed() {
	j.life++
	if j.now-j.setAt < cookieFlush {
		j.cookie = j.onDisk
	}
	j.restartKey()
	j.flying, j.trouble = 0, true
	j.offline = j.now + 5*second + j.upTo(8*hour)
	j.after(j.offline-j.now, func() { j.refreshAll(2 * second) })
}

func (j *jar) setCookie(t token.Refresh) {
	if t.Generation == j.cookie.Generation && t.Issued.Equal(j.cookie.Issued) {
		return
	}
	if j.now-j.setAt >= cookieFlush {
		j.onDisk = j.cookie
	}
	j.cookie, j.setAt = t, j.now
}

func (j *jar) signOut() {
	j.signedOut = true
	j.clear()
}
