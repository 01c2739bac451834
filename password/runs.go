package password

import (
	"strings"
	"unicode/utf8"
)

// tracks are what memory and fingers follow, forwards and backwards: alphabet
// and digits round and round, and the rows of English, German and French
// keyboards. Zigzags go down the columns. ASCII only: matching is by bytes.
var (
	tracks = bothWays(
		"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
		"012345678901234567890123456789",
		"qwertyuiop", "asdfghjkl", "zxcvbnm",
		"qwertzuiop", "yxcvbnm",
		"azertyuiop", "qsdfghjklm", "wxcvbn",
		"!@#$%^&*()",
	)
	zigzags = bothWays(
		"1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
		"qazwsxedcrfvtgbyhnujmikolp",
		"1q2w3e4r5t6y7u8i9o0p",
		"q1w2e3r4t5y6u7i8o9p0",
	)
)

func bothWays(tracks ...string) []string {
	for _, t := range tracks {
		tracks = append(tracks, backwards(t))
	}
	return tracks
}

// runLength returns the length of the run that s begins with: one character
// over and over, or a piece of a track or zigzag. It returns 0 if there is none.
func runLength(s string) int {
	return max(sameLength(s), along(tracks, s, shortestRun), along(zigzags, s, shortestZigzag))
}

// sameLength returns how far s repeats its first character, or 0 where these
// are too few to be a run.
func sameLength(s string) int {
	_, size := utf8.DecodeRuneInString(s)
	n := size
	for strings.HasPrefix(s[n:], s[:size]) {
		n += size
	}
	if n < shortestRun*size {
		return 0
	}
	return n
}

// along returns how far s follows one of tracks, or 0 where that is less than
// shortest.
func along(tracks []string, s string, shortest int) int {
	n := shortest
	for _, t := range tracks {
		for n <= len(s) && strings.Contains(t, s[:n]) {
			n++
		}
	}
	if n == shortest {
		return 0
	}
	return n - 1
}
