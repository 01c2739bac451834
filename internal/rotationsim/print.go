package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

func printHonest(w io.Writer, scenarios []honestScenario, results []falseSignOuts, rows bool) {
	if len(scenarios) == 0 {
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "HONEST PEOPLE\trule\tpromise\texpiries\tsigned out\tper 100,000")
	for i, s := range scenarios {
		r := results[i]
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%.1f\n", s.name, s.ruleName(), s.promise, r.expiries, r.signOuts, r.per100k())
		if rows {
			fmt.Fprintf(t, "  rows 1–7: %v\t\t\t\t\t\n", r.rows[1:8])
		}
	}
	t.Flush()
}

func (s *honestScenario) ruleName() string { return nameOf(s.rule, s.window) }

func nameOf(r rule, window time.Duration) string {
	name := r.name
	if name == "" {
		name = pawlRule.name
	}
	switch {
	case window < 0:
		name += ", no window"
	case window > 0:
		name += fmt.Sprintf(", %v window", window)
	}
	return name
}

func printThieves(w io.Writer, scenarios []thiefScenario, results []gains) {
	if len(scenarios) == 0 {
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nTHIEVES\trule\tpromise\tgot in\tkept, median\tp95\tmost\tnever caught\tvictim told")
	for i, s := range scenarios {
		r := results[i]
		fmt.Fprintf(t, "%s\t%s\t%s\t%.1f %%\t%s\t%s\t%s\t%.1f %%\t%.1f %%\n", s.name, nameOf(s.rule, s.window), s.promise,
			r.percent(r.gotIn), r.quantile(0.5), r.quantile(0.95), r.quantile(1), r.percent(r.never), r.percent(r.told))
	}
	t.Flush()
}

// short prints a duration for people: 12 s, 31 min, 5.2 h, 3.1 d.
func short(ms int64) string {
	switch {
	case ms == 0:
		return "0"
	case ms < 2*minute:
		return fmt.Sprintf("%.0f s", float64(ms)/float64(second))
	case ms < 2*hour:
		return fmt.Sprintf("%.0f min", float64(ms)/float64(minute))
	case ms < 2*day:
		return fmt.Sprintf("%.1f h", float64(ms)/float64(hour))
	}
	return fmt.Sprintf("%.1f d", float64(ms)/float64(day))
}
