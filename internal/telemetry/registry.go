package telemetry

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// registry registers, and keeps what went wrong.
type registry struct {
	prometheus.Registerer
	err error
}

func (r *registry) add(c prometheus.Collector) {
	r.err = errors.Join(r.err, r.Register(c))
}

func (r *registry) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	r.add(c)
	return c
}

func (r *registry) counters(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	r.add(c)
	return c
}

func (r *registry) histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	r.add(h)
	return h
}

func (r *registry) labelled(name, help, label string, values []string) *labelled {
	return newLabelled(r.counters(name, help, label), values)
}

// labelled counts by one label with fixed values, which are there from the
// start, at 0; whatever else comes is counted as other.
type labelled struct {
	known map[string]prometheus.Counter
	other prometheus.Counter
}

func newLabelled(v *prometheus.CounterVec, values []string) *labelled {
	l := &labelled{known: map[string]prometheus.Counter{}, other: v.WithLabelValues(other)}
	for _, value := range values {
		l.known[value] = v.WithLabelValues(value)
	}
	return l
}

func (l *labelled) inc(value string) {
	if c, ok := l.known[value]; ok {
		c.Inc()
		return
	}
	l.other.Inc()
}
