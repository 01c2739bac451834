package endsmodel

// append writes a log entry.
func (r *records) append(id uint8, e end) {
	r.log[r.length] = entry{uint16(id), one(e)} // maxLog is more than any model writes
	r.length++
}

// position is where an entry is in the log; -1 if it is not.
func (r *records) position(id uint8) int {
	for i, e := range r.log[:r.length] {
		if e.id == uint16(id) {
			return i
		}
	}
	return -1
}

// primary is the copy of a partition that counts.
func (s *state) primary(p int) *records { return &s.part[p].copies[0] }

// newID is an id that no entry of the partition has.
func (s *state) newID(p int) uint8 {
	var id uint8
	s.eachCopy(p, func(r *records) {
		for _, e := range r.log[:r.length] {
			id = max(id, uint8(e.id))
		}
	})
	return id + 1
}

func (s *state) logEnd(p int, e end) { s.primary(p).append(s.newID(p), e) }

// hasEnded reports whether the record, or a mark beside it, says that a session
// has ended.
func (m *model) hasEnded(r *records, i int, auth uint8) bool {
	return r.ended&(1<<i) != 0 || r.user[m.sessions[i].user] >= auth || r.everyone >= auth
}

// lives reports whether a copy has a session that has not ended.
func (m *model) lives(r *records, i int, auth uint8) bool {
	return r.present&(1<<i) != 0 && !m.hasEnded(r, i, auth)
}

// end ends a session of a live record.
func (m *model) end(s *state, i int) finding {
	p := m.sessions[i].part
	r := s.primary(p)
	switch {
	case r.present&(1<<i) == 0:
		return foundNone
	case m.hasEnded(r, i, s.auth[i]):
		return foundEnded
	}
	r.ended |= 1 << i
	s.logEnd(p, ofSession(i))
	return foundLive
}

// endUser moves a user's mark and ends the sessions from before.
func (m *model) endUser(s *state, u int, notBefore uint8) {
	p := m.partOf(ofUser(u, notBefore))
	r := s.primary(p)
	r.user[u] = max(r.user[u], notBefore)
	for i, who := range m.sessions {
		if who.user == u && r.present&(1<<i) != 0 && s.auth[i] <= notBefore {
			r.ended |= 1 << i
		}
	}
	s.logEnd(p, ofUser(u, notBefore))
}

// endAllIn moves everyone's mark in one partition.
func (m *model) endAllIn(s *state, p int, notBefore uint8) {
	r := s.primary(p)
	r.everyone = max(r.everyone, notBefore)
	if !m.old.homeOnly {
		s.logEnd(p, ofAll(notBefore))
	}
}

// endAgain makes an end hold that the store may have lost. complete is false
// where a partition could not be asked. force writes the log entry also where it
// holds.
func (m *model) endAgain(s *state, e end, force bool) (wrote, complete bool) {
	switch {
	case e.isSession():
		found := m.end(s, int(e))
		if force && found == foundEnded || found == foundNone {
			s.logEnd(m.partOf(e), e)
			return true, true
		}
		return found == foundLive, true
	case e.isAll():
		return m.endAllAgain(s, e, force)
	}
	if !force && s.primary(m.partOf(e)).user[e.user()] >= e.notBefore() {
		return false, true
	}
	m.endUser(s, e.user(), e.notBefore())
	return true, true
}

func (m *model) endAllAgain(s *state, e end, force bool) (wrote, complete bool) {
	if m.old.homeOnly {
		return m.endAllAtHome(s, e), true
	}
	complete = true
	for p := range m.parts {
		switch {
		case s.part[p].away:
			complete = false
		case force || s.primary(p).everyone < e.notBefore():
			m.endAllIn(s, p, e.notBefore())
			wrote = true
		}
	}
	return wrote, complete
}

// endAllAtHome looks at one mark of many.
func (m *model) endAllAtHome(s *state, e end) (wrote bool) {
	if s.primary(0).everyone >= e.notBefore() {
		return false
	}
	upTo := e.notBefore()
	for i := range m.sessions {
		if m.old.marksMove {
			upTo = max(upTo, s.auth[i])
		}
	}
	for p := range m.parts {
		m.endAllIn(s, p, upTo)
	}
	s.logEnd(0, ofAll(upTo))
	return true
}

// replicate makes the replica what the primary is.
func (s *state) replicate(p int) { s.part[p].copies[1] = s.part[p].copies[0] }

// follows reports whether the replica has all that the primary has.
func (s *state) follows(p int) bool {
	return !s.part[p].down && s.part[p].copies[0] == s.part[p].copies[1]
}

// holds reports whether a copy has an end.
func (m *model) holds(s *state, r *records, e end) bool {
	switch {
	case e.isAll():
		return r.everyone >= e.notBefore()
	case !e.isSession():
		return r.user[e.user()] >= e.notBefore()
	case r.present&(1<<e) != 0:
		return m.hasEnded(r, int(e), s.auth[e])
	}
	for _, logged := range r.log[:r.length] {
		if logged.of.has(e) {
			return true
		}
	}
	return false
}

// failOver makes the other copy of a partition the primary: a replica that may
// lag, or an old primary that comes back while the promoted one dies.
func (m *model) failOver(s *state, p int, cut uint8) {
	part := &s.part[p]
	part.copies[0], part.copies[1] = part.copies[1], part.copies[0]
	part.down = true
	s.cut = cut
	for n := range s.node {
		if m.old.storeClock {
			s.node[n].memory = noEnds
		}
	}
	for i := range s.op {
		if o := &s.op[i]; m.synchronous && o.underWay() { // the wait was cut short
			o.fail()
		}
	}
}
