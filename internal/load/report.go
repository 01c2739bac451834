package load

import (
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
)

// Report is everything about a measurement, as --json prints it.
type Report struct {
	Version    string  `json:"version"` // of the program that measured
	Go         string  `json:"go"`
	System     string  `json:"system"`
	Processors int     `json:"processors"`
	Server     string  `json:"server"`           // its URL, or "own"
	Stores     string  `json:"stores,omitempty"` // of an own server
	Sessions   int     `json:"otherSessions"`
	RunSeconds float64 `json:"runSeconds"`
	Runs       int     `json:"runs"`
	Rows       []Row   `json:"rows"`
	Stopped    bool    `json:"stopped,omitempty"`
}

// NewReport is the report of a plan, without rows.
func NewReport(p Plan, t Target) *Report {
	r := &Report{
		Version: p.Version, Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH, Processors: runtime.GOMAXPROCS(0),
		Server: t.URL, Sessions: p.Sessions, RunSeconds: p.Length.Seconds(), Runs: p.Runs, Rows: []Row{},
	}
	if t.Program != "" {
		r.Server, r.Stores = "own", t.Grounds.String()
	}
	return r
}

// Head writes what was measured with, and the head of the table.
func (r *Report) Head(w io.Writer) {
	fmt.Fprintf(w, "pawl %s, %s %s, %d processors", r.Version, r.Go, r.System, r.Processors)
	if r.Server == "own" {
		fmt.Fprintf(w, " shared by server and clients; a server of its own for each row: %s; ES256; %d other sessions", r.Stores, r.Sessions)
	} else {
		fmt.Fprintf(w, " for the clients; the server at %s", r.Server)
	}
	fmt.Fprintf(w, "; %d runs of %v s\n\n", r.Runs, r.RunSeconds)
	fmt.Fprintln(w, "| kind | clients | per second, median (min–max) | p50 ms | p99 ms | server CPU s per 1,000 | server RSS MiB, peak | refused | wrong |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|")
}

// Line writes a row of the table.
func (row Row) Line(w io.Writer) {
	cpu, rss := "–", "–"
	if row.Server != nil {
		cpu, rss = fmt.Sprintf("%.3f", row.Server.CPU), fmt.Sprintf("%.0f", row.Server.Peak)
	}
	p50, p99 := "–", "–"
	if row.Right > 0 {
		p50, p99 = fmt.Sprintf("%.2f", row.P50), fmt.Sprintf("%.2f", row.P99)
	}
	fmt.Fprintf(w, "| %s | %d | %s | %s | %s | %s | %s | %s | %s |\n", row.Kind.title(), row.Clients, row.PerSecond, p50, p99, cpu, rss, codes(row.Refused), codes(row.Wrong))
}

// String is the median with its range, with one decimal where that matters.
func (s Span) String() string {
	digits := 0
	if s.Median < 1000 {
		digits = 1
	}
	return fmt.Sprintf("%s (%s–%s)", thousands(s.Median, digits), thousands(s.Min, digits), thousands(s.Max, digits))
}

func thousands(v float64, digits int) string {
	text := fmt.Sprintf("%.*f", digits, v)
	whole, _, _ := strings.Cut(text, ".")
	for at := len(whole) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// codes gives "503 unavailable: 12", or "0".
func codes(counts map[string]int) string {
	if len(counts) == 0 {
		return "0"
	}
	var all []string
	for _, code := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, fmt.Sprintf("%s: %s", code, thousands(float64(counts[code]), 0)))
	}
	return strings.Join(all, "; ")
}

// Foot writes what the table has no column for.
func (r *Report) Foot(w io.Writer) {
	for _, row := range r.Rows {
		name := fmt.Sprintf("%s, %d clients", row.Kind.title(), row.Clients)
		if b := row.Bare; b != nil {
			fmt.Fprintf(w, "\n%s: bare Argon2id on all processors, in turn with the runs, made %s a second; sign-ins reach %.0f %% of it, and their p99 is %.2f times what a fair queue of so many takes.\n", name, b.PerSecond, b.Share*100, b.P99Factor)
		}
		if row.Stopped {
			fmt.Fprintf(w, "\n%s: stopped before all runs were done.\n", name)
		}
		for _, example := range row.Examples {
			fmt.Fprintf(w, "\n%s: WRONG: %s\n", name, clean(example))
		}
	}
}

// clean keeps what a server says from steering the terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '\uFFFD'
		}
		return r
	}, s)
}
