package postgres

import (
	"encoding/base64"
	"errors"
	"hash/fnv"
	"math"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/token"
)

// text reads bytea into a string; NULL is the empty one.
type text string

// ScanBytes implements [pgtype.BytesScanner].
func (t *text) ScanBytes(b []byte) error { *t = text(b); return nil }

// number reads bigint; NULL is 0.
type number int64

// ScanInt64 implements [pgtype.Int64Scanner].
func (n *number) ScanInt64(v pgtype.Int8) error { *n = number(v.Int64); return nil }

// columns of a session, in the order of sessionRow.
const columns = ` s.sid, s.generation, s.created, s.rotated, s.opened, s.idle_expires, s.ends, s.auth_time,
	s.address, s.agent, s.label, s.last_key, s.ended, s.end_reason `

// sessionRow is a session as the table has it.
type sessionRow struct {
	generation, created, rotated, opened, idleExpires, ends, authTime, ended number
	sid, address, agent, label, lastKey, endReason                           text
}

func (r *sessionRow) dest() []any {
	return []any{
		&r.sid, &r.generation, &r.created, &r.rotated, &r.opened, &r.idleExpires, &r.ends, &r.authTime,
		&r.address, &r.agent, &r.label, &r.lastKey, &r.ended, &r.endReason,
	}
}

// missing reports whether there was no session to join.
func (r *sessionRow) missing() bool { return r.sid == "" }

func (r *sessionRow) session(user string) pawl.Session {
	s := pawl.Session{
		SessionKey:  pawl.SessionKey{User: user, ID: sidText([]byte(r.sid))},
		Generation:  uint64(r.generation),
		Created:     fromMillis(r.created),
		Rotated:     fromMillis(r.rotated),
		Opened:      fromMillis(r.opened),
		IdleExpires: fromMillis(r.idleExpires),
		Ends:        fromMillis(r.ends),
		AuthTime:    fromSeconds(r.authTime),
		Client:      pawl.Client{Address: string(r.address), Agent: string(r.agent), Label: string(r.label)},
		Ended:       fromMillis(r.ended),
		EndReason:   string(r.endReason),
	}
	copy(s.LastKey[:], r.lastKey)
	return s
}

// standing is everyone's mark and the user's, in the order of standingRow.
const standing = ` e.not_before, e.reason, e.version, m.not_before, m.reason, m.version `

// standingRow is the two marks of a user.
type standingRow struct {
	everyone, own markRow
}

type markRow struct {
	notBefore, version number
	reason             text
}

func (r *standingRow) dest() []any {
	return append(r.everyone.dest(), r.own.dest()...)
}

// mark is the later of the two.
func (r *standingRow) mark() pawl.Mark { return r.own.mark().Later(r.everyone.mark()) }

func (r *markRow) dest() []any { return []any{&r.notBefore, &r.reason, &r.version} }

func (r *markRow) mark() pawl.Mark {
	if r.version == 0 {
		return pawl.Mark{}
	}
	return pawl.Mark{NotBefore: fromSeconds(r.notBefore), Reason: string(r.reason), Version: uint64(r.version)}
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

func keyBytes(h [32]byte) []byte {
	if h == [32]byte{} {
		return []byte{}
	}
	return h[:]
}

// lockOf is the number by which a text is locked. Two that share one wait for
// each other, and that is all.
func lockOf(text string) int32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(text))
	return int32(h.Sum32())
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms number) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms)).UTC()
}

func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func fromSeconds(s number) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(int64(s), 0).UTC()
}
