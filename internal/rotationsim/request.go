package main

import "github.com/pawlauth/pawl/token"

// task is one tab's wish for a new access token, over all its tries.
type task struct {
	life  int
	try   int
	total int // tries, over all the times the person came back
	done  bool
}

// send tries once: with the cookie as it is now.
func (j *jar) send(t *task) {
	if t.life != j.life || t.done {
		return
	}
	if j.now < j.offline {
		j.after(j.offline-j.now+j.upTo(2*second), func() { j.send(t) })
		return
	}
	if j.keyed && !j.crowd && j.trouble && j.flying > 0 {
		j.after(200+j.upTo(100), func() { j.send(t) })
		return
	}
	t.total++
	try, key, cookie := t.total, j.takeKey(), j.cookie
	j.flying++
	if !j.chance(j.loss) {
		j.after(j.latency(), func() {
			a := j.serve(cookie, key)
			if !j.chance(j.loss) {
				j.after(j.replyTime(), func() { j.receive(t, try, key, a) })
			}
		})
	}
	j.after(replyTimeout, func() { j.retry(t, try) })
}

func (j *jar) replyTime() int64 {
	if j.chance(j.slow) {
		return j.upTo(j.slowMax)
	}
	return j.latency()
}

// retry comes where no reply did. After some tries the network is down for
// minutes to hours.
func (j *jar) retry(t *task, try int) {
	if t.life != j.life || t.done || t.total != try || j.noTimeout && j.loss == 0 {
		return
	}
	j.flying--
	j.trouble = true
	t.try++
	if t.try == maxTries {
		t.try = 0
		if j.now >= j.offline {
			j.goOffline()
		}
	}
	j.after(j.upTo(2*second), func() { j.send(t) })
}

// receive takes a reply. One that comes after it was given up is not taken,
// nor is one that comes while the lid is shut.
func (j *jar) receive(t *task, try int, key [32]byte, a answer) {
	if t.life != j.life || j.now < j.offline || (t.total != try || t.done) && !j.noTimeout {
		return
	}
	if !a.ok {
		j.signOut()
		return
	}
	if a.setCookie {
		j.setCookie(a.refresh)
	}
	j.succeeded(key)
	j.flying--
	j.trouble = j.trouble && j.flying > 0
	t.done = true
}

// page is rendered on a server that asks for new tokens fan times, each time
// with the cookie that the page came with. The browser gets the cookies that
// were set in the order in which they came.
func (j *jar) page() {
	cookie, life, left := j.cookie, j.life, j.fan
	var set []token.Refresh
	for range j.fan {
		j.after(j.latency()+j.upTo(3*second), func() {
			a := j.serve(cookie, [32]byte{})
			if !a.ok {
				j.signOut()
				return
			}
			if a.setCookie {
				set = append(set, a.refresh)
			}
			if left--; left > 0 {
				return
			}
			j.after(j.latency(), func() {
				if len(set) > 0 && life == j.life {
					j.setCookie(set[len(set)-1])
				}
			})
		})
	}
}

// serve is a request's moment at some node.
func (j *jar) serve(t token.Refresh, key [32]byte) answer {
	clock := j.now
	if j.skew > 0 {
		clock += (j.rng.Int64N(3) - 1) * j.skew
	}
	a := j.srv.reissue(t, key, j.now, clock)
	if a.ok && a.row == 5 {
		if j.chance(j.failOver) {
			lag := j.upTo(failOverLag) + 1
			j.after(j.upTo(lag), func() { j.srv.failOver(j.now, lag) })
		}
		if j.chance(j.crash) {
			life := j.life
			j.after(j.upTo(40*second), func() {
				if life == j.life {
					j.crashed()
				}
			})
		}
	}
	return a
}
