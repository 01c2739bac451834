package password

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
	"slices"
	"strings"
	"sync"
)

// commonList is described, with its source and licence, in COMMON.md.
//
//go:embed common.txt.gz
var commonList []byte

// commonPasswords returns the list, sorted. It is unpacked at the first use,
// which takes a few milliseconds that a start can do without.
var commonPasswords = sync.OnceValue(func() []string {
	r, err := gzip.NewReader(bytes.NewReader(commonList))
	if err != nil {
		panic("password: embedded list of common passwords: " + err.Error())
	}
	text, err := io.ReadAll(r)
	if err != nil {
		panic("password: embedded list of common passwords: " + err.Error())
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
})

// longestListed is the length of the longest entry.
var longestListed = sync.OnceValue(func() (longest int) {
	for _, entry := range commonPasswords() {
		longest = max(longest, len(entry))
	}
	return longest
})

// commonPart returns the common password that makes up most of s, with or
// without look-alikes, or "". Only one is discounted: several unrelated words
// are what people are advised to use, and nearly every word is somebody's
// password.
func commonPart(s string) string {
	plain, most := coverage(s)
	folded, more := coverage(lookAlikes.Replace(s))
	if more > most {
		return folded
	}
	return plain
}

// coverage returns the common password that covers most bytes of s, and how
// many these are.
func coverage(s string) (best string, most int) {
	for size := min(len(s), longestListed()); size >= shortestWord; size-- {
		for at := 0; at+size <= len(s); at++ {
			word := s[at : at+size]
			if _, found := slices.BinarySearch(commonPasswords(), word); !found {
				continue
			}
			if covers := size * strings.Count(s, word); covers > most {
				best, most = word, covers
			}
		}
	}
	return best, most
}
