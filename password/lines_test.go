package password

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// SECURITY 40: whoever floods the queue waits for themselves. Callers come while
// the one turn is taken, in the order given: a lower case letter is a stranger
// from that place, an upper case one is known there. What comes out is who was
// served, in that order, and who was sent away at once.
func TestLinesTakeTurns(t *testing.T) {
	for _, test := range []struct {
		name, come, served, refused string
	}{
		{"one line is first come, first served", "aaa", "aaa", ""},
		{"lines take turns", "aaabbc", "abcaba", ""},
		{"a full queue of one line refuses more of it", "aaaaaaaa", "aaaaaa", "aa"},
		{"and makes room for another line", "aaaaaaab", "abaaaa", "aa"},
		{"lines of one each are left alone", "abcdefg", "abcdef", "g"},
		{"the known go ahead, and not alone", "abcAAAA", "AAAaAb", "c"},
		{"three of the known for one of the others", "aaABCD", "ABCaDa", ""},
		{"the known send strangers away", "abcdefA", "Aabcde", "f"},
		{"strangers do not send the known away", "ABCDEFa", "ABCDEF", "a"},
		{"the known do not crowd each other out", "AAAAAAB", "ABAAAA", "A"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				turns := newTurns(1, 6, time.Minute)
				first, err := turns.take(t.Context(), 1)
				if err != nil {
					t.Fatal(err)
				}
				var served, refused strings.Builder
				for _, c := range test.come {
					name := strings.ToLower(string(c))
					ctx := WithLine(t.Context(), Line{Name: name, Known: name != string(c)})
					go func() {
						done, err := turns.take(ctx, 1)
						if errors.Is(err, ErrBusy) {
							refused.WriteRune(c)
							return
						}
						served.WriteRune(c)
						done()
					}()
					synctest.Wait()
				}
				first()
				synctest.Wait()
				if served.String() != test.served || refused.String() != test.refused {
					t.Errorf("served %q, want %q; refused %q, want %q", served.String(), test.served, refused.String(), test.refused)
				}
				if running, waiting := turns.stats(); running != 0 || waiting != 0 {
					t.Errorf("%d running, %d waiting at the end", running, waiting)
				}
			})
		})
	}
}
