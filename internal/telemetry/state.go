package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/password"
)

// State is what is looked at when somebody scrapes.
type State struct {
	Service *pawl.Service
	Hasher  *password.Hasher
	Stores  []Store // what of them is known
}

// Store is one of the stores: its kind, such as sqlite.
type Store struct {
	Kind string
	// Stats gives the calls that wait for their turn and the size in bytes.
	Stats func() (waiting int, bytes int64)
	// Unacknowledged is how many ends were answered before a replica had them; nil
	// where the engine itself waits for what it is told to wait for.
	Unacknowledged func() uint64
}

// Watch registers gauges of the state.
func (m *Metrics) Watch(s State) error {
	r := &registry{Registerer: m.reg}
	gauge := func(name, help string, labels prometheus.Labels, f func() float64) {
		r.add(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, f))
	}
	gauge("pawl_live_revocations", "Ended sessions and users whose access tokens may not have expired yet.", nil, func() float64 {
		return float64(s.Service.Revoked().Len())
	})
	gauge("pawl_log_age_seconds", "How long ago this node last read the whole revocation log; a tenth of a second is normal.", nil, func() float64 {
		return s.Service.LogStats().Age.Seconds()
	})
	gauge("pawl_feed_followers", "Connections that follow the feed of revocations here.", nil, func() float64 {
		return float64(s.Service.FollowerCount())
	})
	gauge("pawl_feed_behind_seconds", "How far the follower of the feed that is furthest behind is behind; up to a second is normal.", nil, func() float64 {
		return furthestBehind(s.Service).Seconds()
	})
	gauge("pawl_hash_running", "Passwords that are being hashed.", nil, func() float64 {
		running, _ := s.Hasher.Stats()
		return float64(running)
	})
	gauge("pawl_hash_waiting", "Passwords that wait for their turn to be hashed.", nil, func() float64 {
		_, waiting := s.Hasher.Stats()
		return float64(waiting)
	})
	for _, use := range []string{pawl.UseAccess, pawl.UseRefresh} {
		gauge("pawl_key_age_seconds", "How long the key that signs has been signing.", prometheus.Labels{"use": use}, func() float64 {
			return s.Service.Now().Sub(s.Service.SigningSince(use)).Seconds()
		})
	}
	counter := func(name, help string, labels prometheus.Labels, f func() uint64) {
		r.add(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}, func() float64 { return float64(f()) }))
	}
	counter("pawl_audit_lost_total", "Audit entries that could not be written; the log has them.", nil, s.Service.AuditLost)
	counter("pawl_feed_displaced_total", "Connections to the feed of revocations that had to make way for newer ones of the same client.", nil, s.Service.FollowersDisplaced)
	counter("pawl_log_losses_total", "How often the store had lost entries of the revocation log; what this node knew to have ended was ended again.", nil, func() uint64 {
		return s.Service.LogStats().Losses
	})
	r.add(&m.live)
	for _, store := range s.Stores {
		kind := prometheus.Labels{"store": store.Kind}
		gauge("pawl_store_waiting", "Calls that wait for a connection, or for their commit.", kind, func() float64 {
			waiting, _ := store.Stats()
			return float64(waiting)
		})
		gauge("pawl_store_bytes", "Size of the database with its log; in Redis, of its memory.", kind, func() float64 {
			_, bytes := store.Stats()
			return float64(bytes)
		})
		if store.Unacknowledged != nil {
			counter("pawl_ends_unacknowledged_total", "Ends that no replica had acknowledged in time.", kind, store.Unacknowledged)
		}
	}
	return r.err
}

// furthestBehind is 0 where nobody follows.
func furthestBehind(s *pawl.Service) (most time.Duration) {
	now := s.Now()
	for _, f := range s.Followers() {
		most = max(most, f.Behind(now))
	}
	return most
}
