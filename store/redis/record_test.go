package redis

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pawlauth/pawl"
)

func anyTime() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		ms := rapid.Int64Range(0, 253402300799999).Draw(t, "ms")
		if ms == 0 {
			return time.Time{}
		}
		return time.UnixMilli(ms).UTC()
	})
}

func anySession() *rapid.Generator[pawl.Session] {
	return rapid.Custom(func(t *rapid.T) pawl.Session {
		address := rapid.OneOf(
			rapid.SampledFrom([]string{"", "203.0.113.7", "2001:db8::7", "::ffff:1.2.3.4", "2001:DB8::7", "fe80::1%eth0", "1.2.3", "\x04\x00"}),
			rapid.String(),
		)
		s := pawl.Session{
			SessionKey: pawl.SessionKey{User: "u", ID: sidText(string(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "sid")))},
			Generation: rapid.Uint64().Draw(t, "generation"),
			Created:    anyTime().Draw(t, "created"), Rotated: anyTime().Draw(t, "rotated"), Opened: anyTime().Draw(t, "opened"),
			IdleExpires: anyTime().Draw(t, "idle"), Ends: anyTime().Draw(t, "ends"),
			AuthTime: fromSeconds(seconds(anyTime().Draw(t, "auth"))),
			Client:   pawl.Client{Address: address.Draw(t, "address"), Agent: rapid.String().Draw(t, "agent"), Label: rapid.String().Draw(t, "label")},
		}
		copy(s.LastKey[:], rapid.SliceOfN(rapid.Byte(), 0, 32).Draw(t, "key"))
		if rapid.Bool().Draw(t, "has ended") {
			s.Ended, s.EndReason = anyTime().Draw(t, "ended"), rapid.String().Draw(t, "reason")
		}
		return s
	})
}

func TestRecordsAreReadAsTheyWereWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anySession().Draw(t, "session")
		sid, err := sidBytes(want.ID)
		if err != nil {
			t.Fatal(err)
		}
		v := values{hot: packHot(&want), cold: packCold(&want), label: want.Client.Label}
		if !want.Ended.IsZero() || want.EndReason != "" {
			v.ended = packEnded(want.Ended, want.EndReason)
		}
		got, err := v.session("u", sid)
		if err != nil || got != want {
			t.Fatalf("%+v, %v; want %+v", got, err, want)
		}
	})
}

// A usual session's values are short enough for a hash to stay a listpack.
func TestValuesAreShort(t *testing.T) {
	at := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	s := pawl.Session{
		Generation: 1 << 50, Created: at, Rotated: at, Opened: at, IdleExpires: at, Ends: at, AuthTime: at, LastKey: [32]byte{1},
		Client: pawl.Client{Address: "2001:db8:1234:5678:9abc:def0:1234:5678", Agent: "Samsung Internet on Android"},
	}
	for name, v := range map[string]string{"hot": packHot(&s), "cold": packCold(&s)} {
		if len(v) > 64 {
			t.Errorf("%s takes %d bytes", name, len(v))
		}
	}
}

func FuzzRecordsNeverPanic(f *testing.F) {
	s := pawl.Session{LastKey: [32]byte{1}, Client: pawl.Client{Address: "1.2.3.4", Agent: "a"}}
	f.Add(packHot(&s), packCold(&s), packEnded(time.UnixMilli(7), "x"))
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, hot, cold, ended string) {
		_, _ = values{hot: hot, cold: cold, ended: ended}.session("u", "0123456789abcdef")
		_, _ = readMarks(hot, cold)
	})
}
