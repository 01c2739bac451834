package endsmodel

import "math/bits"

const (
	nodes       = 2
	maxParts    = 2
	maxSessions = 2
	maxOps      = 2
	maxLog      = 6
)

// An end is what the log names: a session's, a user's or everyone's up to a
// moment. Ends are few, so that sets of them are bits.
type end uint8

const (
	firstUser end = maxSessions
	firstAll  end = firstUser + maxSessions*moments
	moments       = 3
)

func ofSession(s int) end               { return end(s) }
func ofUser(u int, notBefore uint8) end { return firstUser + end(u*moments) + end(notBefore) - 1 }
func ofAll(notBefore uint8) end         { return firstAll + end(notBefore) - 1 }
func (e end) isSession() bool           { return e < firstUser }
func (e end) isAll() bool               { return e >= firstAll }
func (e end) user() int                 { return int(e-firstUser) / moments }
func (e end) notBefore() uint8 {
	if e.isAll() {
		return uint8(e-firstAll) + 1
	}
	return uint8(e-firstUser)%moments + 1
}

// A set is a set of ends.
type set uint16

const (
	noEnds   set = 0
	sessions set = 1<<firstUser - 1
	all      set = (1<<moments - 1) << firstAll
)

func one(e end) set           { return 1 << e }
func (s set) has(e end) bool  { return s&one(e) != 0 }
func (s set) lowest() end     { return end(bits.TrailingZeros16(uint16(s))) }
func (s set) minus(t set) set { return s &^ t }

// state is all that the search tells apart. It is a map key: arrays and numbers
// only, with no gaps between them, so that it is hashed in one piece.
type state struct {
	part [maxParts]partition
	node [nodes]node
	op   [maxOps]op
	auth [maxSessions]uint8 // auth_time, as the user's tokens say it; 0: not signed in yet
	now  uint8              // moves with each sign-in
	cut  uint8              // the node (from 1) that still talks to the old primary of partition 0
	left budget
	bad  violation
}

// budget bounds what goes wrong.
type budget struct{ failOvers, crashes, losses, absences uint8 }

// partition is a part of a store: the primary first, then its replica.
type partition struct {
	copies [2]records
	down   bool // the other copy is not a replica: it is away, with the data it had
	away   bool // the primary cannot be reached
}

// records is what a copy of a partition holds.
type records struct {
	present, ended uint8              // sessions
	user           [maxSessions]uint8 // users' marks: NotBefore; 0: none
	everyone       uint8              // everyone's mark in this partition
	log            [maxLog]entry
	length         uint8
}

// entry is a piece of the revocation log behind which no reader and no copy can
// stop: one entry, or several whose order does not matter any more. Its id
// tells it from any other.
type entry struct {
	id uint16
	of set
}

// gone is the id of an entry that no copy has any more.
const gone = 31

// node is what a node knows.
type node struct {
	cursor   [maxParts]uint8 // id of the entry read last; 0: none
	started  bool            // it has read the log
	due      bool            // the store has lost ends: nothing is served until they are applied again
	revoked  set             // what its guard refuses
	memory   set             // what it can apply again
	expected set             // what the next reading must show
	seen     set             // what the log has shown since it was last reset
	made     set             // sessions' ends that the store has confirmed to it
	todo     set             // what is still to be applied
}

// op is an end that is asked for, by a client that repeats it until it is
// answered.
type op struct {
	phase     phase
	found     finding
	by        uint8 // the node that has it
	step      uint8 // partitions written, for everyone's end
	notBefore uint8
	knows     uint8 // nodes that made or read it since they started
	owed      bool  // answered, and it must hold
}

type phase uint8

const (
	idle    phase = iota
	writing       // some partitions are written
	written       // the reply is under way
	unanswered
	answered
)

// finding is what a store had where a session's end was made.
type finding uint8

const (
	foundLive finding = iota
	foundEnded
	foundNone
	foundNoneKnown // none, and the node knows the end
)

type violation uint8

const (
	fine violation = iota
	reissued
	accepted
	revived
	unconfirmed
	overreach
)

func (v violation) String() string {
	return [...]string{
		"none",
		"a session is reissued after its end was answered",
		"an access token is accepted after the end was answered",
		"a session lives in the store after its end was answered: it is reissued once nodes forget",
		"an end is answered that is not on the replica",
		"a session is ended by an end that is older than its sign-in",
	}[v]
}
