package endsmodel

// A model is a deployment, what is asked of it, what may go wrong, and which
// faults its protocol has.
type model struct {
	name        string
	parts       int
	synchronous bool // an end is answered when the replica has it
	sessions    []session
	ops         []request
	endedBefore bool // everyone was ended before the first sign-in, and all nodes have read it
	reissues    bool // sessions are presented meanwhile
	cuts        bool // a fail-over may leave a node with the old primary
	large       bool // with a replica that must confirm, more than 150,000 states
	bounds      budget
	old         faults
}

// session says where a session is.
type session struct {
	user, part int
	later      bool // its sign-in is a step of the model
}

// request is an end that may be asked for.
type request struct {
	kind kind
	of   int // session or user
}

type kind uint8

const (
	endSession kind = iota
	endUser
	endAll
)

// faults are what earlier forms of the protocol did otherwise. With none of them
// it is the protocol as it must be; of the last three, each needs more than one
// thing to go wrong, or a partition that is away.
type faults struct {
	homeOnly         bool // everyone's end is logged in partition 0 only, and only its mark is looked at
	orphans          bool // an end that finds no session writes nothing
	nameless         bool // the log does not name users, and a retry that finds it done remembers nothing
	retryUnconfirmed bool // a retry that finds it done does not wait for the replica
	coveredExpected  bool // an end is not expected in the log where everyone's mark is known
	recordFirst      bool // the record is written before the log entry, which may fail
	noReplicaCounts  bool // without a replica an end counts as confirmed
	believesOld      bool // a log that stands still is believed
	storeClock       bool // what is remembered ages by the store's clock
	clearsFirst      bool // what is due counts as applied before it is
	allOrNothing     bool // a partition that is away stops the reading of the others
	marksMove        bool // everyone's end is applied again as a new one
	noSweep          bool // everyone's marks are checked when the log is read, and not again
	heldUnexpected   bool // an end that is found to hold is not expected in the log
	knownUnconfirmed bool // an end of no session that the node knows does not wait for the replica
	partialUnjudged  bool // what is expected is judged by complete readings only
}

func (m *model) initial() state {
	s := state{left: m.bounds, now: 1}
	for n := range s.node {
		s.node[n].started = true
	}
	if m.endedBefore {
		m.endEveryone(&s)
		s.now = 2
	}
	for i, who := range m.sessions {
		if !who.later {
			s.auth[i] = s.now
			s.eachCopy(who.part, func(r *records) { r.present |= 1 << i })
		}
	}
	return s
}

// endEveryone is an end that all copies have and all nodes have read.
func (m *model) endEveryone(s *state) {
	for p := range m.parts {
		s.eachCopy(p, func(r *records) {
			r.everyone = 1
			r.append(1, ofAll(1))
		})
	}
	for n := range s.node {
		m.read(s, n)
		s.node[n].todo = noEnds
	}
}

func (s *state) eachCopy(p int, f func(*records)) {
	f(&s.part[p].copies[0])
	f(&s.part[p].copies[1])
}

// partOf is where an end is kept; everyone's is in all.
func (m *model) partOf(e end) int {
	for i, who := range m.sessions {
		if e == ofSession(i) || !e.isSession() && !e.isAll() && e.user() == who.user {
			return who.part
		}
	}
	return 0
}

// covers reports whether ends that are known end a session.
func (m *model) covers(ends set, i int, auth uint8) bool {
	if ends.has(ofSession(i)) {
		return true
	}
	for t := auth; t <= moments && t > 0; t++ {
		if ends.has(ofUser(m.sessions[i].user, t)) || ends.has(ofAll(t)) {
			return true
		}
	}
	return false
}
