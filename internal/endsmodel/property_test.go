package endsmodel

// judge looks for a violation in a state.
func (m *model) judge(s *state) violation {
	if s.bad != fine {
		return s.bad
	}
	for i := range m.sessions {
		if s.auth[i] != 0 && m.endedWrongly(s, i) {
			return overreach
		}
	}
	if !m.anyOwed(s) || !m.quiescent(s) {
		return fine
	}
	for i := range m.sessions {
		if v := m.undone(s, i); v != fine {
			return v
		}
	}
	return fine
}

func (m *model) anyOwed(s *state) bool {
	for i := range m.ops {
		if s.op[i].owed {
			return true
		}
	}
	return false
}

// quiescent reports whether nodes have nothing left to learn or to do.
func (m *model) quiescent(s *state) bool {
	for n := range s.node {
		if _, ok := m.canApply(s, n); ok || m.sweepFinds(s, n) != noEnds {
			return false
		}
		t := *s
		m.read(&t, n)
		if t != *s {
			return false
		}
	}
	return true
}

// undone reports whether a session whose end was answered goes on.
func (m *model) undone(s *state, i int) violation {
	if s.auth[i] == 0 || !m.covers(m.owed(s, m.sessions[i].part), i, s.auth[i]) {
		return fine
	}
	for n := range s.node {
		if m.answers(s, n, i) {
			return reissued
		}
	}
	for n := range s.node {
		if s.node[n].started && s.reaches(n, m.sessions[i].part) && !m.knows(s, n, i) {
			return accepted
		}
	}
	if p := m.sessions[i].part; !s.part[p].away && m.lives(s.primary(p), i, s.auth[i]) {
		return revived
	}
	return fine
}

// owed is what was answered and must hold in a partition: it is on the replica,
// or a node that knows it can reach the partition.
func (m *model) owed(s *state, p int) (ends set) {
	for i := range m.ops {
		if s.op[i].owed && (m.synchronous || s.knownAt(p, s.op[i].knows)) {
			ends |= one(m.endOf(i, s.op[i].notBefore))
		}
	}
	return ends
}

func (s *state) knownAt(p int, knows uint8) bool {
	for n := range s.node {
		if knows&(1<<n) != 0 && s.reaches(n, p) {
			return true
		}
	}
	return false
}

// endedWrongly reports whether a session has ended that no end was asked for.
func (m *model) endedWrongly(s *state, i int) bool {
	r := s.primary(m.sessions[i].part)
	if r.present&(1<<i) == 0 || !m.hasEnded(r, i, s.auth[i]) {
		return false
	}
	var asked set
	for o := range m.ops {
		if s.op[o].phase != idle {
			asked |= one(m.endOf(o, s.op[o].notBefore))
		}
	}
	return !m.covers(asked, i, s.auth[i])
}
