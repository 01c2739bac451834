package endsmodel

import "fmt"

// action is a step of the model, named for the trace.
type action struct{ do, a, b uint8 }

const (
	doSignIn uint8 = iota
	doBegin
	doGoOn
	doEntryFails
	doAnswer
	doFail
	doRead
	doApply
	doApplyFails
	doSweep
	doReissue
	doCrash
	doReplicate
	doFailOver
	doZombie
	doRejoin
	doReconnect
	doGoAway
	doComeBack
	kindsOfActions
)

var actionTexts = [kindsOfActions]string{
	"session %d signs in",
	"end %d is asked for at node %d: the store writes",
	"end %d: the store writes the next partition",
	"end %d at node %d: the record is written, its log entry fails",
	"end %d is answered 204",
	"end %d: the reply is lost",
	"node %d reads the log",
	"node %d applies what it remembers again (end %d)",
	"node %d: applying again fails",
	"node %d: the sweep checks everyone's marks",
	"node %d is asked to reissue session %d, and refuses",
	"node %d crashes and starts again",
	"partition %d: the replica catches up",
	"partition %d: the replica is promoted",
	"partition %d: the promoted primary dies, and the old one is back with its data",
	"partition %d: the old primary becomes a replica",
	"node %d finds the new primary",
	"partition %d cannot be reached",
	"partition %d can be reached again",
}

func (a action) String() string {
	text := fmt.Sprintf(actionTexts[a.do], a.a)
	switch {
	case a.do == doFailOver && a.b > 0:
		return text + fmt.Sprintf("; node %d stays with the old primary", a.b-1)
	case a.do == doBegin || a.do == doEntryFails || a.do == doApply || a.do == doReissue:
		return fmt.Sprintf(actionTexts[a.do], a.a, a.b)
	}
	return text
}

// next calls to for each state that one step leads to.
func (m *model) next(s *state, to func(action, *state)) {
	m.clients(s, to)
	m.nodesAct(s, to)
	for p := range m.parts {
		m.partitionActs(s, p, to)
	}
}

func (m *model) clients(s *state, to func(action, *state)) {
	for i, who := range m.sessions {
		if p := who.part; s.auth[i] == 0 && !s.part[p].away && s.now < moments {
			t := *s
			m.signIn(&t, i)
			to(action{doSignIn, uint8(i), 0}, &t)
		}
	}
	for i := range m.ops {
		m.asks(s, i, to)
		m.replies(s, i, to)
	}
}

// asks is an end that begins, or is asked for again.
func (m *model) asks(s *state, i int, to func(action, *state)) {
	for n := range s.node {
		if !m.mayBegin(s, i, n) {
			continue
		}
		t := *s
		m.begin(&t, i, n)
		to(action{doBegin, uint8(i), uint8(n)}, &t)
		if m.old.recordFirst && m.ops[i].kind == endSession && s.left.losses > 0 {
			t := *s
			t.left.losses--
			m.entryFails(&t, i, n)
			to(action{doEntryFails, uint8(i), uint8(n)}, &t)
		}
	}
}

// replies is what follows a write.
func (m *model) replies(s *state, i int, to func(action, *state)) {
	phase := s.op[i].phase
	if phase == writing && !s.part[s.op[i].step%uint8(m.parts)].away {
		t := *s
		m.goOn(&t, i)
		to(action{doGoOn, uint8(i), 0}, &t)
	}
	if phase == written && m.mayAnswer(s, i) {
		t := *s
		m.answer(&t, i)
		to(action{doAnswer, uint8(i), 0}, &t)
	}
	if s.op[i].underWay() && s.left.losses > 0 {
		t := *s
		t.left.losses--
		t.op[i].fail()
		to(action{doFail, uint8(i), 0}, &t)
	}
}

func (m *model) nodesAct(s *state, to func(action, *state)) {
	for n := range s.node {
		m.follows(s, n, to)
		for i := range m.sessions {
			if t := *s; m.reissues && s.auth[i] != 0 {
				m.reissue(&t, n, i)
				to(action{doReissue, uint8(n), uint8(i)}, &t)
			}
		}
		if s.left.crashes > 0 && s.node[n].started {
			t := *s
			t.left.crashes--
			m.crash(&t, n)
			to(action{doCrash, uint8(n), 0}, &t)
		}
	}
}

// follows is the one goroutine of a node that reads the log and applies ends.
func (m *model) follows(s *state, n int, to func(action, *state)) {
	e, ok := m.canApply(s, n)
	if !ok {
		t := *s
		m.read(&t, n)
		to(action{doRead, uint8(n), 0}, &t)
		m.sweeps(s, n, to)
		return
	}
	t := *s
	m.apply(&t, n, e)
	to(action{doApply, uint8(n), uint8(e)}, &t)
	if m.old.clearsFirst && s.left.losses > 0 {
		t := *s
		t.left.losses--
		m.applyFails(&t, n)
		to(action{doApplyFails, uint8(n), 0}, &t)
	}
}

func (m *model) sweeps(s *state, n int, to func(action, *state)) {
	if missing := m.sweepFinds(s, n); missing != noEnds {
		t := *s
		t.node[n].todo |= missing
		to(action{doSweep, uint8(n), 0}, &t)
	}
}

func (m *model) partitionActs(s *state, p int, to func(action, *state)) {
	part := &s.part[p]
	if !part.down && part.copies[0] != part.copies[1] {
		t := *s
		t.replicate(p)
		to(action{doReplicate, uint8(p), 0}, &t)
	}
	if s.left.failOvers > 0 && !part.away {
		m.failsOver(s, p, to)
	}
	if part.down && (p != 0 || s.cut == 0) {
		t := *s
		t.part[p].down = false
		t.replicate(p)
		to(action{doRejoin, uint8(p), 0}, &t)
	}
	if p == 0 && s.cut != 0 {
		t := *s
		t.cut = 0
		to(action{doReconnect, s.cut - 1, 0}, &t)
	}
	m.absence(s, p, to)
}

func (m *model) failsOver(s *state, p int, to func(action, *state)) {
	do, cuts := doFailOver, uint8(0)
	if s.part[p].down {
		do = doZombie
	} else if m.cuts {
		cuts = nodes
	}
	for cut := range cuts + 1 {
		t := *s
		t.left.failOvers--
		m.failOver(&t, p, cut)
		to(action{do, uint8(p), cut}, &t)
	}
}

func (m *model) absence(s *state, p int, to func(action, *state)) {
	t := *s
	switch {
	case s.part[p].away:
		t.part[p].away = false
		to(action{doComeBack, uint8(p), 0}, &t)
	case s.left.absences > 0:
		t.left.absences--
		t.part[p].away = true
		to(action{doGoAway, uint8(p), 0}, &t)
	}
}
