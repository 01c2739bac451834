package telemetry

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pawlauth/pawl"
)

const (
	// countEvery is how often live sessions are counted, at most.
	countEvery = time.Minute
	// countShare bounds the share of the time that counting takes: whoever has so
	// many sessions that it takes seconds, is told less often.
	countShare = 50
)

var (
	liveDesc    = prometheus.NewDesc("pawl_live_sessions", "Live sessions, when they were last counted.", nil, nil)
	liveAgeDesc = prometheus.NewDesc("pawl_live_sessions_age_seconds", "How long ago live sessions were counted.", nil, nil)
)

// live is how many sessions are live. It looks at every one of them, so it is
// counted beside the requests and never while somebody scrapes; until then, and
// where the store cannot count, there is no figure.
type live struct {
	now  func() time.Time
	last atomic.Pointer[counted]
}

type counted struct {
	sessions int
	at       time.Time
}

// CountLive counts s's live sessions once a minute, or less often if that takes
// longer than a second, until ctx is done. Watch registers what it counts.
func (m *Metrics) CountLive(ctx context.Context, s *pawl.Service) {
	wait := time.NewTimer(0)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wait.C:
		}
		began := m.now()
		n, err := s.CountLive(ctx)
		now := m.now()
		if err == nil {
			m.live.last.Store(&counted{n, now})
		} // otherwise the figure grows old, which can be seen; pawl_store_errors_total says why
		wait.Reset(max(countEvery, countShare*now.Sub(began)))
	}
}

// Describe implements [prometheus.Collector].
func (l *live) Describe(ch chan<- *prometheus.Desc) {
	ch <- liveDesc
	ch <- liveAgeDesc
}

// Collect implements [prometheus.Collector].
func (l *live) Collect(ch chan<- prometheus.Metric) {
	c := l.last.Load()
	if c == nil {
		return
	}
	ch <- prometheus.MustNewConstMetric(liveDesc, prometheus.GaugeValue, float64(c.sessions))
	ch <- prometheus.MustNewConstMetric(liveAgeDesc, prometheus.GaugeValue, l.now().Sub(c.at).Seconds())
}
