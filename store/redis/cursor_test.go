package redis

import (
	"testing"

	"pgregory.net/rapid"
)

func anyPosition() *rapid.Generator[position] {
	return rapid.Custom(func(t *rapid.T) (p position) {
		for i := range p {
			if rapid.Bool().Draw(t, "has any") {
				p[i] = entryID{rapid.Uint64Range(1, 1<<53).Draw(t, "micros"), rapid.Uint16().Draw(t, "tag")}
			}
		}
		return p
	})
}

func TestCursorsAreReadAsTheyWereGiven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyPosition().Draw(t, "position")
		text := want.String()
		got, ok := parsePosition(text)
		if !ok || got != want {
			t.Fatalf("%q is %v, %v", text, got, ok)
		}
		if len(text) > 1000 { // it travels in a header
			t.Errorf("%d characters", len(text))
		}
		for _, e := range want {
			if got, ok := parseEntryID(e.String()); !ok || got != e {
				t.Fatalf("%q is %v, %v", e, got, ok)
			}
		}
	})
}

func FuzzCursor(f *testing.F) {
	p := position{3: {1 << 50, 7}, 9: {1<<50 - 1, 8}}
	f.Add(p.String())
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := parsePosition(text)
		if !ok && got != (position{}) {
			t.Errorf("%q was refused, and gave %v", text, got)
		}
		if again, same := parsePosition(got.String()); ok && (!same || again != got) {
			t.Errorf("%q: %v is read as %v", text, got, again)
		}
	})
}
