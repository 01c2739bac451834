package password

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// enough is how many characters must remain when everything guessable has been
// counted as one. With fewer, a common password and six characters behind it,
// such as a year and two marks, would do; with more, a random password of eight
// that happens to contain a short word would not.
const enough = 7

// The lengths, in bytes, from which something counts as guessable. Shorter
// matches occur by chance.
const (
	shortestWord    = 4 // of the list of common passwords
	shortestContext = 3
	shortestRun     = 3
	shortestZigzag  = 4
)

// lookAlikes undoes the usual substitutions of letters, byte by byte.
var lookAlikes = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i")

// guess returns why pw would be guessed early, or "".
func guess(pw string, context []string) Code {
	s := unrepeat(strings.ToLower(pw))
	names := contextWords(context)
	common := commonPart(s)
	met := pieces{}
	left := met.count(divide(s, append(slices.Clip(names), common)))
	switch {
	case left >= enough:
		return ""
	case slices.ContainsFunc(names, met.has):
		return CodeContext
	case met.has(common):
		return CodeCommon
	}
	return CodePredictable
}

// unrepeat returns the shortest string of which s is a repetition, the last one
// possibly cut off, and s itself if it does not repeat. Repeating adds nothing.
func unrepeat(s string) string {
	for n := 1; n <= len(s)/2; n++ {
		if s[n:] == s[:len(s)-n] {
			return s[:n]
		}
	}
	return s
}

// pieces are the words and runs that were met.
type pieces map[string]bool

func (p pieces) has(word string) bool { return p[word] }

// count adds parts and returns how many there are, each word or run only once
// however long it is and however often it occurs.
func (p pieces) count(parts []string) (n int) {
	for _, part := range parts {
		if !p[part] {
			n++
		}
		if utf8.RuneCountInString(part) > 1 {
			p[part] = true
		}
	}
	return n
}

// A part is a word, a run or a single character at some place of a password.
type part struct {
	text string // as it would be without look-alikes
	end  int
}

// divide cuts s into as few parts as possible. Cutting off the longest part
// first would read "alicesmith" as "alices" and four letters.
func divide(s string, words []string) (parts []string) {
	count := make([]int, len(s)+1) // of parts from here to the end
	first := make([]part, len(s))
	for at := len(s) - 1; at >= 0; at-- {
		count[at] = len(s) + 1
		for _, p := range partsAt(s, at, words) {
			if n := 1 + count[p.end]; n < count[at] {
				count[at], first[at] = n, p
			}
		}
	}
	for at := 0; at < len(s); at = first[at].end {
		parts = append(parts, first[at].text)
	}
	return parts
}

// partsAt returns what may be cut off s at a place: the words, with or without
// look-alikes, the run, and the character that begin there.
func partsAt(s string, at int, words []string) (parts []part) {
	rest := s[at:]
	for _, w := range words {
		if w != "" && len(w) <= len(rest) && (strings.HasPrefix(rest, w) || lookAlikes.Replace(rest[:len(w)]) == w) {
			parts = append(parts, part{w, at + len(w)})
		}
	}
	if n := runLength(rest); n > 0 {
		parts = append(parts, part{rest[:n], at + n})
	}
	_, n := utf8.DecodeRuneInString(rest)
	return append(parts, part{rest[:n], at + n})
}

// contextWords returns what a stranger would make of the words of context: each
// whole, its parts (of an address: both sides of the @, and what dots and the
// like divide), these run together, and all of that backwards.
func contextWords(context []string) (words []string) {
	for _, c := range context {
		c = strings.ToLower(c)
		whole := append(strings.FieldsFunc(c, isOuter), c)
		for _, w := range whole {
			parts := strings.FieldsFunc(w, isInner)
			words = append(words, w, strings.Join(parts, ""))
			words = append(words, parts...)
		}
	}
	words = slices.DeleteFunc(words, func(w string) bool { return len(w) < shortestContext })
	for _, w := range words {
		words = append(words, backwards(w))
	}
	slices.Sort(words)
	return slices.Compact(words)
}

func isOuter(r rune) bool { return r == '@' || unicode.IsSpace(r) }

func isInner(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }

func backwards(s string) string {
	r := []rune(s)
	slices.Reverse(r)
	return string(r)
}
