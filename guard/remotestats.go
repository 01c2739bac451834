package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// clockTolerance is how far the clocks may differ before it is worth a message:
// less than the leeway that most guards should have.
const clockTolerance = 10 * time.Second

// keysOverdue is how much longer than their max-age keys may go unfetched before
// it is worth a message.
const keysOverdue = time.Minute

// RemoteStats says how fresh a RemoteIssuer's picture is.
type RemoteStats struct {
	Issuer      string
	Connected   time.Time     // since when the feed has been read; zero: it is not
	LastBeat    time.Time     // when the issuer was last heard of; zero: never
	Age         time.Duration // of the picture; negative: there is none yet
	Stale       bool          // Age is more than RemoteOptions.StaleAfter, or there is no picture
	Refusing    bool          // and so every token is refused (FailClosed)
	Entries     int           // live revocations
	Keys        []string      // kids in force
	KeysFetched time.Time     // the last time that this succeeded
	ClockOffset time.Duration // what to add to this machine's clock to have the issuer's; 0 where it is not known
	Reconnects  uint64
	Resets      uint64   // how often the issuer told everything from the beginning
	Trouble     []string // what is wrong, and what to do; empty: nothing
}

// Stats says how fresh the picture is, and what is wrong.
func (r *RemoteIssuer) Stats() RemoteStats {
	now := r.o.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	s := RemoteStats{
		Issuer: r.o.Issuer, Connected: r.feed.connected, LastBeat: r.feed.beat, Age: -1,
		Stale: r.stale(now), Entries: r.revoked.Len(), KeysFetched: r.ring.at,
		ClockOffset: r.feed.offset.Round(time.Millisecond),
		Reconnects:  max(r.feed.connects, 1) - 1, Resets: r.feed.resets,
	}
	if age, known := r.age(now); known {
		s.Age = age
	}
	s.Refusing = s.Stale && r.o.Stale == FailClosed
	for _, k := range r.keys.Load().Keys() {
		s.Keys = append(s.Keys, k.ID())
	}
	s.Trouble = r.troubles(s, now)
	return s
}

// troubles says what is wrong, for people; mu is held.
func (r *RemoteIssuer) troubles(s RemoteStats, now time.Time) (all []string) {
	if r.feed.trouble != nil {
		all = append(all, fmt.Sprintf("The feed of revocations is not read: %v.%s", r.feed.trouble, remedy(r.feed.trouble)))
	}
	switch {
	case !s.Stale:
	case s.Age < 0:
		all = append(all, "What was ended is not known: the issuer has not been heard of yet.")
	default:
		all = append(all, fmt.Sprintf("What was ended in the last %v is not known.", s.Age.Round(time.Second)))
	}
	if off := s.ClockOffset; off.Abs() > clockTolerance {
		way, what := "behind", "expired tokens are accepted for so long, and new ones may count as not valid yet"
		if off < 0 {
			way, what = "ahead of", "tokens count as expired too early"
		}
		all = append(all, fmt.Sprintf("This machine's clock is %v %s the issuer's: %s. Set the clock.", off.Abs().Round(time.Second), way, what))
	}
	if overdue := now.Sub(r.ring.at) - r.ring.maxAge; r.ring.trouble != nil && overdue > keysOverdue {
		all = append(all, fmt.Sprintf("The keys are from %s: they cannot be fetched anew: %v.", r.ring.at.UTC().Format(time.RFC3339), r.ring.trouble))
	}
	if len(s.Keys) == 0 {
		all = append(all, "The issuer has taken back every key that is known here: every token is refused until its new ones are fetched.")
	}
	return all
}

// remedy is what to do about a feed that is refused.
func remedy(err error) string {
	var status *statusError
	switch {
	case errors.As(err, &status) && unregistered(status):
		return " Look at the client with pawl client list: it needs the scope feed. If its secret is lost, remove the client and add it again."
	case isFinal(err):
		return " This does not mend itself: look at the issuer's URL."
	}
	return ""
}

// health is what Health answers.
type health struct {
	Status             string     `json:"status"` // "ok", "trouble", "stale" or "refusing"
	Issuer             string     `json:"issuer"`
	ConnectedSince     *time.Time `json:"connectedSince,omitempty"`
	LastHeartbeat      *time.Time `json:"lastHeartbeat,omitempty"`
	AgeSeconds         *float64   `json:"ageSeconds,omitempty"`
	Entries            int        `json:"entries"`
	Keys               []string   `json:"keys"`
	KeysFetched        *time.Time `json:"keysFetched,omitempty"`
	ClockOffsetSeconds float64    `json:"clockOffsetSeconds"`
	Reconnects         uint64     `json:"reconnects"`
	Trouble            []string   `json:"trouble,omitempty"`
}

// Health answers GET with how fresh the picture is, as JSON: 503 while every
// token is refused for it, 200 otherwise, with what is wrong in "trouble". It
// names kids and what the network said, and belongs where your own health is.
func (r *RemoteIssuer) Health() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s := r.Stats()
		status := http.StatusOK
		if s.Refusing {
			status = http.StatusServiceUnavailable
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(healthOf(s)) // what fails now is the connection
	})
}

func healthOf(s RemoteStats) health {
	h := health{
		Status: "ok", Issuer: s.Issuer, Entries: s.Entries, Keys: s.Keys, ClockOffsetSeconds: s.ClockOffset.Seconds(),
		Reconnects: s.Reconnects, Trouble: s.Trouble,
		ConnectedSince: notZero(s.Connected), LastHeartbeat: notZero(s.LastBeat), KeysFetched: notZero(s.KeysFetched),
	}
	if s.Age >= 0 {
		age := s.Age.Seconds()
		h.AgeSeconds = &age
	}
	switch {
	case s.Refusing:
		h.Status = "refusing"
	case s.Stale:
		h.Status = "stale"
	case len(s.Trouble) > 0:
		h.Status = "trouble"
	}
	return h
}

func notZero(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
