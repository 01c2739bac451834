package sqlite

import (
	"encoding/base64"
	"errors"
	"math"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/token"
)

// columns of a session, in the order of readSession. With a "+" and a name of
// one letter the driver has no column types and names to copy for each result.
const columns = ` +s.sid a, +s.generation b, +s.created c, +s.rotated d, +s.opened e, +s.idle_expires f, +s.ends g,
	+s.auth_time h, +s.address i, +s.agent j, +s.label k, +s.last_key l, +s.ended m, +s.end_reason n `

// readSession reads columns from position i.
func readSession(user string, r row, i int) pawl.Session {
	s := pawl.Session{
		SessionKey:  pawl.SessionKey{User: user, ID: sidText(r.blob(i))},
		Generation:  uint64(r.int(i + 1)),
		Created:     fromMillis(r.int(i + 2)),
		Rotated:     fromMillis(r.int(i + 3)),
		Opened:      fromMillis(r.int(i + 4)),
		IdleExpires: fromMillis(r.int(i + 5)),
		Ends:        fromMillis(r.int(i + 6)),
		AuthTime:    fromSeconds(r.int(i + 7)),
		Client:      pawl.Client{Address: r.text(i + 8), Agent: r.text(i + 9), Label: r.text(i + 10)},
		Ended:       fromMillis(r.int(i + 12)),
		EndReason:   r.text(i + 13),
	}
	copy(s.LastKey[:], r.blob(i+11))
	return s
}

// standing is the user's mark and everyone's, in the order of readMark.
const standing = ` +e.not_before o, +e.reason p, +e.version q, +m.not_before r, +m.reason s, +m.version t `

// standingColumns is how many columns standing has.
const standingColumns = 6

// readMark reads standing from position 0: the later of the two marks.
func readMark(r row) pawl.Mark {
	own := oneMark(r[3:])
	return own.Later(oneMark(r))
}

func oneMark(r row) pawl.Mark {
	if r.int(2) == 0 {
		return pawl.Mark{}
	}
	return pawl.Mark{NotBefore: fromSeconds(r.int(0)), Reason: r.text(1), Version: uint64(r.int(2))}
}

// covered is the auth_time up to which a mark ends sessions.
func covered(m pawl.Mark) int64 {
	if m.Version == 0 {
		return math.MinInt64
	}
	return seconds(m.NotBefore)
}

func sidText(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

var errSessionID = errors.New("a session id is 16 bytes in base64url")

func sidBytes(id string) ([]byte, error) {
	raw, ok := token.ParseSessionID(id)
	if !ok {
		return nil, errSessionID
	}
	return raw[:], nil
}

func keyBytes(h [32]byte) any {
	if h == [32]byte{} {
		return nil
	}
	return h[:]
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func fromSeconds(s int64) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(s, 0).UTC()
}
