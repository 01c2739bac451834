package chaostest

import "time"

// everyoneEnd is an end of everyone's sessions. A zero time has not come yet.
type everyoneEnd struct {
	asked, answered time.Time
	felt            time.Time // when all nodes refused the access tokens of the witnesses
}

// outlives notes an answer to what everyone's end has ended before the request
// was sent. An access token is good until the end is felt.
func (j *jar) outlives(sent time.Time, what string, overAt func(*everyoneEnd) time.Time) {
	s := j.h.sum
	ended, ok := s.endedWithEveryone(j.born, sent, overAt)
	switch {
	case !ok:
	case s.failingOver(ended):
		s.early.Add(1)
	default:
		s.revived.Add(1)
		s.fault("revived: %s of %s, session %s, born %v before everyone's end was answered, is answered", what, j.user, j.id, ended.Sub(j.born))
	}
}

func answeredAt(e *everyoneEnd) time.Time { return e.answered }
func feltAt(e *everyoneEnd) time.Time     { return e.felt }

// everyone notes that everyone's sessions are being ended, until answered is
// called.
func (s *tally) everyone() (answered func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := &everyoneEnd{asked: time.Now()}
	s.everyones = append(s.everyones, one)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		one.answered = time.Now()
	}
}

// everyoneFelt notes that the last end of everyone has reached all nodes.
func (s *tally) everyoneFelt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.everyones[len(s.everyones)-1].felt = time.Now()
}

// everyoneSince reports whether an end of everyone may have come after the time.
func (s *tally) everyoneSince(t time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.everyones {
		if e.answered.IsZero() || e.answered.After(t) {
			return true
		}
	}
	return false
}

// endedWithEveryone returns when an end of everyone was answered that was asked for
// after the session's birth and was over before the request was sent.
func (s *tally) endedWithEveryone(born, sent time.Time, overAt func(*everyoneEnd) time.Time) (at time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.everyones {
		if over := overAt(e); e.asked.After(born) && !over.IsZero() && over.Before(sent) {
			at, ok = e.answered, true
		}
	}
	return at, ok
}
