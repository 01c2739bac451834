package redis

import (
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/pawlauth/pawl/token"
)

// entryID names an entry of a partition's log: scripts/lib.lua says how it is
// made. The zero entryID stands before all.
type entryID struct {
	micros uint64
	tag    uint16
}

func (e entryID) String() string {
	if e == (entryID{}) {
		return ""
	}
	return decimal(e.micros) + "-" + strconv.Itoa(int(e.tag))
}

func parseEntryID(text string) (e entryID, ok bool) {
	if text == "" {
		return e, true
	}
	micros, tag, _ := strings.Cut(text, "-")
	m, err := strconv.ParseUint(micros, 10, 64)
	t, tagErr := strconv.ParseUint(tag, 10, 16)
	return entryID{m, uint16(t)}, err == nil && tagErr == nil
}

// position is how far the log of each partition was read.
type position [partitions]entryID

// cursorVersion stands in front of a cursor: others are of other stores.
const cursorVersion = 1

// String gives the cursor: the latest time, and for each partition that has one
// its number, by how much its time is earlier, and its tag.
func (p *position) String() string {
	latest := uint64(0)
	for _, e := range p {
		latest = max(latest, e.micros)
	}
	b := binary.AppendUvarint([]byte{cursorVersion}, latest)
	for i, e := range p {
		if e != (entryID{}) {
			b = binary.AppendUvarint(append(b, byte(i)), latest-e.micros)
			b = binary.BigEndian.AppendUint16(b, e.tag)
		}
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// parsePosition reads a cursor; ok is false for one that no store of this kind
// has given.
func parsePosition(cursor string) (p position, ok bool) {
	if len(cursor) > 2048 {
		return p, false
	}
	b, err := token.DecodeBase64URL(cursor)
	if err != nil || len(b) == 0 || b[0] != cursorVersion {
		return p, false
	}
	latest, n := binary.Uvarint(b[1:])
	if n <= 0 {
		return p, false
	}
	for b = b[1+n:]; len(b) > 0; b = b[3+n:] {
		var behind uint64
		if behind, n = binary.Uvarint(b[1:]); n <= 0 || len(b) < 3+n || b[0] >= partitions || behind > latest {
			return position{}, false
		}
		p[b[0]] = entryID{latest - behind, binary.BigEndian.Uint16(b[1+n:])}
	}
	return p, true
}
