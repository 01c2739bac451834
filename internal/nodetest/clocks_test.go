package nodetest

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/config"
	"github.com/pawlauth/pawl/internal/stores"
)

// Nodes whose machines' clocks are ten seconds apart: with windows of 200 ms,
// and tokens that go from one to the other, nobody is signed out, as all go by
// their store's clock.
func clocksApart(t *testing.T, h *house) {
	master := pawl.NewMasterKey()
	var nodes []*pawl.Service
	for _, ahead := range []time.Duration{-5 * time.Second, 5 * time.Second} {
		nodes = append(nodes, h.skewed(t, master, ahead))
	}
	if _, err := nodes[0].CreateUser(t.Context(), pawl.NewUser{Login: "ann", Password: password}); err != nil {
		t.Fatal(err)
	}
	tok, err := nodes[0].Login(t.Context(), pawl.SignIn{Login: "ann", Password: password})
	if err != nil {
		t.Fatal(err)
	}
	advances := 0
	for i := range 12 {
		parallel := tok // another tab, at the other node, with the same token
		next, err := nodes[i%2].Reissue(t.Context(), api.ReissueRequest{RefreshToken: tok.RefreshToken})
		if err != nil {
			t.Fatalf("reissue %d: %v", i, err)
		}
		if _, err := nodes[1-i%2].Reissue(t.Context(), api.ReissueRequest{RefreshToken: parallel.RefreshToken}); err != nil {
			t.Fatalf("reissue %d, at the other node: %v", i, err)
		}
		if next.RefreshToken != "" && next.RefreshToken != tok.RefreshToken {
			advances++
		}
		tok = next
		time.Sleep(250 * time.Millisecond) // past the window
	}
	if advances < 6 {
		t.Errorf("only %d advances", advances)
	}
	if err := nodes[0].Logout(t.Context(), api.ReissueRequest{RefreshToken: tok.RefreshToken}); err != nil {
		t.Fatal(err)
	}
	if _, err := nodes[1].Reissue(t.Context(), api.ReissueRequest{RefreshToken: tok.RefreshToken}); !errors.Is(err, api.ErrLoginRequired) {
		t.Errorf("after the sign-out: %v", err)
	}
}

// skewed is a node in this process on a machine whose clock is wrong.
func (h *house) skewed(t *testing.T, master pawl.MasterKey, ahead time.Duration) *pawl.Service {
	t.Helper()
	cfg, err := config.Load(config.Sources{Env: h.env[1:]})
	if err != nil {
		t.Fatal(err)
	}
	set, err := stores.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	})
	clock, err := pawl.NewClock(t.Context(), set.Clock, pawl.ClockOptions{LocalNow: func() time.Time { return time.Now().Add(ahead) }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(clock.Close)
	svc, err := pawl.New(t.Context(), pawl.Config{
		Issuer: issuer, Audience: []string{issuer}, Sessions: set.SessionStore, Users: set, Keys: set, MasterKey: master,
		Policy: pawl.Policy{ReuseWindow: 200 * time.Millisecond}, Now: clock.Now, Throttle: set.Throttle,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(svc.Close)
	return svc
}
