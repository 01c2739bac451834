package legacy

import (
	"math"
	"slices"
	"strconv"
	"time"
)

const (
	maxUser = 256             // bytes of a user's name
	maxTime = 253_402_300_799 // the year 9999: what is later is no time
)

// claims are a token's, as encoding/json reads them.
type claims map[string]any

// text gives a claim as text; numbers too, since many a user table counts its
// people. "" where it is missing or of another kind.
func (c claims) text(name string) string {
	switch v := c[name].(type) {
	case string:
		return v
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return strconv.FormatInt(int64(v), 10)
		}
	}
	return ""
}

// time gives a NumericDate, floored to seconds; zero where there is none.
func (c claims) time(name string) (time.Time, error) {
	v, ok := c[name]
	if !ok {
		return time.Time{}, nil
	}
	sec, ok := v.(float64)
	if !ok || sec <= 0 || sec > maxTime {
		return time.Time{}, refuse(name + " is not a time")
	}
	return time.Unix(int64(sec), 0).UTC(), nil
}

// audience reports whether aud, one or several, names want.
func (c claims) audience(want string) bool {
	if list, ok := c["aud"].([]any); ok {
		return slices.Contains(list, any(want))
	}
	return c["aud"] == any(want)
}
