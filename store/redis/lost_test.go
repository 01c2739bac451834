package redis_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/internal/servertest"
	"github.com/pawlauth/pawl/store/memory"
	"github.com/pawlauth/pawl/store/redis"
)

type node struct {
	*pawl.Service
	store *redis.Store
}

func startNodes(t *testing.T, url string, n int, db *memory.Store) (nodes []node) {
	t.Helper()
	key := pawl.NewMasterKey()
	for range n {
		s := openAt(t, url)
		svc, err := pawl.New(t.Context(), pawl.Config{
			Issuer: "https://id.example", Audience: []string{"https://id.example"}, Sessions: s, Users: db, Keys: db, MasterKey: key,
			Policy: pawl.Policy{AccessTTL: time.Second, ReuseWindow: 200 * time.Millisecond}, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(svc.Close)
		nodes = append(nodes, node{svc, s})
	}
	return nodes
}

// SECURITY 86: a fail-over of one primary of a Cluster loses its part of everyone's end. It shows
// there, and the nodes make it again.
func TestEveryonesEndThatIsPartlyLost(t *testing.T) {
	t.Parallel()
	servers := servertest.StartCluster(t)
	db := memory.New()
	nodes := startNodes(t, servers.URL, 2, db)
	sessions := map[string]api.Tokens{}
	for i := range 60 {
		id := fmt.Sprint("user-", i)
		if err := db.CreateUser(t.Context(), pawl.User{ID: id, Login: id}); err != nil {
			t.Fatal(err)
		}
		tokens, err := nodes[0].Start(t.Context(), id, pawl.Client{Address: "203.0.113.7"})
		if err != nil {
			t.Fatal(err)
		}
		sessions[id] = tokens
	}
	servers.Nodes[1].CutReplicas()
	if err := nodes[0].EndAll(t.Context(), api.ReasonEndedByAdmin); err != nil {
		t.Fatal(err)
	}
	servers.KillMaster(1)
	for _, n := range nodes {
		servertest.Await(t, func() error { return n.Ready(t.Context()) })
	}
	for id, tokens := range sessions {
		again(t, func(ctx context.Context) error {
			rec, mark, err := nodes[0].store.Get(ctx, pawl.SessionKey{User: id, ID: tokens.SessionID})
			if err == nil && rec.Live(mark, time.Now()) {
				t.Errorf("the session of %s lives", id)
			}
			return err
		})
		if _, err := nodes[1].Reissue(t.Context(), api.ReissueRequest{RefreshToken: tokens.RefreshToken}); err == nil {
			t.Errorf("the session of %s is reissued", id)
		}
	}
}
