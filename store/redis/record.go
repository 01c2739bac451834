package redis

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/netip"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/token"
)

// What the values of a user's hash hold is written in scripts/lib.lua.

var (
	errDamaged   = errors.New("redis: a record is damaged; it was left as it is")
	errSessionID = errors.New("a session id is 16 bytes in base64url")
)

func sidText(raw string) string { return base64.RawURLEncoding.EncodeToString([]byte(raw)) }

func sidBytes(id string) (string, error) {
	raw, ok := token.ParseSessionID(id)
	if !ok {
		return "", errSessionID
	}
	return string(raw[:]), nil
}

// values are those of one session.
type values struct {
	hot, cold, label, ended string
}

func (v values) session(user, sid string) (s pawl.Session, err error) {
	s.SessionKey = pawl.SessionKey{User: user, ID: sidText(sid)}
	if len(v.hot) != hotSize && len(v.hot) != hotSize+len(s.LastKey) || len(v.cold) < coldSize {
		return s, errDamaged
	}
	s.Generation = binary.BigEndian.Uint64([]byte(v.hot))
	s.Opened, s.Rotated, s.IdleExpires = readMillis(v.hot[8:]), readMillis(v.hot[14:]), readMillis(v.hot[20:])
	copy(s.LastKey[:], v.hot[hotSize:])
	s.Created, s.Ends, s.AuthTime = readMillis(v.cold), readMillis(v.cold[6:]), fromSeconds(readUint(v.cold[12:17]))
	s.Client, err = readClient(v.cold[coldSize:])
	s.Client.Label = v.label
	if err == nil && v.ended != "" {
		s.Ended, s.EndReason, err = readEnded(v.ended)
	}
	return s, err
}

const (
	hotSize  = 26 // without the key hash
	coldSize = 17 // without the client
)

// condition is the part of hot by which a rotation knows the state that it was
// made from.
func condition(s *pawl.Session) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, hotSize+32), s.Generation)
	return appendMillis(b, s.Opened)
}

func packHot(s *pawl.Session) string {
	b := appendMillis(appendMillis(condition(s), s.Rotated), s.IdleExpires)
	if s.LastKey != [32]byte{} {
		b = append(b, s.LastKey[:]...)
	}
	return string(b)
}

func packCold(s *pawl.Session) string {
	b := appendMillis(appendMillis(make([]byte, 0, 64), s.Created), s.Ends)
	b = appendUint(b, seconds(s.AuthTime), 5)
	return string(b) + packClient(s.Client)
}

func packEnded(at time.Time, reason string) string {
	return string(appendMillis(nil, at)) + reason
}

func readEnded(v string) (at time.Time, reason string, err error) {
	if len(v) < 6 {
		return at, "", errDamaged
	}
	return readMillis(v), v[6:], nil
}

// packClient writes the address, in as many bytes as it has where it is one, and
// the agent behind it.
func packClient(c pawl.Client) string {
	if a, err := netip.ParseAddr(c.Address); err == nil && a.Zone() == "" && a.String() == c.Address {
		raw := a.AsSlice()
		return string(append([]byte{byte(len(raw))}, raw...)) + c.Agent
	}
	b := append([]byte{textAddress}, binary.AppendUvarint(nil, uint64(len(c.Address)))...)
	return string(b) + c.Address + c.Agent
}

const textAddress = 0 // other than 4 and 16

func readClient(v string) (c pawl.Client, err error) {
	if v == "" {
		return c, errDamaged
	}
	n, rest := uint64(v[0]), v[1:]
	if n == textAddress {
		length, size := binary.Uvarint([]byte(rest))
		if size <= 0 {
			return c, errDamaged
		}
		n, rest = length, rest[size:]
	}
	if uint64(len(rest)) < n {
		return c, errDamaged
	}
	c.Address, c.Agent = rest[:n], rest[n:]
	if v[0] != textAddress {
		a, ok := netip.AddrFromSlice([]byte(c.Address))
		if !ok {
			return c, errDamaged
		}
		c.Address = a.String()
	}
	return c, nil
}

func readMark(v string) (m pawl.Mark, err error) {
	switch {
	case v == "":
		return m, nil
	case len(v) < 14:
		return m, errDamaged
	}
	return pawl.Mark{
		Version:   binary.BigEndian.Uint64([]byte(v)),
		NotBefore: fromSeconds(readUint(v[8:14])), Reason: v[14:],
	}, nil
}

// readMarks gives the later of a user's own and everyone's.
func readMarks(own, all string) (pawl.Mark, error) {
	m, err := readMark(own)
	a, allErr := readMark(all)
	return m.Later(a), errors.Join(err, allErr)
}

// appendUint writes the last size bytes of n, the highest first.
func appendUint(b []byte, n uint64, size int) []byte {
	for i := size - 1; i >= 0; i-- {
		b = append(b, byte(n>>(8*i)))
	}
	return b
}

func readUint(v string) (n uint64) {
	for i := range len(v) {
		n = n<<8 | uint64(v[i])
	}
	return n
}

func appendMillis(b []byte, t time.Time) []byte { return appendUint(b, millis(t), 6) }

func readMillis(v string) time.Time {
	ms := readUint(v[:6])
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms)).UTC()
}

// millis gives 0 for no time, and for one before 1970, which no session has.
func millis(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(max(t.UnixMilli(), 0))
}

func seconds(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(max(t.Unix(), 0))
}

func fromSeconds(s uint64) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(int64(s), 0).UTC()
}
