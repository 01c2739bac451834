package config

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pawlauth/pawl/api"
)

// A value reads and writes one field as text. A parse error says what is wrong
// and what to write instead; it never quotes the text, as that may be a secret.
type value interface {
	parse(text string) error
	text() string
	kind() string // for the reference: "duration", "true or false", …
}

// Secret is a value that prints as "[secret]" wherever it may end up.
type Secret string

func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "[secret]"
}

// GoString keeps %#v from printing the secret.
func (s Secret) GoString() string { return s.String() }

// MarshalText keeps encoders from printing the secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reveal gives the secret itself.
func (s Secret) Reveal() string { return string(s) }

// OptionalDuration is a duration that may be absent, written "none".
type OptionalDuration struct {
	D   time.Duration
	Set bool
}

// Size is a number of bytes.
type Size int64

type textValue struct{ p *string }

func (v textValue) parse(s string) error {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return errors.New("holds characters that do not print; write plain text")
	}
	*v.p = s
	return nil
}
func (v textValue) text() string { return *v.p }
func (textValue) kind() string   { return "text" }

type secretValue struct{ p *Secret }

func (v secretValue) parse(s string) error { *v.p = Secret(s); return nil }
func (v secretValue) text() string         { return v.p.String() }
func (secretValue) kind() string           { return "secret" }

type choiceValue struct {
	p       *string
	choices []string
}

func (v choiceValue) parse(s string) error {
	if !slices.Contains(v.choices, s) {
		return fmt.Errorf("is not known; use one of %s", strings.Join(v.choices, ", "))
	}
	*v.p = s
	return nil
}
func (v choiceValue) text() string { return *v.p }
func (v choiceValue) kind() string { return "one of `" + strings.Join(v.choices, "`, `") + "`" }

type boolValue struct{ p *bool }

func (v boolValue) parse(s string) error {
	switch s {
	case "true":
		*v.p = true
	case "false":
		*v.p = false
	default:
		return errors.New("must be true or false")
	}
	return nil
}
func (v boolValue) text() string { return strconv.FormatBool(*v.p) }
func (boolValue) kind() string   { return "`true` or `false`" }

type intValue struct {
	p         *int
	unit      string
	low, high int
}

func (v intValue) parse(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < v.low || n > v.high {
		return fmt.Errorf("must be a whole number from %d to %d", v.low, v.high)
	}
	*v.p = n
	return nil
}
func (v intValue) text() string { return strconv.Itoa(*v.p) }
func (v intValue) kind() string { return fmt.Sprintf("%s, %d to %d", v.unit, v.low, v.high) }

type durationValue struct {
	p         *time.Duration
	low, high time.Duration
}

func (v durationValue) parse(s string) error {
	d, err := parseDuration(s)
	if err != nil {
		return err
	}
	if d < v.low || d > v.high {
		return fmt.Errorf("must be from %s to %s", formatDuration(v.low), formatDuration(v.high))
	}
	*v.p = d
	return nil
}
func (v durationValue) text() string { return formatDuration(*v.p) }
func (v durationValue) kind() string {
	return fmt.Sprintf("duration, %s to %s", formatDuration(v.low), formatDuration(v.high))
}

type optionalDurationValue struct {
	p    *OptionalDuration
	high time.Duration
}

func (v optionalDurationValue) parse(s string) error {
	if s == "none" {
		*v.p = OptionalDuration{}
		return nil
	}
	v.p.Set = true
	return durationValue{&v.p.D, 0, v.high}.parse(s)
}

func (v optionalDurationValue) text() string {
	if !v.p.Set {
		return "none"
	}
	return formatDuration(v.p.D)
}

func (v optionalDurationValue) kind() string {
	return fmt.Sprintf("`none`, or a duration up to %s", formatDuration(v.high))
}

// dateValue is a day: from then on, by UTC.
type dateValue struct{ p *time.Time }

func (v dateValue) parse(s string) error {
	if s == "" {
		*v.p = time.Time{}
		return nil
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return errors.New("must be a date such as 2027-01-31")
	}
	*v.p = t
	return nil
}

func (v dateValue) text() string {
	if v.p.IsZero() {
		return ""
	}
	return v.p.Format(time.DateOnly)
}
func (dateValue) kind() string { return "date such as `2027-01-31`" }

type sizeValue struct{ p *Size }

var sizeUnits = []struct {
	suffix string
	bytes  Size
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

func (v sizeValue) parse(s string) error {
	for _, u := range sizeUnits {
		number, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 31)
		if err == nil {
			*v.p = Size(n) * u.bytes
			return nil
		}
	}
	return errors.New("must be a whole number with the unit KiB, MiB or GiB, such as 19MiB")
}

func (v sizeValue) text() string {
	for _, u := range sizeUnits {
		if *v.p >= u.bytes && *v.p%u.bytes == 0 {
			return strconv.FormatInt(int64(*v.p/u.bytes), 10) + u.suffix
		}
	}
	return strconv.FormatInt(int64(*v.p>>10), 10) + "KiB"
}
func (sizeValue) kind() string { return "size in KiB, MiB or GiB" }

type listValue struct{ p *[]string }

func (v listValue) parse(s string) error {
	var list []string
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		var one string
		if err := (textValue{&one}).parse(item); err != nil {
			return err
		}
		if slices.Contains(list, one) {
			return errors.New("names the same thing twice; remove one of them")
		}
		list = append(list, one)
	}
	*v.p = list
	return nil
}
func (v listValue) text() string { return strings.Join(*v.p, ",") }
func (listValue) kind() string   { return "list" }

type prefixesValue struct{ p *[]netip.Prefix }

func (v prefixesValue) parse(s string) error {
	var items []string
	if err := (listValue{&items}).parse(s); err != nil {
		return err
	}
	var list []netip.Prefix
	for _, item := range items {
		p, err := parsePrefix(item)
		if err != nil {
			return err
		}
		list = append(list, p)
	}
	*v.p = list
	return nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	p, err := api.ParseNetwork(s)
	if err == nil && p != p.Masked() {
		err = fmt.Errorf("has bits set beyond the prefix; write %s", p.Masked())
	}
	return p, err
}

func (v prefixesValue) text() string {
	items := make([]string, len(*v.p))
	for i, p := range *v.p {
		items[i] = p.String()
	}
	return strings.Join(items, ",")
}
func (prefixesValue) kind() string { return "list of addresses or networks (CIDR)" }

// ParseDuration reads a duration as keys have it: 60s, 336h, 14d.
func ParseDuration(s string) (time.Duration, error) { return parseDuration(s) }

// parseDuration reads a Go duration, and days besides: 14d, 1d12h.
func parseDuration(s string) (time.Duration, error) {
	bad := errors.New("must be a duration with its unit, such as 60s, 30m, 336h or 14d")
	var days time.Duration
	rest := s
	if number, after, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.ParseUint(number, 10, 32)
		if err != nil || n > math.MaxInt64/uint64(24*time.Hour) {
			return 0, bad
		}
		if days = time.Duration(n) * 24 * time.Hour; after == "" {
			return days, nil
		}
		rest = after
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || days+d < days {
		return 0, bad
	}
	return days + d, nil
}

// formatDuration writes 336h, not 336h0m0s.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
