package telemetry_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/telemetry"
	"github.com/pawlauth/pawl/password"
	"github.com/pawlauth/pawl/store/memory"
)

// counting is a store that says how many sessions are live, and takes its time.
type counting struct {
	*memory.Store
	mu    sync.Mutex
	took  time.Duration
	err   error
	calls int
}

func (c *counting) CountLive(context.Context, time.Time) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	time.Sleep(c.took)
	return 1000 + c.calls, c.err
}

func (c *counting) fromNow(took time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.took, c.err = took, err
}

// Live sessions are counted once a minute, however often somebody scrapes; if
// that takes long, less often; and the figure's age is known.
func TestLiveSessionsAreCountedBesides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		m, err := telemetry.New(reg, telemetry.Options{})
		if err != nil {
			t.Fatal(err)
		}
		s := &counting{Store: memory.New()}
		hasher, err := password.New(password.Options{})
		if err != nil {
			t.Fatal(err)
		}
		svc, err := pawl.New(t.Context(), pawl.Config{
			Issuer: "https://id.example", Audience: []string{"api"}, MasterKey: pawl.NewMasterKey(),
			Sessions: s, Users: s, Keys: s, Hasher: hasher, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer svc.Close()
		if err := m.Watch(telemetry.State{Service: svc, Hasher: hasher}); err != nil {
			t.Fatal(err)
		}
		want := func(lines ...string) {
			t.Helper()
			synctest.Wait()
			w := httptest.NewRecorder()
			telemetry.Handler(reg, slog.New(slog.DiscardHandler)).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
			for _, line := range lines {
				if !strings.Contains(w.Body.String(), "\n"+line+"\n") {
					t.Errorf("%q is not there", line)
				}
			}
			if len(lines) == 0 && strings.Contains(w.Body.String(), "\npawl_live_sessions") {
				t.Error("a figure before anything was counted")
			}
		}
		want()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go m.CountLive(ctx, svc)
		want("pawl_live_sessions 1001", "pawl_live_sessions_age_seconds 0")
		time.Sleep(59 * time.Second)
		want("pawl_live_sessions 1001", "pawl_live_sessions_age_seconds 59")
		time.Sleep(2 * time.Second)
		want("pawl_live_sessions 1002", "pawl_live_sessions_age_seconds 1")

		s.fromNow(10*time.Second, nil) // begins a minute after the one before
		time.Sleep(70 * time.Second)
		want("pawl_live_sessions 1003")
		time.Sleep(499 * time.Second)
		want("pawl_live_sessions 1003")
		time.Sleep(11 * time.Second)
		want("pawl_live_sessions 1004")

		s.fromNow(0, errDown) // the figure grows old
		time.Sleep(500 * time.Second)
		want("pawl_live_sessions 1004", "pawl_live_sessions_age_seconds 501")
	})
}
