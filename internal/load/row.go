package load

import (
	"context"
	"slices"
	"time"
)

// Row is what was measured of one kind with one number of clients. Figures of
// several runs are medians; durations are milliseconds, of right answers only.
type Row struct {
	Kind      Kind           `json:"kind"`
	Clients   int            `json:"clients"`
	Right     int64          `json:"right"` // answers
	PerSecond Span           `json:"perSecond"`
	P50       float64        `json:"p50Ms"`
	P99       float64        `json:"p99Ms"`
	Server    *Usage         `json:"server,omitempty"`  // of an own server, where the system tells
	Bare      *Bare          `json:"bare,omitempty"`    // of sign-ins on an own server
	Refused   map[string]int `json:"refused,omitempty"` // by code: 429 and 503 that said when to come back
	Wrong     map[string]int `json:"wrong,omitempty"`   // by code
	Examples  []string       `json:"examples,omitempty"`
	Stopped   bool           `json:"stopped,omitempty"` // before all its runs were done
}

// Span is a median with its range.
type Span struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// Usage is what the server's process used.
type Usage struct {
	CPU  float64 `json:"cpuSecondsPer1000"` // right answers
	Peak float64 `json:"peakMiB"`           // of resident memory during the runs
}

// Bare compares sign-ins with bare password hashes on all processors, measured
// in turn with the runs.
type Bare struct {
	PerSecond Span    `json:"perSecond"`
	Share     float64 `json:"share"`     // of the bare rate that sign-ins reach
	P99Factor float64 `json:"p99Factor"` // p99 in relation to clients / bare rate, a fair queue's wait
}

// Good reports whether there were right answers, and none that was wrong.
func (row Row) Good() bool { return row.Right > 0 && len(row.Wrong) == 0 }

func span(v []float64) Span {
	if len(v) == 0 {
		return Span{}
	}
	return Span{median(v), slices.Min(v), slices.Max(v)}
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(v))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// samples are the figures of a row's runs.
type samples struct{ rate, p50, p99, cpu, bare, share []float64 }

// Run measures row after row and hands each on as soon as it is there. It ends
// early, without an error, when ctx ends: the last row then has Stopped set, if
// there is something in it. An error says what could not be measured.
func Run(ctx context.Context, p Plan, t Target, each func(Row)) error {
	if err := p.Check(); err != nil {
		return err
	}
	for _, k := range p.Kinds {
		for _, n := range p.Clients {
			row, err := measure(ctx, &p, t, k, n)
			stopped := ctx.Err() != nil
			if row.Right > 0 || err == nil && !stopped {
				each(row)
			}
			if stopped || err != nil {
				return unlessStopped(ctx, err)
			}
		}
	}
	return nil
}

// unlessStopped drops an error that comes of having been stopped.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}

func measure(ctx context.Context, p *Plan, t Target, k Kind, n int) (Row, error) {
	s, err := t.stage(ctx, p, k, n)
	if err != nil {
		return Row{}, err
	}
	defer s.close()
	count, row := newTally(), Row{Kind: k, Clients: n}
	drive(ctx, s.clients, k, p.Length/4, count)
	if s.own != nil {
		s.own.forgetPeak()
	}
	var all samples
	for range p.Runs {
		s.run(ctx, p.Length, k, count, &row, &all)
		if row.Stopped = ctx.Err() != nil; row.Stopped {
			break
		}
	}
	all.into(&row)
	row.Refused, row.Wrong, row.Examples = count.refused, count.wrong, count.examples
	return row, nil
}

// run adds one run, with the bare rate beside it for sign-ins.
func (s *stage) run(ctx context.Context, d time.Duration, k Kind, count *tally, row *Row, all *samples) {
	var bare float64
	if k == SignIn && s.own != nil {
		bare = bareRate(d / 2)
	}
	before, _, _ := s.usage()
	r := drive(ctx, s.clients, k, d, count)
	after, peak, known := s.usage()
	right := r.took.total.Load()
	if right == 0 {
		all.rate = append(all.rate, 0)
		return
	}
	row.Right += right
	rate := float64(right) / r.elapsed.Seconds()
	all.rate = append(all.rate, rate)
	all.p50 = append(all.p50, milliseconds(r.took.quantile(0.50)))
	all.p99 = append(all.p99, milliseconds(r.took.quantile(0.99)))
	if known {
		all.cpu = append(all.cpu, (after-before).Seconds()/float64(right)*1000)
		row.Server = &Usage{Peak: peak}
	}
	if bare > 0 {
		all.bare, all.share = append(all.bare, bare), append(all.share, rate/bare)
	}
}

func (s *stage) usage() (cpu time.Duration, peak float64, ok bool) {
	if s.own == nil {
		return 0, 0, false
	}
	return s.own.usage()
}

func (a *samples) into(row *Row) {
	row.PerSecond, row.P50, row.P99 = span(a.rate), median(a.p50), median(a.p99)
	if row.Server != nil {
		row.Server.CPU = median(a.cpu)
	}
	if len(a.bare) > 0 {
		row.Bare = &Bare{PerSecond: span(a.bare), Share: median(a.share)}
		row.Bare.P99Factor = row.P99 / 1000 * row.Bare.PerSecond.Median / float64(row.Clients)
	}
}
