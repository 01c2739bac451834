package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pawlauth/pawl"
)

// Clients checks a [pawl.ClientStore].
func Clients(t *testing.T, open Open) {
	for _, test := range []struct {
		name string
		run  func(*fixture)
	}{
		{"a client is read as stored", clientRoundTrip},
		{"an ID is taken once", clientRaces},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(newFixture(t, open))
		})
	}
}

func clientRoundTrip(f *fixture) {
	want := []pawl.RegisteredClient{
		{ID: "a.b-c_1", Secret: code("1"), Scopes: []string{"feed"}, Created: noon},
		{ID: "mailer", Secret: code("2"), Scopes: []string{"sessions", "users"}, Created: noon.Add(ms)},
		{ID: "zero"},
	}
	for _, i := range []int{1, 0, 2} {
		f.must(f.Clients.AddClient(f.ctx, want[i]))
		f.is(f.Second.Clients.AddClient(f.ctx, pawl.RegisteredClient{ID: want[i].ID}), pawl.ErrConflict)
	}
	f.clientsAre(want...)
	for _, c := range want {
		got, err := f.Second.Clients.ClientByID(f.ctx, c.ID)
		f.must(err)
		if diff := cmp.Diff(c.Scopes, append([]string(nil), got.Scopes...)); diff != "" || got.ID != c.ID || got.Secret != c.Secret || !got.Created.Equal(c.Created) {
			f.Errorf("%+v, not %+v", got, c)
		}
	}
	_, err := f.Clients.ClientByID(f.ctx, "MAILER")
	f.is(err, pawl.ErrNotFound)
	f.must(f.Clients.RemoveClient(f.ctx, "mailer"))
	f.is(f.Second.Clients.RemoveClient(f.ctx, "mailer"), pawl.ErrNotFound)
	_, err = f.Second.Clients.ClientByID(f.ctx, "mailer")
	f.is(err, pawl.ErrNotFound)
	f.clientsAre(want[0], want[2])
}

func (f *fixture) clientsAre(want ...pawl.RegisteredClient) {
	f.Helper()
	got, err := f.Second.Clients.ListClients(f.ctx)
	f.must(err)
	for i := range got {
		got[i].Scopes = append([]string(nil), got[i].Scopes...)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		f.Errorf("clients (-want +got):\n%s", diff)
	}
}

func clientRaces(f *fixture) {
	var added, removed atomic.Int64
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			node := []Node{f.Node, f.Second}[i%2]
			if node.Clients.AddClient(f.ctx, pawl.RegisteredClient{ID: "one", Secret: code(fmt.Sprint(i))}) == nil {
				added.Add(1)
			}
		})
	}
	wg.Wait()
	for i := range 16 {
		wg.Go(func() {
			if []Node{f.Node, f.Second}[i%2].Clients.RemoveClient(f.ctx, "one") == nil {
				removed.Add(1)
			}
		})
	}
	wg.Wait()
	if added.Load() != 1 || removed.Load() != 1 {
		f.Errorf("added %d times, removed %d times", added.Load(), removed.Load())
	}
}
