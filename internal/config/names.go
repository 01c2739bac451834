package config

import "strings"

const envPrefix = "PAWL_"

func envName(key string) string  { return envPrefix + strings.ToUpper(key) }
func flagName(key string) string { return strings.ReplaceAll(key, "_", "-") }

// longestName bounds what is compared and quoted of a name that does not exist.
const longestName = 64

// nearest gives the name that was probably meant, or "" where none is near.
func nearest(name string, names []string) string {
	if len(name) > longestName {
		return ""
	}
	best, least := "", min(len(name)/2+1, 4)
	for _, n := range names {
		if d := distance(name, n); d < least {
			best, least = n, d
		}
	}
	return best
}

// distance is the edit distance (Levenshtein) of two names, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// short cuts a name that nobody meant.
func short(name string) string {
	if len(name) > longestName {
		return name[:longestName] + "…"
	}
	return name
}

// didYouMean ends the complaint about a name that does not exist.
func didYouMean(name string, names []string) string {
	if n := nearest(name, names); n != "" {
		return "did you mean " + n + "?"
	}
	return "`pawl config reference` lists what there is"
}
