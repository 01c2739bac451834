package redis

import (
	"hash/fnv"
	"strconv"
)

// partitions is how many there are. It is a part of what is stored: another
// number would find nothing.
const partitions = 64

const slots = 16384 // of a Redis Cluster

// layout gives the keys: "<prefix>{<tag>}<what>". Redis Cluster places a key by
// what is in the braces, so that all of a partition is together. The keys of no
// server but a Cluster's need the braces; they are there so that data can move.
type layout struct {
	prefix string
	tags   [partitions]string
}

// newLayout gives each partition the smallest number as its tag whose slot lies
// in the partition's own 64th of the slots: so the partitions are spread evenly
// over primaries that have even shares.
func newLayout(prefix string) layout {
	l := layout{prefix: prefix}
	for n, left := 0, partitions; left > 0; n++ {
		tag := strconv.Itoa(n)
		if own := &l.tags[int(slot(tag))/(slots/partitions)]; *own == "" {
			*own = tag
			left--
		}
	}
	return l
}

// slot is CRC-16/XMODEM, as the Cluster specification has it.
func slot(tag string) uint16 {
	crc := uint16(0)
	for i := range len(tag) {
		crc ^= uint16(tag[i]) << 8
		for range 8 {
			carry := crc & 0x8000
			crc <<= 1
			if carry != 0 {
				crc ^= 0x1021
			}
		}
	}
	return crc % slots
}

// partition places a user.
func partition(user string) int {
	h := fnv.New64a()
	_, _ = h.Write([]byte(user))
	return int(h.Sum64() % partitions)
}

func (l *layout) key(partition int, what string) string {
	return l.prefix + "{" + l.tags[partition] + "}" + what
}

// home holds what the partitions have in common.
const home = 0

func (l *layout) user(user string) string  { return l.key(partition(user), "u:"+user) }
func (l *layout) everyone(p int) string    { return l.key(p, "everyone") } // hash: m, the mark; l, the latest auth_time; w, which nothing reads (scripts/lib.lua)
func (l *layout) register(p int) string    { return l.key(p, "users") }    // stream of the users who have a hash
func (l *layout) log(p int) string         { return l.key(p, "log") }      // stream of revocations
func (l *layout) head(p int) string        { return l.key(p, "head") }     // id of the newest entry ever
func (l *layout) lease() string            { return l.key(home, "sweeper") }
func (l *layout) ending() string           { return l.key(home, "ending") } // hash of ends of everyone's that are under way
func (l *layout) throttle(k string) string { return l.prefix + "{throttle}" + k }
func (l *layout) channel() string          { return l.prefix + "revocations" }

// heads gives the keys of all heads.
func (l *layout) heads() []string {
	keys := make([]string, partitions)
	for p := range keys {
		keys[p] = l.head(p)
	}
	return keys
}
