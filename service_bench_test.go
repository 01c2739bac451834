package pawl_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/api"
	"github.com/pawlauth/pawl/store/memory"
	"github.com/pawlauth/pawl/store/sqlite"
)

// benchStore is what a benchmark needs of a store.
type benchStore interface {
	pawl.SessionStore
	pawl.KeyStore
}

func benchService(b *testing.B, store benchStore, window bool) *pawl.Service {
	b.Helper()
	svc, err := pawl.New(b.Context(), pawl.Config{
		Issuer: "https://id.example", Audience: []string{"https://api.example"},
		Sessions: store, Keys: store, MasterKey: pawl.NewMasterKey(), Hasher: hasher,
		Users:               &oneUser{User: pawl.User{ID: "id-ann", Login: "ann", PasswordHash: goodHash(), Roles: []string{"editor"}}},
		UnsafeNoReuseWindow: !window,
		OnEvent:             func(context.Context, pawl.Event) {},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(svc.Close)
	return svc
}

var benchStores = map[string]func(b *testing.B) benchStore{
	"memory": func(*testing.B) benchStore { return memory.New() },
	"sqlite": func(b *testing.B) benchStore {
		s, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "pawl.db"), sqlite.Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { s.Close() })
		return s
	},
}

// BenchmarkReissue: each client chains reissues with the token it was last
// given. advance rotates and writes (row 5), resend does not (row 4).
func BenchmarkReissue(b *testing.B) {
	for _, store := range []string{"memory", "sqlite"} {
		for _, kind := range []string{"advance", "resend"} {
			for _, clients := range []int{1, 16, 64} {
				b.Run(fmt.Sprintf("%s/%s/clients-%d", store, kind, clients), func(b *testing.B) {
					svc := benchService(b, benchStores[store](b), kind == "resend")
					benchmarkReissue(b, svc, clients)
				})
			}
		}
	}
}

func benchmarkReissue(b *testing.B, svc *pawl.Service, clients int) {
	refresh := make([]string, clients)
	for i := range refresh {
		t, err := svc.Start(b.Context(), "id-ann", home)
		if err != nil {
			b.Fatal(err)
		}
		refresh[i] = t.RefreshToken
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for i := range refresh {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				t, err := svc.Reissue(b.Context(), api.ReissueRequest{RefreshToken: refresh[i], Address: home.Address, Agent: home.Agent})
				if err != nil {
					b.Error(err)
					return
				}
				refresh[i] = t.RefreshToken
			}
		})
	}
	wg.Wait()
}

func BenchmarkLogin(b *testing.B) {
	for _, store := range []string{"memory", "sqlite"} {
		b.Run(store, func(b *testing.B) {
			svc := benchService(b, benchStores[store](b), true)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := svc.Login(b.Context(), pawl.SignIn{Login: "ann", Password: goodPassword, Client: home}); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

// BenchmarkStart is a cold start on a database that exists.
func BenchmarkStart(b *testing.B) {
	path, master := filepath.Join(b.TempDir(), "pawl.db"), pawl.NewMasterKey()
	for b.Loop() {
		store, err := sqlite.Open(b.Context(), path, sqlite.Options{})
		if err != nil {
			b.Fatal(err)
		}
		svc, err := pawl.New(b.Context(), pawl.Config{
			Issuer: "https://id.example", Audience: []string{"https://api.example"},
			Sessions: store, Keys: store, Users: store, MasterKey: master, Hasher: hasher, Now: time.Now,
		})
		if err != nil {
			b.Fatal(err)
		}
		svc.Close()
		store.Close()
	}
}
