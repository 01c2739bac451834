package endsmodel

// endOf is the end that an operation asks for.
func (m *model) endOf(i int, notBefore uint8) end {
	switch r := m.ops[i]; r.kind {
	case endSession:
		return ofSession(r.of)
	case endUser:
		return ofUser(r.of, max(notBefore, 1))
	default:
		return ofAll(max(notBefore, 1))
	}
}

// mayBegin reports whether a client may ask for an end now.
func (m *model) mayBegin(s *state, i, n int) bool {
	o := &s.op[i]
	if o.phase != idle && o.phase != unanswered || !s.node[n].started {
		return false
	}
	if r := m.ops[i]; r.kind == endSession && s.auth[r.of] == 0 {
		return false
	}
	return m.canReach(s, n, m.endOf(i, s.now))
}

// begin is the store's part of an end, or of its first step.
func (m *model) begin(s *state, i, n int) {
	o := &s.op[i]
	o.by, o.found = uint8(n), foundLive
	if o.notBefore != s.now && m.ops[i].kind != endSession {
		o.notBefore, o.knows = s.now, 0 // an end of its own
	}
	o.phase = written
	switch r := m.ops[i]; r.kind {
	case endSession:
		o.found = m.endOne(s, n, r.of)
	case endUser:
		m.endUser(s, r.of, s.now)
	case endAll:
		o.phase, o.step = writing, 0
		m.goOn(s, i)
	}
}

// endOne is a sign-out.
func (m *model) endOne(s *state, n, session int) finding {
	e := ofSession(session)
	found := m.end(s, session)
	if found != foundNone || m.old.orphans {
		return found
	}
	if s.node[n].made.has(e) || m.old.knownUnconfirmed && s.node[n].revoked.has(e) {
		return foundNoneKnown
	}
	m.endAgain(s, e, false)
	return found
}

// goOn writes the next partition of everyone's end.
func (m *model) goOn(s *state, i int) {
	o := &s.op[i]
	if int(o.step) < m.parts {
		m.endAllIn(s, int(o.step), o.notBefore)
	} else {
		s.logEnd(0, ofAll(o.notBefore))
	}
	o.step++
	if int(o.step) == m.steps() {
		o.phase = written
	}
}

func (m *model) steps() int {
	if m.old.homeOnly {
		return m.parts + 1
	}
	return m.parts
}

// entryFails is an end whose record is written and whose log entry is not.
func (m *model) entryFails(s *state, i, n int) {
	r := s.primary(m.partOf(m.endOf(i, 0)))
	before := *r
	if m.end(s, m.ops[i].of) == foundLive {
		r.log, r.length = before.log, before.length
	}
	s.op[i].phase = unanswered
}

// mayAnswer reports whether the store's reply can be "done".
func (m *model) mayAnswer(s *state, i int) bool {
	o := &s.op[i]
	if !m.synchronous || m.mayAnswerUnconfirmed(o) {
		return true
	}
	for p := range m.parts {
		if !m.inPart(i, o, p) || s.follows(p) || m.old.noReplicaCounts && s.part[p].down {
			continue
		}
		return false
	}
	return true
}

func (m *model) mayAnswerUnconfirmed(o *op) bool {
	return m.old.retryUnconfirmed && o.found == foundEnded || o.found == foundNoneKnown
}

func (m *model) inPart(i int, o *op, p int) bool {
	e := m.endOf(i, o.notBefore)
	return e.isAll() || m.partOf(e) == p
}

// answer is the reply: the end is answered, 204, and its node knows it.
func (m *model) answer(s *state, i int) {
	o := &s.op[i]
	n, e := int(o.by), m.endOf(i, o.notBefore)
	if m.synchronous && !m.onReplica(s, i) {
		s.bad = unconfirmed
	}
	o.phase, o.owed = answered, true
	o.knows |= 1 << n
	s.node[n].made |= one(e) & sessions
	switch {
	case o.found == foundEnded && m.old.nameless, o.found == foundNone && m.old.orphans:
	case o.found == foundNoneKnown:
	default:
		m.remember(s, n, e)
	}
	o.by, o.found, o.step = 0, 0, 0
}

// onReplica reports whether a replica has the end.
func (m *model) onReplica(s *state, i int) bool {
	o := &s.op[i]
	for p := range m.parts {
		part := &s.part[p]
		if m.inPart(i, o, p) && (part.down || !m.holds(s, &part.copies[1], m.endOf(i, o.notBefore))) {
			return false
		}
	}
	return true
}

// underWay reports whether a node waits for the store.
func (o *op) underWay() bool { return o.phase == writing || o.phase == written }

// fail is a reply that does not arrive, or says that the wait was cut short.
func (o *op) fail() {
	o.phase, o.by, o.found, o.step = unanswered, 0, 0, 0
}

// crash makes a node forget all; it starts again at once.
func (m *model) crash(s *state, n int) {
	s.node[n] = node{}
	for i := range m.ops {
		o := &s.op[i]
		if o.underWay() && o.by == uint8(n) {
			o.fail()
		}
		o.knows &^= 1 << n
		if o.knows == 0 && !m.synchronous {
			o.owed = false // nobody is left who could know
		}
	}
}

// signIn makes a session.
func (m *model) signIn(s *state, i int) {
	s.now++
	s.auth[i] = s.now
	s.primary(m.sessions[i].part).present |= 1 << i
}
