package endsmodel

// reaches reports whether a node can use a partition's primary.
func (s *state) reaches(n, p int) bool {
	return !s.part[p].away && (p != 0 || s.cut != uint8(n)+1)
}

// logOf is the copy whose log a node reads; nil if it can read none. A primary
// that was demoted refuses to be read.
func (m *model) logOf(s *state, n, p int) *records {
	switch {
	case s.reaches(n, p):
		return s.primary(p)
	case m.old.believesOld && !s.part[p].away:
		return &s.part[p].copies[1]
	}
	return nil
}

// readable gives the logs that a node can read, and how many there are.
func (m *model) readable(s *state, n int) (logs [maxParts]*records, some int) {
	for p := range m.parts {
		if logs[p] = m.logOf(s, n, p); logs[p] != nil {
			some++
		}
	}
	if m.old.allOrNothing && some < m.parts {
		return [maxParts]*records{}, 0
	}
	return logs, some
}

// read is one reading of the log by a node, and what follows from it.
func (m *model) read(s *state, n int) {
	logs, some := m.readable(s, n)
	if some == 0 {
		return
	}
	of := &s.node[n]
	lost := of.reset(logs) && of.started
	shown, again := of.take(logs)
	of.started = true
	of.revoked |= shown
	of.seen |= shown
	of.memory |= m.remembered(shown)
	m.know(s, n, shown)
	missing := of.expected.minus(shown)
	of.expected = missing
	if some == m.parts {
		lost = lost || missing != noEnds
		of.expected = noEnds
	} else if !m.old.partialUnjudged {
		of.todo |= missing // it does no harm where it holds
	}
	if !m.old.homeOnly {
		of.todo |= again
	}
	if lost && of.memory != noEnds {
		of.due = true
		of.todo |= of.memory
	}
}

// reset reports whether the store has lost the entry that the node stands on,
// in any partition: then all are read from the beginning.
func (of *node) reset(logs [maxParts]*records) bool {
	for p, log := range logs {
		if log != nil && of.cursor[p] != 0 && log.position(of.cursor[p]) < 0 {
			of.cursor, of.seen = [maxParts]uint8{}, noEnds
			return true
		}
	}
	return false
}

// take moves the cursor to the end of each log. again is what is to be checked
// in each partition.
func (of *node) take(logs [maxParts]*records) (shown, again set) {
	for p, log := range logs {
		if log == nil || log.length == 0 {
			continue
		}
		from := 0
		if of.cursor[p] != 0 {
			from = log.position(of.cursor[p]) + 1
		}
		for _, e := range log.log[from:log.length] {
			shown |= e.of
		}
		of.cursor[p] = uint8(log.log[log.length-1].id)
	}
	return shown, shown & all
}

// remembered is what of the log can be applied again.
func (m *model) remembered(shown set) set {
	if m.old.nameless {
		return shown.minus(sessions)
	}
	return shown
}

// know notes that a node knows the ends that were asked for.
func (m *model) know(s *state, n int, ends set) {
	for i := range m.ops {
		if o := &s.op[i]; o.phase != idle && ends.has(m.endOf(i, o.notBefore)) {
			o.knows |= 1 << n
		}
	}
}

// remember notes an end that a node made, or met in a record.
func (m *model) remember(s *state, n int, e end) {
	of := &s.node[n]
	covered := m.old.coveredExpected && of.revoked&all != noEnds
	of.revoked |= one(e)
	of.memory |= one(e)
	if !of.seen.has(e) && !covered {
		of.expected |= one(e)
	}
	m.know(s, n, one(e))
}

// sweepFinds is what the sweep would find missing of everyone's ends, in any
// partition. It comes once a minute, so that a state with something to be
// found is not quiescent.
func (m *model) sweepFinds(s *state, n int) (missing set) {
	known := s.node[n].memory & all
	if m.old.noSweep || m.old.homeOnly {
		return noEnds
	}
	for known != noEnds {
		e := known.lowest()
		known = known.minus(one(e))
		for p := range m.parts {
			if s.reaches(n, p) && s.primary(p).everyone < e.notBefore() {
				missing |= one(e)
			}
		}
	}
	return missing
}

// canApply reports whether a node has something to apply that the store is there
// for.
func (m *model) canApply(s *state, n int) (end, bool) {
	todo := s.node[n].todo
	for todo != noEnds {
		e := todo.lowest()
		if m.canReach(s, n, e) {
			return e, true
		}
		todo = todo.minus(one(e))
	}
	return 0, false
}

func (m *model) canReach(s *state, n int, e end) bool {
	if !e.isAll() {
		return s.reaches(n, m.partOf(e))
	}
	for p := range m.parts {
		if !s.reaches(n, p) {
			return false
		}
	}
	return true
}

// apply applies one end again.
func (m *model) apply(s *state, n int, e end) {
	of := &s.node[n]
	unread := !of.seen.has(e)
	wrote, _ := m.endAgain(s, e, unread && !m.old.heldUnexpected)
	if wrote {
		of.expected |= one(e)
	}
	of.applied(e)
}

func (of *node) applied(e end) {
	of.todo = of.todo.minus(one(e))
	of.due = of.due && of.todo != noEnds
}

// applyFails is an error of the store in between.
func (m *model) applyFails(s *state, n int) {
	if m.old.clearsFirst {
		s.node[n].todo, s.node[n].due = noEnds, false
	}
}

// serves reports whether a node answers reissues. One that cannot read the log
// does not.
func (m *model) serves(s *state, n int) bool {
	of := &s.node[n]
	if !of.started || of.due {
		return false
	}
	_, some := m.readable(s, n)
	return some > 0 || m.old.allOrNothing
}

// recordFor is the copy by which a node judges a session; nil for none.
func (m *model) recordFor(s *state, n, i int) *records {
	p := m.sessions[i].part
	if s.reaches(n, p) {
		return s.primary(p)
	}
	return m.logOf(s, n, p)
}

// answers reports whether a node would answer a reissue.
func (m *model) answers(s *state, n, i int) bool {
	if !m.serves(s, n) {
		return false
	}
	r := m.recordFor(s, n, i)
	return r != nil && m.lives(r, i, s.auth[i]) && !m.knows(s, n, i)
}

func (m *model) knows(s *state, n, i int) bool {
	return m.covers(s.node[n].revoked, i, s.auth[i])
}

// reissue is what a refused reissue does: the node learns from the record, or
// the record from the node.
func (m *model) reissue(s *state, n, i int) {
	p := m.sessions[i].part
	r := s.primary(p)
	switch {
	case !m.serves(s, n) || !s.reaches(n, p) || r.present&(1<<i) == 0:
	case !m.hasEnded(r, i, s.auth[i]):
		if m.knows(s, n, i) {
			m.endAgainFor(s, n, i)
		}
	case r.ended&(1<<i) != 0 && !m.knows(s, n, i) && !m.old.nameless:
		m.remember(s, n, ofSession(i))
	}
}

func (m *model) endAgainFor(s *state, n, i int) {
	if wrote, _ := m.endAgain(s, ofSession(i), false); wrote {
		s.node[n].expected |= one(ofSession(i))
	}
}
