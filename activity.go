package pawl

import (
	"context"
	"sync"
	"time"
)

// activityMinutes is how far back a node remembers what it did.
const activityMinutes = 180

// ActivityMinute counts what one node did in one minute.
type ActivityMinute struct {
	At            time.Time // when the minute began
	SignIns       int
	SignInsFailed int
	Row4          int // reissues that wrote nothing: an access token only
	Row5          int // reissues that turned the refresh token
	Row6          int // reissues that sent the current pair again
	Refused       int // reissues by rows 1 and 3
	Reused        int // row 7: the alarm
	Ended         int // sessions, one by one; a user's and everybody's count once
	Live          int // live sessions, where Counted
	Counted       bool
}

// Activity is what one node did lately.
type Activity struct {
	Since   time.Time        // when it began to count: the start, or three hours ago
	Minutes []ActivityMinute // oldest first; those in which nothing happened are left out
}

// activity counts events by the minute, in memory. Its lock is held for a few
// nanoseconds: a reissue does not feel it.
type activity struct {
	mu      sync.Mutex
	began   time.Time
	minutes [activityMinutes]ActivityMinute // by minute, modulo

	counting sync.Mutex // held while live sessions are counted
	nextLive time.Time  // not before
}

// note counts an event.
func (a *activity) note(e *Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	m := a.minute(e.At)
	switch e.Kind {
	case EventSignIn:
		m.SignIns++
	case EventSignInFailed:
		m.SignInsFailed++
	case EventReissue, EventMovedIn:
		m.reissued(e.Row)
	case EventReissueRefused:
		m.Refused++
	case EventReused:
		m.Reused, m.Ended = m.Reused+1, m.Ended+1
	case EventSessionEnded, EventUserEnded, EventAllEnded:
		m.Ended++
	}
}

func (m *ActivityMinute) reissued(row int) {
	switch row {
	case 4:
		m.Row4++
	case 5:
		m.Row5++
	case 6:
		m.Row6++
	}
}

// minute gives the count of the minute that t is in, emptied if it still holds
// an earlier one.
func (a *activity) minute(t time.Time) *ActivityMinute {
	at := t.UTC().Truncate(time.Minute)
	m := &a.minutes[at.Unix()/60%activityMinutes]
	if !m.At.Equal(at) {
		*m = ActivityMinute{At: at}
	}
	return m
}

// since gives what is not older than activityMinutes.
func (a *activity) since(now time.Time) Activity {
	a.mu.Lock()
	defer a.mu.Unlock()
	first := now.Truncate(time.Minute).Add(-(activityMinutes - 1) * time.Minute)
	out := Activity{Since: later(a.began, first)}
	for i := range activityMinutes {
		at := first.Add(time.Duration(i) * time.Minute)
		if m := a.minutes[at.Unix()/60%activityMinutes]; m.At.Equal(at) {
			out.Minutes = append(out.Minutes, m)
		}
	}
	return out
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// countShare bounds the share of the time that counting live sessions takes.
const countShare = 50

// Activity says what this node did in the last three hours, minute by minute.
// Live sessions are counted while somebody asks, at most once a minute and less
// often where that takes seconds, since every one of them is looked at; if the
// store fails, there is no figure.
func (s *Service) Activity(ctx context.Context) Activity {
	s.countLive(ctx)
	return s.activity.since(s.now())
}

func (s *Service) countLive(ctx context.Context) {
	a := &s.activity
	if !a.counting.TryLock() {
		return // somebody else counts
	}
	defer a.counting.Unlock()
	began := s.now()
	if began.Before(a.nextLive) {
		return
	}
	n, err := s.CountLive(ctx)
	took := s.now().Sub(began)
	a.nextLive = began.Truncate(time.Minute).Add(max(time.Minute, countShare*took))
	if err != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	m := a.minute(began)
	m.Live, m.Counted = n, true
}
